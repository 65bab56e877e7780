"""the engine's glue and the recipes' schema.

Not here: what is measured after training (evaluation).
"""

from regard.training.build import build_augmentation, build_data, build_model, open_gaze, plain_twin
from regard.training.callbacks import history
from regard.training.forward import ask, kept_share, sampled_rates, show
from regard.training.given_maps import Dose, Imposed, WithMaps, imposed_maps, refuse_imposed, with_maps
from regard.training.parsing import load_recipe, override, parse_recipe, recipe_from, recipe_parser, save_recipe
from regard.training.provenance import environment
from regard.training.recipe import Recipe
from regard.training.run import load_best, load_run, open_run, train
from regard.training.seeds import seed_everything
from regard.training.twin import train_with_twin
from regard.training.with_stem import with_stem
from regard.training.yaml_files import find_yaml, read_yaml

__all__ = [
    "Dose",
    "Imposed",
    "Recipe",
    "WithMaps",
    "ask",
    "build_augmentation",
    "build_data",
    "build_model",
    "environment",
    "find_yaml",
    "history",
    "imposed_maps",
    "kept_share",
    "load_best",
    "load_recipe",
    "load_run",
    "open_gaze",
    "open_run",
    "override",
    "parse_recipe",
    "plain_twin",
    "read_yaml",
    "recipe_from",
    "recipe_parser",
    "refuse_imposed",
    "sampled_rates",
    "save_recipe",
    "seed_everything",
    "show",
    "train",
    "train_with_twin",
    "with_maps",
    "with_stem",
]
