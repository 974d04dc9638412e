"""
Which representation has collapsed?
===================================

Five representations of the same handwritten digits, with 32 features each. A classifier
may do well on all of them; some use a fraction of the room they have. One call tells
which.
"""

# %%
# One spreads in all directions. The others have collapsed, each in its own way: half of
# the features are dead, features are copies of each other, all digits lie in one small
# region, and a few directions drown the rest.

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skwass.metrics import representation_report
from skwass.plotting import SpectrumDisplay, UniformityDisplay

X = load_digits().data
whitened = PCA(32, whiten=True, random_state=0).fit_transform(X)
representations = {
    "whitened": whitened,
    "half dead": np.where(np.arange(32) < 16, whitened, 0),
    "copies": np.tile(whitened[:, :8], 4),
    "one region": whitened + 30 * np.eye(32)[0],
    "principal": PCA(32, random_state=0).fit_transform(X),
}

# %%
# The Wasserstein uniformity is a distance from uniform: zero at best, 1.414 if all
# samples are one point. Even uniform samples do not reach zero if they are few; the
# report tells that floor, and how far above it a representation is.

print(representation_report(representations["copies"], name="copies"))

# %%
# No figure sees everything. The effective rank takes no notice of the small region, and
# Wang–Isola uniformity makes little of dead features and copies.

reports = [representation_report(Z, name=name) for name, Z in representations.items()]
columns = ["wasserstein_uniformity", "excess", "collapsed_share", "effective_rank"]
frame = pd.concat([report.to_frame() for report in reports])
frame[[*columns, "wang_isola_uniformity"]].round(2)

# %%
# The spectrum shows how each has collapsed. A uniform representation follows the dotted
# line.

display, *_ = SpectrumDisplay.from_representations(representations)
display.ax_.set_title("singular values of five representations")

# %%
# If a share of the dimensions collapses and the rest stays uniform, the distance
# follows a law. It gives any representation a place: as uniform as if that share were
# gone.

law = UniformityDisplay.from_simulation(200, random_state=0)
law.line_.set_color("0.5")
for place, (name, Z) in enumerate(representations.items()):
    law.add(Z, name, color=f"C{place}")  # as above
law.ax_.legend(loc="upper left")
law.ax_.set_title("as if that share of the dimensions were gone")
