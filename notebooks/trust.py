# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Can I trust this heat map?
#
# A heat map is a claim: *the prediction depends on these places*. Many maps look convincing, even those of methods
# that do not depend on the network. Here a network cheats, we know how, and ask which map says so, and how we would
# have found out had we not known.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("regard") is None:  # as on Colab; where regard is installed, this cell does nothing
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "regard"], check=True)

# %% tags=["parameters"]
TRAINING_IMAGES, STEPS, JUDGED = 3000, 150, 24

# %%
from dataclasses import replace

import torch

import regard
from regard.start import SmallNetwork, fit_lesson, scenes, share_correct

# %% [markdown]
# ## A network that cheats
#
# A digit lies somewhere in noise. In the training images, somebody left a mark: the brightness of the upper left
# corner tells the class. Nobody noticed, since the accuracy is excellent on images with the mark.


# %%
def marked(batch):
    images = batch.images.clone()
    images[:, :, :4, :4] = (batch.labels / 9)[:, None, None, None]
    return replace(batch, images=images)


torch.manual_seed(0)
seen, test = scenes(TRAINING_IMAGES), scenes(400, seed=1)
cheat = fit_lesson(SmallNetwork(), marked(seen), steps=STEPS)
honest = fit_lesson(SmallNetwork(), seen, steps=STEPS)
for name, network in (("cheat", cheat), ("honest", honest)):
    with_mark, without = share_correct(network, marked(test)), share_correct(network, test)
    print(f"{name}: accuracy with the mark {with_mark:.2f}, without {without:.2f}")

# %% [markdown]
# ## Maps of one image
#
# *random* and *center* do not depend on the network at all: they are controls, and a map that is not better than they
# are says nothing, whatever it looks like.

# %%
image = marked(test).images[:1]
methods = ["grad_cam", "layer_cam", "smooth_grad", "occlusion", "random", "center"]
layers = {name: {"layer": "late"} if name.endswith("cam") else {} for name in methods}
maps = {name: regard.explain(cheat, image, name, **layers[name]) for name in methods}
regard.plot.method_sheet(regard.plot.picture_of(image[0]), maps, title=f"a {int(test.labels[0])}, as the cheat sees it")

# %% [markdown]
# ## What the answer is
#
# Here it is known: the share of each map that lies on the mark, of positive values alone. The mark has 16 of 1,024
# pixels. Of photographs nobody knows this number; the next section does without it.


# %%
def share_in_corner(map):
    fine = map.resize((32, 32)).values.clamp(min=0)
    return float((fine[..., :4, :4].sum((1, 2, 3)) / fine.sum((1, 2, 3)).clamp(min=1e-12)).mean())


some = marked(test).images[:JUDGED]
for name in methods:
    shares = [share_in_corner(regard.explain(net, some, name, **layers[name])) for net in (cheat, honest)]
    print(f"{name:<12} on the mark: cheat {shares[0]:.2f}, honest {shares[1]:.2f}   (uniform {16 / 1024:.2f})")

# %% [markdown]
# Only the cheat's maps rise above the uniform share, and they differ much in how clearly they say it: the class
# activation maps stand on a grid of 4 x 4, on which the mark is a quarter of a cell. *random* and *center* are the
# same for both networks.

# %% [markdown]
# ## Without knowing the answer: remove what the map shows
#
# `regard.judge` removes pixels in the order of the map and follows the probability of the predicted class: *deletion*
# from the most relevant on, *insertion* the other way round. Their gap is large where the order is right. Every score
# stands beside its floor, a map of the same values in random places. `verdict` says what the interval of the
# difference supports.

# %%
results = regard.judge(cheat, some, methods=methods, metrics="paths_mean", count=JUDGED, steps=8, layer="late")
table = results.to_frame()
gap = table[table.measure.str.contains("gap")][["method", "value", "low", "high", "floor", "verdict"]]
print(gap.round(3).to_string(index=False))

# %% [markdown]
# ## Does the map depend on what the network learned?
#
# A network with random weights knows nothing. A map that stays the same when the weights are made random does not
# show what was learned. Below: the rank correlation of the map of the trained network with that of one with random
# weights.

# %%
from regard.metrics import spearman

torch.manual_seed(1)
unlearned = SmallNetwork().eval()
for name in methods:
    pair = [regard.explain(net, some, name, **layers[name]).resize((32, 32)).values for net in (cheat, unlearned)]
    print(f"{name:<12} rank correlation with the map of random weights {spearman(*pair).nanmean():+.2f}")

# %% [markdown]
# ## What to take home
#
# * Look at maps beside controls. *random* and *center* keep their shape for every network.
# * Believe numbers with a floor: a map must be better than its own values in random places.
# * A good score says that the prediction depends on these places, not that it *should*: the maps of the cheat are
#   right, and the network is wrong. That is what they are for.
# * `regard judge --model NETWORK --data FOLDER` does all of this, and more, for your own network, and writes a page.
