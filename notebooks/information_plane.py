# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # The information plane
#
# How many bits does a network need? An attended network pays for what it looks at, so the question has an answer:
# train it at several budgets and draw what it reaches against what it paid. The control pays the same bits in the
# wrong places.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("regard") is None:  # as on Colab; where regard is installed, this cell does nothing
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "regard"], check=True)

# %% tags=["parameters"]
TRAINING_IMAGES, PLAIN_STEPS, STEPS, BUDGETS = 3000, 180, 150, (100.0, 300.0, 1000.0, 3000.0)

# %%
import copy

import torch

import regard
from regard.plot import PlanePoint
from regard.start import SmallNetwork, fit_lesson, scenes, share_correct

seen, test = scenes(TRAINING_IMAGES), scenes(400, seed=1)
torch.manual_seed(0)
plain = fit_lesson(SmallNetwork(), seen, steps=PLAIN_STEPS)
print(f"plain network, without a budget: accuracy {share_correct(plain, test):.3f}")

# %% [markdown]
# ## One network for each budget
#
# Each goes on from the plain network. The price of a position is what the noisy features tell of the clean ones: with
# a gate value `a` and a feature `f` in units of its channel's spread it is ½ [(1-a)² + a² f² - 1 - ln (1-a)²] nats,
# summed over channels. A budget is kept by construction: one threshold is subtracted from the logits of the map so
# that images pay it on average.
#
# The control has the same bits in other places: every image gets the map of another image.


# %%
@torch.no_grad()
def measured(model, map_override=None):
    """Accuracy with one sample of the noise, the channel that the bits price, and half of its 95 % interval."""
    torch.manual_seed(0)
    logits = model(test.images, samples=1, map_override=map_override).logits[0]
    right = (logits.argmax(1) == test.labels).float()
    return float(right.mean()), 1.96 * float(right.std()) / len(right) ** 0.5


points, models = [], {}
for budget in BUDGETS:
    options = {"budget": budget}
    model = regard.AttentiveClassifier(
        copy.deepcopy(plain), 10, at="early", attention_options=options, input_size=(32, 32)
    )
    models[budget] = model = fit_lesson(model, seen, steps=STEPS, lr=3e-3)
    with torch.no_grad():
        own = model(test.images).attention[0].map[0]
    bits = float(model.explain(test.images).values.sum((1, 2, 3)).mean())
    for kind, override in (("its own map", None), ("another image's map", own.roll(1, 0))):
        value, half = measured(model, override)
        name = f"{budget:g} bits" if override is None else ""
        points.append(PlanePoint(kind, bits, value, value - half, value + half, name))
    print(f"{budget:g} bits asked, {bits:.0f} paid: accuracy {points[-2].value:.3f}, with another's map {value:.3f}")

# %%
regard.plot.plane(points, ylabel="accuracy, one sample", xlabel="bits per image through the gate")

# %% [markdown]
# ## Where fewer bits go
#
# The same image at every budget, on one scale.

# %%
maps = torch.cat([model.explain(test.images[:1]).values for model in models.values()])
regard.plot.sheet(
    test.images[:1].expand(len(BUDGETS), -1, -1, -1), regard.Map(maps, "bits"), titles=[f"{b:g} bits" for b in BUDGETS]
)

# %% [markdown]
# ## What to take home
#
# * Bits are an upper bound on what the features behind the gate can say of those before it. They are not the bits of
#   the label.
# * Where the two lines part, it matters where the bits go; where they meet, nearly everything passes anyway.
# * One seed and 400 images: the bars show the spread over images alone. `regard sweep --budgets 2,6,20` trains planes
#   with several seeds and keeps a table.
