# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Maps against gaze
#
# Does a network look where people look? A score such as NSS or AUC alone does not say: people look at the middle of
# photographs, so a blob in the middle scores well on any picture. Here maps are scored with a floor, the centre, and
# with a ceiling, other people.
#
# **The gaze below is simulated**, so that the notebook needs no download: observers who mostly look at the digit, and
# else anywhere near the middle. Read your own with `regard.gaze.read_folder("images/", "fixations.csv")`, or OSIE,
# MIT1003, SALICON and others with their readers.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("regard") is None:  # as on Colab; where regard is installed, this cell does nothing
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "regard"], check=True)

# %% tags=["parameters"]
TRAINING_IMAGES, STEPS, IMAGES, OBSERVERS = 3000, 150, 40, 6

# %%
import numpy as np
import torch

import regard
from regard.gaze import density, make_fixations
from regard.score import ScoreOptions
from regard.start import SmallNetwork, fit_lesson, scenes

# %% [markdown]
# ## Images and fixations
#
# A table of fixations is checked when it is made: coordinates that lie outside of their image, exchanged axes or
# other units are errors that say what to do.

# %%
test = scenes(IMAGES, seed=1)
random = np.random.default_rng(0)
rows = {"image": [], "subject": [], "x": [], "y": []}
for number, mask in enumerate(test.masks[:, 0].numpy()):
    ys, xs = np.nonzero(mask)
    for subject in range(OBSERVERS):
        for _ in range(5):
            on_digit = random.random() < 0.7
            y, x = random.normal((ys.mean(), xs.mean()) if on_digit else (16, 16), 3.0 if on_digit else 6.0)
            for column, value in zip(rows, (f"{number}.png", subject, x, y), strict=True):
                rows[column].append(float(np.clip(value, 0, 31.9)) if column in "xy" else value)
fixations = make_fixations(**rows, sizes={f"{number}.png": (32, 32) for number in range(IMAGES)})
print(f"{len(fixations)} fixations of {OBSERVERS} observers on {IMAGES} images")

# %% [markdown]
# ## Where people looked
#
# `density` blurs the fixations of an image with a Gaussian.

# %%
people = density(fixations.points(grid=(32, 32)), size=(32, 32), sigma=2.0)
shown = regard.Map(people[:3], "relevance")
regard.plot.sheet(test.images[:3], shown, titles=["gaze of six observers"] * 3)

# %% [markdown]
# ## Where a network looks
#
# One that was trained to read the digit, with attention under a budget of 400 bits.

# %%
torch.manual_seed(0)
seen = scenes(TRAINING_IMAGES)
network = fit_lesson(SmallNetwork(), seen, steps=STEPS)
model = regard.AttentiveClassifier(network, 10, at="early", attention_options={"budget": 400.0}, input_size=(32, 32))
model = fit_lesson(model, seen, steps=STEPS, lr=3e-3)
maps = {
    "attention": model.explain(test.images),
    "grad_cam": regard.explain(model, test.images, "grad_cam", layer="late").resize((32, 32)),
    "smooth_grad": regard.explain(model, test.images, "smooth_grad", samples=8),
    "random": regard.explain(model, test.images, "random"),
}
one = {name: regard.Map(map.values[:1], map.unit) for name, map in maps.items()}
regard.plot.method_sheet(regard.plot.picture_of(test.images[0]), one, title="maps of one image")

# %% [markdown]
# ## Scores between floor and ceiling
#
# For each map: NSS (how many standard deviations above its mean a map is at the fixations) and the shuffled AUC
# (fixations of this image against those of others, so that the middle gives nothing). *center* is the floor,
# *observers* what the other observers reach for each of them. `share` is the place between the two: 0 no better than
# the centre, 1 as good as another person.

# %%
scores = {
    name: regard.score_maps(map.values, fixations, options=ScoreOptions(sigma=2.0), name=name)
    for name, map in maps.items()
}
for metric in ("nss", "sauc"):
    summary = scores["attention"].summary
    print(f"{metric}: centre {summary['center'][metric].mean:.2f}, observers {summary['observers'][metric].mean:.2f}")
    for name, found in scores.items():
        value = found.summary["maps"][metric]
        print(
            f"   {name:<12} {value.mean:.2f} ({value.low:.2f} to {value.high:.2f})   share {found.share(metric):+.2f}"
        )

# %% [markdown]
# ## Image by image
#
# The mean hides which images people and network see alike. Each dot is an image.

# %%
frame = scores["attention"].to_frame()
points = [
    regard.plot.ScatterPoint("image", floor, map, name)
    for floor, map, name in zip(frame.center_nss, frame.maps_nss, frame.image, strict=True)
]
regard.plot.scatter(points, xlabel="NSS of the centre", ylabel="NSS of the attention")

# %% [markdown]
# ## What to take home
#
# * A score without the centre beside it says little. Under `share`, *random* maps are below 0.
# * Six observers are few: what they reach for each other is itself uncertain, and the page of `regard score` says how
#   much.
# * The same on files: `regard score --maps maps/ --fixations fixations.csv --images images/`.
