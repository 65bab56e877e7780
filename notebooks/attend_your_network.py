# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Attend your own network in ten minutes
#
# You have a network that classifies images. Here it gets spatial attention under a budget of bits, and you see which
# parts of the images it needs. Everything runs on a processor, in less than a minute.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("regard") is None:  # as on Colab; where regard is installed, this cell does nothing
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "regard"], check=True)

# %% [markdown]
# ## Images of which the answer is known
#
# `scenes` makes images of a handwritten digit somewhere in noise. So we know what a network must look at, which
# photographs do not tell.

# %% tags=["parameters"]
TRAINING_IMAGES, STEPS = 3000, 180

# %%
import copy

import torch
from torch import nn

import regard
from regard.start import fit_lesson, scenes, share_correct

seen, test = scenes(TRAINING_IMAGES), scenes(400, seed=1)

# %% [markdown]
# ## Your network, trained as you always do
#
# It knows nothing of regard.


# %%
class Yours(nn.Module):
    def __init__(self):
        super().__init__()

        def block(inside, outside, stride):
            convolution = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU())

        self.early = nn.Sequential(block(3, 16, 2), block(16, 32, 1))
        self.late = nn.Sequential(block(32, 64, 2), block(64, 64, 1), block(64, 64, 2))
        self.head = nn.Linear(64, 10)

    def forward(self, images):
        return self.head(self.late(self.early(images)).mean((2, 3)))


torch.manual_seed(0)
network = fit_lesson(Yours(), seen, steps=STEPS)  # a short loop of AdamW; yours does it as well
print(f"plain network: accuracy {share_correct(network, test):.3f}")

# %% [markdown]
# ## Attention after one of its layers
#
# `AttentiveClassifier` takes the network as it is. After the layer `early`, a small head reads the features and
# decides, position by position, how much passes; the rest is replaced by noise. What passes has a price in bits, and
# on average an image pays the `budget`. In your own loop three lines are new:
#
# * `set_progress`: the budget falls from everything to what is asked;
# * `information_loss` in place of the cross-entropy;
# * `calibrate_attention` at the end, by which the budget is met.

# %%
from regard.attention import set_progress
from regard.training import calibrate_attention

model = regard.AttentiveClassifier(
    copy.deepcopy(network), 10, at="early", attention_options={"budget": 400.0}, input_size=(32, 32)
)
optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
model.train()
for step in range(STEPS):
    batch = torch.randint(len(seen.images), (64,))
    set_progress(model, step / STEPS)
    losses = regard.information_loss(model(seen.images[batch]), seen.labels[batch], regard.Weights())
    optimizer.zero_grad()
    losses.total.backward()
    optimizer.step()
    schedule.step()
set_progress(model, 1.0)
calibrate_attention(model, seen.images[:200], seen.images[200:400])

maps = model.explain(test.images)
paid = maps.values.sum((1, 2, 3)).mean()
print(f"with attention: accuracy {share_correct(model, test):.3f}, paid {paid:.0f} {maps.unit} an image")

# %% [markdown]
# ## What it looks at
#
# A value of the map is the number of bits that pass at that position; together they are what the image paid.

# %%
titles = [f"a {label}" for label in test.labels[:3].tolist()]
regard.plot.sheet(test.images[:3], regard.Map(maps.values[:3], maps.unit), titles=titles)

# %% [markdown]
# ## Is that more than a nice picture?
#
# Two numbers, each beside what needs no skill:
#
# * the share of the bits that lies on the digit, beside the digit's share of the area, which a uniform map reaches;
# * the accuracy when every image gets the map of another image. If it does not fall, the network ignores its map.

# %%
fine = maps.resize((32, 32)).values
on_digit = (fine * test.masks).sum((1, 2, 3)) / fine.sum((1, 2, 3))
with torch.no_grad():
    own = model(test.images).attention[0].map[0]
    other = model(test.images, map_override=own.roll(1, 0)).logits[0]
with_other = (other.argmax(1) == test.labels).float().mean()
print(f"bits on the digit: {on_digit.mean():.2f}; the digit's share of the area: {test.masks.float().mean():.2f}")
print(f"accuracy with its own map: {share_correct(model, test):.3f}; with another image's: {with_other:.3f}")

# %% [markdown]
# ## Next
#
# * Your own photographs need no code: `regard init photos/`, then `regard train --recipe photos.yaml`.
# * Whether a map can be trusted, also one by another method: *Can I trust this heat map?*
# * How accuracy depends on the bits: *The information plane*.
# * `model.plain()` is the network as a module from images to logits, for everything that expects one.
