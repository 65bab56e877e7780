from .build import build_data, build_model, check_choices, open_gaze, plain_twin
from .calibration import calibrate_attention
from .callbacks import history, overfitted, read_lines
from .defaults import FittedRecipe, Situation, choose, fit_recipe, open_bits
from .forward import TaskModel, expected_share, forward_batch, kept_share, sampled_rates
from .map_override import Dose, MapOverrideSplit, build_override_maps, refuse_map_override, with_map_override
from .parsing import (
    find_yaml,
    load_recipe,
    override,
    parse_fields,
    parse_recipe,
    read_yaml,
    recipe_from,
    recipe_parser,
    save_recipe,
)
from .probe import has_probe, linear_probe, load_probe
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
    "FittedRecipe",
    "ImposeRecipe",
    "LoadedRun",
    "MapOverrideSplit",
    "ModelRecipe",
    "ObjectiveRecipe",
    "OptimRecipe",
    "Recipe",
    "Situation",
    "TaskModel",
    "TrainRecipe",
    "build_data",
    "build_model",
    "build_override_maps",
    "calibrate_attention",
    "check_choices",
    "choose",
    "collect_provenance",
    "expected_share",
    "find_yaml",
    "fit_recipe",
    "forward_batch",
    "has_probe",
    "history",
    "kept_share",
    "linear_probe",
    "load_best",
    "load_model",
    "load_probe",
    "load_recipe",
    "load_run",
    "open_bits",
    "open_gaze",
    "open_run",
    "overfitted",
    "override",
    "parse_fields",
    "parse_recipe",
    "plain_twin",
    "read_lines",
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
