from .build import build_model, check_choices, open_gaze, plain_twin
from .calibration import ImageBatches, calibrate_attention
from .callbacks import history, overfitted, read_lines
from .data_record import (
    RunRecord,
    beside_key,
    build_data,
    open_beside,
    read_record,
    record_run,
    refuse_training_images,
    write_record,
)
from .defaults import FittedRecipe, Situation, choose, fit_recipe, open_bits
from .divergence import divergences
from .finished import LoadedRun, TrainedRun, load_best, load_model, load_run, load_trained, open_run
from .forward import TaskModel, expected_share, forward_batch, kept_share, sampled_rates
from .layout import CHECKPOINTS, DATA_FILE, JOURNAL, MODEL, RECIPE, RECORD
from .map_override import Dose, MapOverrideSplit, build_override_maps, refuse_map_override, with_map_override
from .pace import Pace, measure_pace
from .parsing import (
    RECIPES,
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
from .ranks import process_rank
from .recipe import Recipe
from .recipe_model import ATTENTION_NAMES, AlignRecipe, ImposeRecipe, ModelRecipe, ObjectiveRecipe
from .recipe_training import AugmentRecipe, DataRecipe, OptimRecipe, TrainRecipe
from .run import train, train_with_twin
from .stem_cache import with_stem
from .task import Task
from .tasks import TASKS
from .unfinished import CheckpointedRun, load_unfinished

__all__ = [
    "ATTENTION_NAMES",
    "CHECKPOINTS",
    "DATA_FILE",
    "JOURNAL",
    "MODEL",
    "RECIPE",
    "RECIPES",
    "RECORD",
    "TASKS",
    "AlignRecipe",
    "AugmentRecipe",
    "CheckpointedRun",
    "DataRecipe",
    "Dose",
    "FittedRecipe",
    "ImageBatches",
    "ImposeRecipe",
    "LoadedRun",
    "MapOverrideSplit",
    "ModelRecipe",
    "ObjectiveRecipe",
    "OptimRecipe",
    "Pace",
    "Recipe",
    "RunRecord",
    "Situation",
    "Task",
    "TaskModel",
    "TrainRecipe",
    "TrainedRun",
    "beside_key",
    "build_data",
    "build_model",
    "build_override_maps",
    "calibrate_attention",
    "check_choices",
    "choose",
    "collect_provenance",
    "divergences",
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
    "load_trained",
    "load_unfinished",
    "measure_pace",
    "open_beside",
    "open_bits",
    "open_gaze",
    "open_run",
    "overfitted",
    "override",
    "parse_fields",
    "parse_recipe",
    "plain_twin",
    "process_rank",
    "read_lines",
    "read_record",
    "read_yaml",
    "recipe_from",
    "recipe_parser",
    "record_run",
    "refuse_map_override",
    "refuse_training_images",
    "sampled_rates",
    "save_recipe",
    "seed_everything",
    "train",
    "train_with_twin",
    "with_map_override",
    "with_stem",
    "write_record",
]
