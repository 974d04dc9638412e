"""How sphinx builds these pages."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import matplotlib

import skwass

matplotlib.use("Agg")

HERE = Path(__file__).parent

# -- project ---------------------------------------------------------------------------

project = "skwass"
author = "the skwass developers"
copyright = "2026, the skwass developers"
version = release = skwass.__version__

# -- sphinx ----------------------------------------------------------------------------

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
# fragments that another page includes are no pages
exclude_patterns = ["_build", "generated/*.inc", "results/*"]
default_role = "py:obj"
nitpicky = False

autosummary_generate = True
# what the template of a class asks for, besides the methods that the class defines
autosummary_context = {
    "shown_if_inherited": ["fit_transform", "score"],
    "properties": {
        name: [
            attribute
            for attribute, value in inspect.getmembers(getattr(skwass, name))
            if isinstance(value, property) and not attribute.startswith("_")
        ]
        for name in skwass.__all__
        if inspect.isclass(getattr(skwass, name))
    },
}
autodoc_typehints = "none"  # the docstrings say the types, with shapes
# the template of a class lists its methods, so numpydoc must not list them again
numpydoc_show_class_members = False
# a docstring that names other parameters than the signature fails the build
numpydoc_validation_checks = {"GL07", "PR01", "PR02", "PR03", "PR04", "RT01", "RT03"}
numpydoc_validation_exclude = {
    r"\.fit_transform$",  # inherited from scikit-learn
    r"\.(add_param_group|load_state_dict)$",  # as in torch
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skwass",),
    "reference_url": {"skwass": None},
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
}

# -- pages -----------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "skwass"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}

# -- docstrings of scikit-learn --------------------------------------------------------

REFERENCE = re.compile(r":(?:ref|term):`([^`<]+?)(?: <[^>]*>)?`")


def drop_references(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Leave only the words of references to pages that scikit-learn has, not we."""
    if getattr(obj, "__module__", "").startswith("sklearn."):
        lines[:] = [REFERENCE.sub(r"\1", line) for line in lines]


# -- results ---------------------------------------------------------------------------

NO_RESULTS = "No benchmark has been run yet.\n"


def collect_results(app: object) -> None:
    """Write what `results.rst` includes: every fragment that a benchmark has left."""
    fragments = sorted((HERE / "results").glob("*.rst"))
    text = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in fragments)
    target = HERE / "generated" / "results.inc"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text + "\n" if fragments else NO_RESULTS, encoding="utf-8")


def setup(app: object) -> None:
    app.connect("builder-inited", collect_results)
    app.connect("autodoc-process-docstring", drop_references)
