# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Glance, then look
#
# Attention inside a network cannot leave pixels out: every kept position has seen its neighbours. Here a small
# network sees the image in low resolution, buys a quarter of the pixels, and a second network sees those and nothing
# else.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("regard") is None:  # as on Colab; where regard is installed, this cell does nothing
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "regard"], check=True)

# %% tags=["parameters"]
TRAINING_IMAGES, PLAIN_STEPS, STEPS = 3000, 180, 150

# %%
import copy

import torch

import regard
from regard.start import SmallNetwork, fit_lesson, scenes, share_correct

seen, test = scenes(TRAINING_IMAGES), scenes(400, seed=1)
torch.manual_seed(0)
whole = fit_lesson(SmallNetwork(), seen, steps=PLAIN_STEPS)
print(f"on whole images: accuracy {share_correct(whole, test):.3f}")

# %% [markdown]
# ## Three glances that buy the same
#
# `view="crop"`: what is bought is one window of 16 of the 64 patches, a quarter of the pixels. The *learned* glance
# decides from the image in low resolution; *random* and *center* are controls. A choice has no derivative: in
# training several windows are drawn for each image, and those that do better than the image's others become likelier.

# %%
models = {}
for places in ("learned", "random", "center"):
    model = regard.GlanceClassifier(
        copy.deepcopy(whole), 10, budget=0.25, view="crop", patch=4, places=places, input_size=(32, 32)
    )
    models[places] = fit_lesson(model, seen, steps=STEPS if places == "learned" else STEPS // 2, lr=3e-3)
    print(f"{places}: accuracy {share_correct(models[places], test):.3f}")

# %% [markdown]
# ## What was bought

# %%
model = models["learned"]
with torch.no_grad():
    output = model(test.images)
    bought = output.attention[0].map[0]
titles = [f"a {label}" for label in test.labels[:3].tolist()]
regard.plot.sheet(test.images[:3], regard.Map(bought[:3], "gate"), titles=titles)

# %% [markdown]
# ## The rest was not seen: a proof
#
# With the choice held fixed, every pixel that was not bought is replaced by something that is no number. Not one bit
# of the output changes.

# %%
pixels = bought.repeat_interleave(4, 2).repeat_interleave(4, 3) > 0
spoiled = torch.where(pixels, test.images, torch.nan)
with torch.no_grad():
    same = torch.equal(model(spoiled, map_override=bought).logits, model(test.images, map_override=bought).logits)
print("outputs are equal, bit for bit:", same)

# %% [markdown]
# ## What the choice itself tells
#
# Where the glance looks says something, too. The name of a choice, its *code*, has at most log2 of the number of
# choices: with one window of 4 x 4 patches in a grid of 8 x 8 there are 25.

# %%
bits = output.attention[0].code / torch.log(torch.tensor(2.0))
print(f"{float(bits.mean()):.2f} bits name a window; log2 25 = {torch.log2(torch.tensor(25.0)):.2f}")
on_digit = (pixels * test.masks).sum((1, 2, 3)) / test.masks.sum((1, 2, 3))
regard.plot.curve(
    {"learned": on_digit.sort().values.tolist()},
    xlabel="test images, from worst to best",
    ylabel="share of the digit's strokes bought",
)
# %% [markdown]
# ## What to take home
#
# * *Where* is worth much here: random and central windows see as many pixels.
# * A receipt of what was bought fits in a small file: `regard receipt bird.png --run runs/mine`.
# * On harder images a glance costs accuracy: the page *Glance, then look* of the documentation has the numbers.
