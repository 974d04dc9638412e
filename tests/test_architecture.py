"""The house rules of the folder tree, read off the source by parsing its imports."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skwass

ROOT = Path(__file__).parents[1]

#: from the ground up; a folder imports from lower layers only
LAYERS = (
    {"clouds", "nn"},
    {"transport"},
    {"metrics", "training"},
    {"manifold", "robust", "vision", "selfsupervised"},
    {"plotting", "datasets", "__main__"},
)
#: layers whose folders do not know each other
STRANGERS = (0, 3)
#: third-party packages that only one folder may import
AT_HOME = {"ot": "transport"}
#: third-party packages that a folder must not import
BANNED = {"nn": {"sklearn", "skorch"}}
MAX_LINES = 400


# -- reading the tree ------------------------------------------------------------------


def module_files(package: Path) -> dict[str, Path]:
    """Dotted name → file, for every module of a package."""
    files = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        files[".".join(parts)] = path
    return files


def imported_names(module: str, path: Path) -> Iterator[str]:
    """Everything a module imports, at any depth: in functions, under TYPE_CHECKING.

    ``from a import b`` gives ``a.b``, whatever ``b`` is.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def import_graph(package: Path) -> dict[str, set[str]]:
    """Module → what it imports: modules of the package in full, others by first name.

    A name that is no module, such as a class, stands for the module it is taken from.
    """
    files = module_files(package)
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        graph[module] = set()
        for name in imported_names(module, path):
            if name.split(".")[0] != package.name:
                graph[module].add(name.split(".")[0])
                continue
            while name not in files and "." in name:
                name = name.rpartition(".")[0]
            graph[module].add(name)
    return graph


# -- the rules -------------------------------------------------------------------------


