"""
Documents as clouds of words
============================

A document is a cloud: its words are points in a space where words of like meaning are
close, and how often they occur is their weight. The Wasserstein distance between two
documents, known as the word mover's distance, is small if each word of one has
something to go to in the other, even if they share none.
:class:`~skwass.WormholeEmbedder` turns it into vectors that can be searched.
"""

# %%
# The documents are on this computer already: summary and notes of each of SciPy's
# functions and classes. The package that one comes from is its topic:

import importlib
import inspect
import itertools
import re
from collections import Counter

import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import normalize

from skwass import WormholeEmbedder, as_point_clouds, sampled_wasserstein_distances

packages = [
    "stats",
    "signal",
    "ndimage",
    "linalg",
    "sparse",
    "sparse.csgraph",
    "optimize",
    "interpolate",
    "integrate",
    "spatial",
    "cluster.hierarchy",
    "fft",
]
no_words = r":math:`[^`]*`|``[^`]*``|^ *\.\. .*|:\w+:|\w*[_.]\w+"


def documents(package):
    """Name and text of each function and class of a package."""
    module = importlib.import_module(f"scipy.{package}")
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isroutine(thing) or inspect.isclass(thing):
            text = "\nSummary\n-------\n" + (inspect.getdoc(thing) or "")
            _, *parts = re.split(r"\n(.+)\n-{3,}\n", text.split("Array API")[0])
            sections = dict(zip(parts[::2], parts[1::2], strict=True))
            text = sections["Summary"] + sections.get("Notes", "")
            yield f"{package}.{name}", re.sub(no_words, " ", text, flags=re.MULTILINE)


found = {}
for number, package in enumerate(packages):
    for name, text in documents(package):
        found.setdefault(text, (name, number))
# a sentence that ten documents share says nothing about any of them
sentences = [re.split(r"\.\s|\n\n", text) for text in found]
common = Counter(itertools.chain.from_iterable(map(set, sentences)))
texts = [". ".join(s for s in own if common[s] < 10) for own in sentences]
names, topic = (np.array(column) for column in zip(*found.values(), strict=True))

# %%
# Words get their vectors from the company they keep: words that stand near the same
# others are close. That is the singular value decomposition of how much more often than
# by chance two words are at most eight words apart:

words = TfidfVectorizer(
    token_pattern="[a-z]{3,}",
    stop_words="english",
    min_df=3,
    max_df=0.15,
    sublinear_tf=True,
)
weights = words.fit_transform(texts)
enough = np.diff(weights.indptr) >= 10  # of what is shorter there is little to say
weights, names, topic = weights[enough], names[enough], topic[enough]
vocabulary, read = words.vocabulary_, words.build_analyzer()
near = np.zeros((len(vocabulary), len(vocabulary)))
for text in texts:
    row = np.array([vocabulary[word] for word in read(text) if word in vocabulary])
    for gap in range(1, 9):
        np.add.at(near, (row[:-gap], row[gap:]), 1)
near += near.T
often = near.sum(axis=0) ** 0.75
chance = np.outer(near.sum(axis=1), often / often.sum())
surprise = np.log(np.maximum(near / np.maximum(chance, 1e-12), 1))
vectors = normalize(TruncatedSVD(20, random_state=0).fit_transform(surprise))

spelled = words.get_feature_names_out()
for word in ("eigenvalues", "fourier", "hypothesis", "clusters", "minimize"):
    similar = np.argsort(-vectors @ vectors[vocabulary[word]])[1:6]
    print(f"{word:12}", *spelled[similar])

# %%
# A document is the cloud of its thirty weightiest words. The embedder learns from four
# fifths of the documents:


def clouds_of(weights):
    """One cloud for each row of the weights of words."""
    clouds = []
    for start, stop in itertools.pairwise(weights.indptr):
        word, weight = weights.indices[start:stop], weights.data[start:stop]
        top = np.argsort(-weight)[:30]
        clouds.append((vectors[word[top]], weight[top]))
    return as_point_clouds(clouds)


clouds = clouds_of(weights)
seen, unseen = train_test_split(
    np.arange(len(clouds)), test_size=0.2, stratify=topic, random_state=0
)
embedder = WormholeEmbedder(
    n_components=64, n_pairs=40_000, max_iter=20, decoder=False, random_state=0
)
embedding = embedder.fit(clouds[seen]).transform(clouds)
clouds

# %%
# The others it places without having seen them. Among those, here are distances of
# embeddings against the word mover's distance, which is exact and has to be solved for
# each pair. Among documents that were learned from they are right on average. Among new
# ones they fall short, by an eighth in the middle, and keep their order:

rng = np.random.default_rng(0)
pairs = rng.choice(unseen, size=(2000, 2))
pairs = pairs[pairs[:, 0] != pairs[:, 1]]
exact = sampled_wasserstein_distances(clouds, pairs)
embedded = np.linalg.norm(embedding[pairs[:, 0]] - embedding[pairs[:, 1]], axis=1)

fig, ax = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
ax.axline((1, 1), slope=1, color="grey", lw=1)
ax.scatter(exact, embedded, s=4, alpha=0.4)
ax.set(xlabel="word mover's distance", ylabel="distance of embeddings", aspect="equal")
ax.set_title(f"new documents, score {embedder.score(clouds[unseen]):.2f}")

# %%
# A question is a cloud like any other. It is answered by the nearest embeddings, which
# takes no transport between documents:

questions = [
    "draw a smooth curve through noisy points",
    "do two populations have the same median",
    "the shortest path between two vertices",
    "correlation between rankings",
    "decompose a matrix into triangular factors",
    "where a signal has its peaks",
]
asked = embedder.transform(clouds_of(words.transform(questions)))
for number, (question, place) in enumerate(zip(questions, asked, strict=True), 1):
    nearest = np.argsort(np.linalg.norm(embedding - place, axis=1))[:4]
    print(f"{number}. {question}?\n     ", *names[nearest])

# %%
# The map of all documents, coloured by the package that they come from, which the
# embedder was not told. Each group of them is named after the words that set it apart,
# and black discs are the questions:

everything = np.vstack([embedding, asked])
layout = TSNE(perplexity=20, random_state=0).fit_transform(everything)
layout, discs = layout[: len(clouds)], layout[len(clouds) :]
groups = KMeans(28, n_init=5, random_state=0).fit_predict(layout)

fig, ax = plt.subplots(figsize=(10, 8), layout="constrained")
colours = plt.get_cmap("tab20")
for number, package in enumerate(packages):
    ax.scatter(*layout[topic == number].T, s=22, color=colours(number), label=package)
share = np.eye(28)[groups].T @ weights
special = share**2 / np.maximum(share.sum(axis=0), 1e-12)
for group in np.argsort(-np.bincount(groups)):
    label = np.argsort(-special[group])[:2]
    special[:, label] = 0  # a word is written once
    place = np.median(layout[groups == group], axis=0)
    text = ax.text(*place, "\n".join(spelled[label]), ha="center", va="center")
    text.set_path_effects([effects.withStroke(linewidth=3, foreground="white")])
    text.set(fontsize=9, linespacing=0.9)
for number, disc in enumerate(discs, 1):
    ax.scatter(*disc, s=170, color="black", ec="white", zorder=3)
    digit = ax.text(*disc, str(number), color="white", ha="center", va="center")
    digit.set(fontsize=8, weight="bold", zorder=4)
ax.legend(title="package", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
ax.set_axis_off()
