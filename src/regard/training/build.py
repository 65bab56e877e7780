"""What a recipe is made into: sets with gaze, model, augmentation, and the recipes of its plain controls."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from regard.attention import FIXED_MAPS
from regard.backbones import Attended, head_name, match_width, original_keys, size_of, width_is_free
from regard.data import Augmentation, DataSplits, Split, shuffle_gaze
from regard.models import CONFIG, FREEZE_ALL, AttentiveClassifier, GlanceClassifier, OneTrunk, TwoStream
from regard.objectives import ALIGNMENT
from regard.reading import read_json_file
from regard.training.data_record import open_beside
from regard.training.forward import TaskModel
from regard.training.recipe import Recipe
from regard.training.recipe_model import MAP_BUDGETS, AlignRecipe, ImposeRecipe, ModelRecipe
from regard.training.tasks import TASKS
from regard.types import RegardError


def check_choices(recipe: Recipe) -> None:
    """The rules of a recipe that need the rooms of networks, attention and objectives: reading it imports none of them.

    Raises:
        RegardError: an unknown loss, or fields that do not go together.
    """
    m, a, i = recipe.model, recipe.align, recipe.impose
    if m.match is not None and width_is_free(m.backbone) and (m.pretrained is not False or m.freeze is not None):
        message = "model.match trains another width from scratch; leave out model.pretrained and model.freeze"
    elif a.loss not in ALIGNMENT:
        message = f"align.loss {a.loss!r} is unknown: use one of {', '.join(ALIGNMENT)}"
    elif i.map is not None and (m.attention or "").partition("+")[0] not in FIXED_MAPS:
        message = (
            "impose.map gives the map, so that no other is learned: set model.attention to uniform (residual gate), "
            "uniform+mask or uniform+noise"
        )
    else:
        return
    raise RegardError(f"recipe {recipe.name!r}: {message}")


def build_gaze(recipe: Recipe, data: DataSplits) -> tuple[DataSplits, Split | None]:
    """The task's data, and the training images of another set on whose gaze attention is aligned; None without.

    Images of another set come in the task's size. With ``align.shuffled`` every image has another one's gaze.

    Raises:
        RegardError: the set has no fixations on its training images.
    """
    a = recipe.align
    if a.gaze is None:
        return data, None
    gaze = data.train if a.gaze == "own" else open_gaze("align", a.gaze, a.root, a.options, data).train
    if a.shuffled:
        gaze = shuffle_gaze(gaze, seed=recipe.train.seed, among=a.shuffled_from)
    return (replace(data, train=gaze), None) if a.gaze == "own" else (data, gaze)


def open_gaze(part: str, name: str, root: str | None, options: dict[str, Any], data: DataSplits) -> DataSplits:
    """Another set with gaze, in the size of the images of ``data``; ``part`` of the recipe, for errors, names it.

    Raises:
        RegardError: it has no fixations on its training images.
    """
    gaze_data = open_beside(name, root, options, data)
    if gaze_data.train.batch([0]).fixations is None:
        raise RegardError(f"{part}.gaze={name}: this set comes without fixations; take osie, pascal_s or dut_omron")
    return gaze_data


def build_augmentation(recipe: Recipe) -> Augmentation:
    """What happens to training images."""
    given = asdict(recipe.augment) | {"transforms": tuple(recipe.augment.transforms)}
    return Augmentation(**{name: value for name, value in given.items() if name not in ("mixup", "cutmix")})


def build_model(recipe: Recipe, data: DataSplits) -> Any:
    """The recipe's network for its task, a classifier, a segmenter or a two-stream network, frozen where it says so.

    Raises:
        RegardError: a choice that no room knows (`check_choices`), or data that lacks what the task needs.
    """
    check_choices(recipe)
    if recipe.model.freeze == FREEZE_ALL and recipe.model.statistics is None:
        recipe = replace(recipe, model=replace(recipe.model, statistics="shared"))
    model = TASKS[recipe.task].build(recipe, data)
    if recipe.model.freeze:
        model.freeze(recipe.model.freeze)
    if recipe.model.norms == "frozen":
        model.freeze_norms()
    return model


def start_from(model: TaskModel, folder: Path) -> None:
    """Copies the weights of a finished run's model into a model: all that has the same name and size in both.

    The model normalises images as the run's did. What attention adds stays fresh, as do a latent that the run did not
    have and a classifier of other classes, unless it is frozen. Statistics of both paths start as those of the run.

    Raises:
        RegardError: no finished run, or one of another network.
    """
    trained = _trained(folder)
    own, added, source = model.state_dict(), _attention_keys(model), trained.state_dict()
    beside = _attention_keys(trained)
    given = {
        original: source[key]
        for key, original in _plain_keys(trained).items()
        if not key.startswith(beside) and ".mean_path_" not in key
    }
    copied = {
        key: given[original]
        for key, original in _plain_keys(model).items()
        if not key.startswith(added) and original in given and given[original].shape == own[key].shape
    }
    heads = tuple(
        f"{prefix}trunk.{head_name(stream.trunk)}."
        for prefix, stream in _streams(model).items()
        if isinstance(stream, AttentiveClassifier)
        and stream.bottleneck is None
        and stream.readout is None
        and any(p.requires_grad for p in stream.trunk.get_submodule(str(head_name(stream.trunk))).parameters())
    )
    trunks = tuple(f"{prefix}trunk." for prefix in _streams(model))
    lost = [key for key in own if key.startswith(trunks) and key not in copied and not key.startswith(added + heads)]
    if lost:
        raise RegardError(
            f"model.init: the network of {folder} ({_network_of(trained)}) does not fit model.backbone "
            f"({_network_of(model)}): {len(lost)} tensors have other names or sizes, such as {lost[0]}; give the "
            "recipe that run's model.backbone and model.backbone_options, or train a plain run with these"
        )
    model.load_state_dict(own | copied)
    theirs = _streams(trained)
    for prefix, stream in _streams(model).items():
        if prefix in theirs:
            stream.normalize_as(theirs[prefix])


def _trained(folder: Path) -> TaskModel:
    """The model of a finished run of any task."""
    path = folder / "model" / CONFIG
    if not path.is_file():
        raise RegardError(
            f"model.init: {folder} is not the folder of a finished run; train it (`regard train`), or correct the path"
        )
    content = read_json_file(path, "train the run again")
    name = content.get("class") if isinstance(content, dict) else None
    models = [model for kind in TASKS.values() for model in (kind.model, *kind.model.__subclasses__())]
    kinds = {model.__name__: model for model in models}
    if name not in kinds:
        raise RegardError(f"model.init: {path} is of class {name!r}, which is none of {', '.join(kinds)}")
    trained: TaskModel = kinds[name].from_pretrained(path.parent)
    return trained


def _streams(model: TaskModel) -> dict[str, OneTrunk]:
    """The networks of one trunk that a model is, or consists of, by the beginning of their keys."""
    if isinstance(model, TwoStream):
        return {f"{name}.": stream for name, stream in model.streams.items()}
    return {"": model}


def _network_of(model: TaskModel) -> str:
    """Name of the network that classifies."""
    return str(model.config["look" if isinstance(model, GlanceClassifier) else "backbone"])


def _plain_keys(model: TaskModel) -> dict[str, str]:
    """Keys of a model -> those of the plain network: of a glance's look, the ones of the network that looks."""
    keys = original_keys(model)
    if not isinstance(model, GlanceClassifier):
        return keys
    return {key: original.replace("trunk.network.", "trunk.", 1) for key, original in keys.items()}