def folder_of(module: str) -> str:
    """The folder, or file, right under the package; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def layer_of(folder: str) -> int | None:
    if folder == "":
        return len(LAYERS)  # the package itself stands above all
    found = [number for number, layer in enumerate(LAYERS) if folder in layer]
    return found[0] if found else None


def layer_violations(package: Path) -> list[str]:
    """Imports that point upward, between strangers, or touch a folder of no layer."""
    violations = []
    for module, targets in import_graph(package).items():
        folder = folder_of(module)
        layer = layer_of(folder)
        if layer is None:
            violations.append(f"{module} is in no layer")
            continue
        for target in sorted(targets):
            if target.split(".")[0] != package.name or folder_of(target) == folder:
                continue
            target_layer = layer_of(folder_of(target))
            # the command line is nobody's foundation, so it may use what users use
            if target == package.name and folder == "__main__":
                continue
            if target_layer is None or target_layer > layer:
                violations.append(f"{module} imports {target}, which is above it")
            elif target_layer == layer and layer in STRANGERS:
                violations.append(f"{module} imports {target}, its sibling")
    return violations


def third_party_violations(package: Path) -> list[str]:
    """POT outside of transport; scikit-learn or skorch inside nn."""
    violations = []
    for module, targets in import_graph(package).items():
        folder = folder_of(module)
        strays = {name for name, home in AT_HOME.items() if home != folder}
        forbidden = strays | BANNED.get(folder, set())
        violations += [f"{module} imports {name}" for name in targets & forbidden]
    return violations


def circle(package: Path) -> list[str]:
    """Modules, or folders, that import each other in a circle; empty if none do."""
    modules = import_graph(package)
    folders: dict[str, set[str]] = {}
    for module, targets in modules.items():
        within = {folder_of(t) for t in targets if t.split(".")[0] == package.name}
        folders.setdefault(folder_of(module), set()).update(
            within - {folder_of(module)}
        )
    # `from package import name` in __main__ is no arrow between folders
    folders.get("__main__", set()).discard("")
    for graph in (modules, folders):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            return list(error.args[1])
    return []


def too_long(package: Path) -> list[str]:
    return [
        str(path.relative_to(package.parent))
        for path in module_files(package).values()
        if len(path.read_text(encoding="utf-8").splitlines()) >= MAX_LINES
    ]


# -- the rules hold --------------------------------------------------------------------


def test__imports__never_point_upward():
    assert layer_violations(ROOT / "skwass") == []


def test__imports__of_third_parties_stay_where_they_belong():
    assert third_party_violations(ROOT / "skwass") == []


def test__imports__close_no_circle():
    assert circle(ROOT / "skwass") == []


def test__modules__stay_short():
    assert too_long(ROOT / "skwass") == []


def test__source__leaves_nothing_to_be_done():
    marks = ("TO" + "DO", "FIX" + "ME")
    folders = ("skwass", "tests", "benchmarks", "examples")
    unfinished = [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    ]
    assert unfinished == []


def test__documentation__tells_of_every_folder():
    page = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
    folders = {folder_of(module) for module in module_files(ROOT / "skwass")} - {""}
    assert {name for name in folders if name not in page} == set()


def test__documentation__lists_every_public_name():
    page = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    listed = {line.strip() for line in page.splitlines()}
    assert set(skwass.__all__) - listed == set()


def test__public_names__are_sorted_and_unique():
    # as ruff wants it: names in capitals first
    order = sorted(set(skwass.__all__), key=lambda name: (not name.isupper(), name))
    assert skwass.__all__ == order


@pytest.mark.parametrize("name", skwass.__all__)
def test__public_name__exists_and_shows_an_example(name):
    thing = getattr(skwass, name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        doc = inspect.getdoc(thing) or ""
        assert "Examples\n--------" in doc
        assert ">>> " in doc


@pytest.mark.parametrize("name", skwass.__all__)
def test__public_name__documents_its_parameters(name):
    thing = getattr(skwass, name)
    doc = inspect.getdoc(thing) or ""
    for parameter in inspect.signature(thing).parameters.values():
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        label = stars + parameter.name
        assert f"\n{label} : " in doc, f"{name} does not document {label}"


# -- the checks themselves can fail ----------------------------------------------------


def make_package(tmp_path: Path, files: dict[str, str]) -> Path:
    package = tmp_path / "house"
    for name, source in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != package:
            (path.parent / "__init__.py").touch()
        path.write_text(source, encoding="utf-8")
    return package


SOUND = {
    "__init__.py": "from house.manifold import Embedder\n",
    "__main__.py": "from house import Embedder\nimport house.plotting\n",
    "clouds/_a.py": "import numpy\nfrom sklearn.base import BaseEstimator\n",
    "clouds/_b.py": "from ._a import numpy\n",
    "nn/_a.py": "import torch\n",
    "transport/_a.py": "import ot\nfrom house.clouds import _a\n",
    "manifold/__init__.py": "from house.manifold._a import Embedder\n",
    "manifold/_a.py": "from house.transport._a import ot as Embedder\n",
    "plotting/_a.py": "from ..manifold import Embedder\n",
}


def test__checks__accept_a_sound_tree(tmp_path):
    package = make_package(tmp_path, SOUND)
    assert layer_violations(package) == []
    assert third_party_violations(package) == []
    assert circle(package) == []
    assert too_long(package) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("clouds/_c.py", "from house.transport import thing\n"),
        ("clouds/_c.py", "import house.transport._a\n"),
        ("clouds/_c.py", "from ..transport import _a\n"),
        ("clouds/_c.py", "from .. import transport\n"),
        ("clouds/_c.py", "def later():\n    from house.training import thing\n"),
        (
            "transport/_c.py",
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from house.manifold import Embedder\n",
        ),
        ("clouds/_c.py", "from house.nn import _a\n"),
        ("robust/_a.py", "from house.manifold import Embedder\n"),
        ("metrics/_a.py", "from house import Embedder\n"),
        ("unheard_of.py", "import numpy\n"),
    ],
)
def test__layer_check__sees_a_violation(tmp_path, file, source):
    package = make_package(tmp_path, {**SOUND, "training/_a.py": "", file: source})
    assert len(layer_violations(package)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("manifold/_c.py", "import ot\n"),
        ("manifold/_c.py", "from ot.lp import emd\n"),
        ("metrics/_c.py", "def later():\n    import ot.lp as lp\n"),
        ("__init__.py", "import ot\n"),
        ("nn/_c.py", "from sklearn.base import BaseEstimator\n"),
        ("nn/_c.py", "import skorch\n"),
    ],
)
def test__third_party_check__sees_a_violation(tmp_path, file, source):
    package = make_package(tmp_path, {**SOUND, file: source})
    assert len(third_party_violations(package)) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"clouds/_x.py": "from ._y import a\n", "clouds/_y.py": "from ._x import b\n"},
        {
            "clouds/__init__.py": "from house.clouds._x import a\n",
            "clouds/_x.py": "def later():\n    from house.clouds import a\n",
        },
        # no circle of modules, but one of folders
        {
            "metrics/_x.py": "from house.training._x import a\n",
            "training/_x.py": "",
            "training/_y.py": "from house.metrics._y import a\n",
            "metrics/_y.py": "",
        },
    ],
)
def test__circle_check__sees_a_circle(tmp_path, files):
    assert circle(make_package(tmp_path, {**SOUND, **files})) != []


def test__length_check__sees_a_long_module(tmp_path):
    files = {**SOUND, "clouds/_long.py": "x = 1\n" * MAX_LINES}
    assert too_long(make_package(tmp_path, files)) == ["house/clouds/_long.py"]
