from .build import build_data, build_model, check_choices, open_gaze, plain_twin
from .callbacks import history
from .forward import TaskModel, forward_batch, kept_share, sampled_rates
from .map_override import Dose, MapOverrideSplit, build_override_maps, refuse_map_override, with_map_override
from .parsing import find_yaml, load_recipe, override, parse_recipe, read_yaml, recipe_from, recipe_parser, save_recipe
from .provenance import collect_provenance, seed_everything
from .recipe import (
    AlignRecipe,
    AugmentRecipe,
    DataRecipe,
    ImposeRecipe,
    ModelRecipe,
    ObjectiveRecipe,
    OptimRecipe,
    Recipe,
    TrainRecipe,
)
from .run import LoadedRun, load_best, load_model, load_run, open_run, train, train_with_twin
from .stem_cache import with_stem
from .tasks import TASKS

__all__ = [
    "TASKS",
    "AlignRecipe",
    "AugmentRecipe",
    "DataRecipe",
    "Dose",
    "ImposeRecipe",
    "LoadedRun",
    "MapOverrideSplit",
    "ModelRecipe",
    "ObjectiveRecipe",
    "OptimRecipe",
    "Recipe",
    "TaskModel",
    "TrainRecipe",
    "build_data",
    "build_model",
    "build_override_maps",
    "check_choices",
    "collect_provenance",
    "find_yaml",
    "forward_batch",
    "history",
    "kept_share",
    "load_best",
    "load_model",
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
    "refuse_map_override",
    "sampled_rates",
    "save_recipe",
    "seed_everything",
    "train",
    "train_with_twin",
    "with_map_override",
    "with_stem",
]