def _attention_keys(model: TaskModel) -> tuple[str, ...]:
    """Beginnings of the keys of what attention adds to a model."""
    return tuple(f"{name}.attention." for name, module in model.named_modules() if isinstance(module, Attended))


def plain_start(recipe: Recipe) -> Recipe:
    """The plain network that a recipe with ``train.plain_epochs`` trains first."""
    twin = plain_twin(recipe)
    train = replace(recipe.train, epochs=recipe.train.plain_epochs, plain_epochs=0)
    return replace(
        twin,
        name=f"{recipe.name}/plain",
        model=replace(twin.model, init=None),
        optim=replace(twin.optim, backbone_lr=None if recipe.model.pretrained is False else twin.optim.backbone_lr),
        train=train,
    )


def plain_twin(recipe: Recipe) -> Recipe:
    """The same recipe without attention and bottleneck: same trunk, data, order, augmentation, schedule and seed."""
    plain = ModelRecipe(attention=None, latent=None)
    changed = (
        "attention",
        "attention_options",
        "anchors",
        "latent",
        "kl",
        "prior",
        "match",
        "exclude_tokens",
        "statistics",
    )
    model = replace(recipe.model, **{name: getattr(plain, name) for name in changed})
    if model.freeze == FREEZE_ALL:  # it would have nothing to learn
        model = replace(model, freeze=None)
    train = recipe.train
    if model.init == "plain":  # the twin goes on from the same network, which lies beside it
        model, train = replace(model, init="../plain"), replace(train, plain_epochs=0)
    budgets: dict[str, Any] = dict.fromkeys(("budget_bits", *MAP_BUDGETS))
    return replace(
        recipe,
        name=f"{recipe.name}/twin",
        model=model,
        objective=replace(recipe.objective, **budgets, code_beta=0.0, kept_beta=0.0),
        align=AlignRecipe(),
        impose=ImposeRecipe(),
        train=replace(train, mean_share=0.0),
        twin=False,
    )


def resolve_match(recipe: Recipe, data: DataSplits) -> Recipe:
    """A recipe as it is, or, where ``model.match`` asks for it, that of a plain network of the same family and size.

    The width is found by ``regard.backbones.match_width`` and stands in the recipe that is returned, so that the run
    folder holds what was trained.

    Raises:
        RegardError: no width comes within 3 %, or a hidden layer would be narrower than the classes are many.
    """
    m, match = recipe.model, recipe.model.match
    if match is None:
        return recipe
    model, classes = build_model(replace(recipe, model=replace(m, match=None)), data), len(data.classes)
    target = size_of(model, match, model.shape)
    backbone, options = match_width(m.backbone, m.backbone_options, classes, model.shape, target=target, by=match)
    plain = plain_twin(recipe)
    return replace(plain, name=recipe.name, model=replace(plain.model, backbone=backbone, backbone_options=options))
