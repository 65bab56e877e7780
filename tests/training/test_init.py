"""Runs that go on from a finished one: what is copied, what stays fresh, what is refused, and plain networks first."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights
from torch import Tensor

from regard.backbones import original_keys
from regard.cli import main
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.training import (
    Recipe,
    build_data,
    build_model,
    load_run,
    plain_twin,
    run,
    save_recipe,
    train,
    train_with_twin,
)
from regard.training.build import plain_start, start_from
from regard.training.checkpoints import AtomicCheckpoints
from regard.types import RegardError

PLAIN = {"attention": None, "latent": None}
SIZE = (16, 16)
NETWORK = {"backbone": "compact", "backbone_options": {"widths": [4, 4, 8, 8]}, "input_size": SIZE}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the plain network."""
    recipe = tiny(model=PLAIN, train={"epochs": 2}, optim={"name": "adamw", "lr": 0.02})
    return train(recipe, tmp_path_factory.mktemp("init") / "plain", quiet=True)


def images(count: int = 5) -> Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def started(folder: Path, **parts: dict) -> AttentiveClassifier:
    recipe = tiny(**parts)
    torch.manual_seed(11)
    model = build_model(recipe, build_data(recipe))
    start_from(model, folder)
    return model.eval()


@pytest.mark.parametrize("attention", ["noise", "mask", "aib"])
@pytest.mark.parametrize("samples", [0, 1])
@pytest.mark.parametrize("at", [["stage1"], ["stage1", "stage2"]])
def test_an_open_gate_gives_the_outputs_of_the_trained_network_bit_for_bit(
    attention: str, samples: int, at: list[str], plain: Path
) -> None:
    model = started(plain, model={"attention": attention, "latent": None, "at": at})
    trained = load_run(plain).model
    ones = torch.full((1, 1, 1, 1), 0.0 if attention == "aib" else 1.0)
    with torch.no_grad():
        got = model(images(), samples=samples, map_override=ones).logits
        assert torch.equal(got[0], trained(images()).logits[0])
        assert not torch.equal(model(images(), samples=samples).logits[0], got[0])


def test_under_a_budget_the_map_of_a_trained_network_opens_wide(plain: Path) -> None:
    init = {"init": str(plain), "latent": None}
    model = started(plain, model=init, objective={"map_budget_bits": 20.0})
    with torch.no_grad():
        assert model(images()).attention[0].mean.min() > 0.9
    fresh = started(plain, model={"latent": None}, objective={"map_budget_bits": 20.0})
    with torch.no_grad():
        assert fresh(images()).attention[0].mean.max() < 0.9
    own = started(plain, model=init | {"attention_options": {"initial": 0.6}}, objective={"map_budget_bits": 20.0})
    with torch.no_grad():
        assert own(images()).attention[0].mean.max() < 0.75, "an option that was given stays"


def test_a_latent_and_attention_stay_fresh_and_all_else_is_copied(plain: Path) -> None:
    torch.manual_seed(11)
    recipe = tiny()
    fresh = build_model(recipe, build_data(recipe)).state_dict()
    model = started(plain)
    source = weights(plain)
    own = model.state_dict()
    for key, original in original_keys(model).items():
        if ".attention." in key or not key.startswith("trunk."):
            assert torch.equal(own[key], fresh[key]), key
        else:
            assert torch.equal(own[key], source[original]), key


@pytest.mark.parametrize("classes", [2, 7])
def test_a_classifier_of_other_classes_stays_fresh(classes: int, plain: Path) -> None:
    torch.manual_seed(1)
    model = AttentiveClassifier(num_classes=classes, **NETWORK)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    start_from(model, plain)
    after, source = model.state_dict(), weights(plain)
    assert torch.equal(after["trunk.head.weight"], before["trunk.head.weight"])
    assert torch.equal(after["trunk.stem.0.weight"], source["trunk.stem.0.weight"])
    assert not torch.equal(after["trunk.stem.0.weight"], before["trunk.stem.0.weight"])
    same = AttentiveClassifier(num_classes=10, **NETWORK)
    start_from(same, plain)
    assert torch.equal(same.state_dict()["trunk.head.weight"], source["trunk.head.weight"])


def test_images_are_normalised_as_they_were_for_the_network(plain: Path) -> None:
    trained = load_run(plain).model
    model = AttentiveClassifier(num_classes=10, attention=None, normalize=((0.1,) * 3, (0.9,) * 3), **NETWORK)
    start_from(model, plain)
    assert torch.equal(model.mean, trained.mean)
    assert torch.equal(model.std, trained.std)
    assert model.config["normalize"] == trained.config["normalize"]
    with torch.no_grad():
        assert torch.equal(model.eval()(images()).logits, trained(images()).logits)


def test_an_attended_run_can_be_the_start_too(plain: Path, tmp_path: Path) -> None:
    attended = train(tiny(train={"epochs": 1}), tmp_path / "attended", quiet=True)
    source = {key: value for key, value in weights(attended).items() if ".attention." not in key}
    model = started(attended, model={"at": ["stage1"]})
    own = model.state_dict()
    equal = {key for key in source if torch.equal(own[key], source[key])}
    assert equal | {key for key in source if ".mean_path_" in key} == source.keys()
    free = AttentiveClassifier(num_classes=10, attention=None, latent=4, **NETWORK)
    start_from(free, attended)
    inside = next(key for key in source if key.startswith("trunk.stage1.module.") and key.endswith(".weight"))
    assert torch.equal(free.state_dict()[inside.replace(".module.", ".")], source[inside])


def test_a_segmenter_starts_from_a_classifiers_trunk(plain: Path) -> None:
    model = Segmenter("compact", backbone_options={"widths": [4, 4, 8, 8]}, input_size=SIZE)
    decoder = {key: value.clone() for key, value in model.decoder.state_dict().items()}
    start_from(model, plain)
    assert torch.equal(model.state_dict()["trunk.stem.0.weight"], weights(plain)["trunk.stem.0.weight"])
    assert all(torch.equal(value, decoder[key]) for key, value in model.decoder.state_dict().items())


def two_streams(**options) -> TwoStream:
    return TwoStream("compact", 3, length=2, backbone_options={"widths": [4, 4, 8, 8]}, input_size=SIZE, **options)


def test_two_streams_start_from_two(tmp_path: Path, plain: Path) -> None:
    source = two_streams(attention=None)
    source.save_pretrained(tmp_path / "model")
    model = two_streams(attend="both").eval()
    start_from(model, tmp_path)
    flow = torch.rand(5, 4, *SIZE)
    with torch.no_grad():
        opened = model(images(), flow=flow, map_override=torch.ones(1, 1, 1, 1)).logits
        assert torch.equal(opened, source.eval()(images(), flow=flow).logits)
    with pytest.raises(RegardError, match=r"does not fit model\.backbone \(compact\): \d+ tensors"):
        start_from(model, plain)


@pytest.mark.parametrize(
    "other",
    [
        {"backbone_options": {"widths": [4, 4, 8, 16]}},
        {"backbone_options": {"widths": [6, 6, 8, 8]}},
        {"backbone": "vgg_cifar", "backbone_options": {}},
    ],
)
@pytest.mark.parametrize("latent", [None, 4])
def test_another_network_is_refused_and_nothing_is_copied(other: dict, latent: int | None, plain: Path) -> None:
    torch.manual_seed(1)
    model = AttentiveClassifier(num_classes=10, latent=latent, **NETWORK | other | {"input_size": (32, 32)})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    words = (
        rf"model\.init: the network of .*plain \(compact\) does not fit model\.backbone \({model.config['backbone']}\)"
    )
    with pytest.raises(RegardError, match=words):
        start_from(model, plain)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    recipe = tiny(model={"init": str(tmp_path / "absent")})
    with pytest.raises(RegardError, match=r"model\.init: .*absent is not the folder of a finished run; train it"):
        train(recipe, tmp_path / "run", quiet=True)
    (tmp_path / "odd" / "model").mkdir(parents=True)
    (tmp_path / "odd" / "model" / "config.json").write_text('{"schema": 2, "class": "Tree", "arguments": {}}')
    with pytest.raises(RegardError, match=r"class 'Tree', which is none of AttentiveClassifier"):
        train(tiny(model={"init": str(tmp_path / "odd")}), tmp_path / "other", quiet=True)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, dict[str, Tensor]]]:
    """Folders that runs of this process start from, and the state of the model right after."""
    seen: list[tuple[Path, dict[str, Tensor]]] = []

    def watched(model: AttentiveClassifier, folder: Path) -> None:
        start_from(model, folder)
        seen.append((folder, {key: value.clone() for key, value in model.state_dict().items()}))

    monkeypatch.setattr(run, "start_from", watched)
    return seen


@pytest.mark.parametrize("relative", [True, False])
def test_the_command_line_names_the_start(
    relative: bool, plain: Path, tmp_path: Path, starts: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plain.parent)
    save_recipe(tiny(objective={"map_budget_bits": 100.0}), tmp_path / "r.yaml")
    words = ["train", "--recipe", str(tmp_path / "r.yaml"), "--name", "on", "--runs", str(tmp_path / "runs")]
    init = "plain" if relative else str(plain)
    if relative:  # `plain` alone is the network that the run trains itself
        init = "./plain"
    assert main([*words, "--model.init", init, "--no-evaluation", "--quiet"]) == 0
    ((folder, state),) = starts
    assert folder.resolve() == plain.resolve()
    assert torch.equal(state["trunk.stem.0.weight"], weights(plain)["trunk.stem.0.weight"])
    assert load_run(tmp_path / "runs/on").recipe.model.init == init
    last = metrics(tmp_path / "runs/on")[-1]
    assert last["val/gate_bits"] == pytest.approx(100, rel=0.05)


def first_plain(**parts: dict) -> Recipe:
    train_options = {"plain_epochs": 2, "epochs": 1} | parts.pop("train", {})
    return tiny(twin=True, model={"init": "plain"}, train=train_options, optim={"name": "adamw", "lr": 0.01}, **parts)


def test_the_recipe_of_the_plain_network_that_is_trained_first() -> None:
    recipe = first_plain(objective={"map_budget_bits": 100.0})
    start = plain_start(recipe)
    assert start.name == "tiny/plain"
    assert (start.model.attention, start.model.latent, start.model.init) == (None, None, None)
    assert (start.train.epochs, start.train.plain_epochs, start.twin) == (2, 0, False)
    assert start.objective.map_budget_bits is None
    assert (start.data, start.optim, start.train.seed) == (recipe.data, recipe.optim, recipe.train.seed)
    twin = plain_twin(recipe)
    assert (twin.model.init, twin.train.plain_epochs, twin.train.epochs) == ("../plain", 0, 1)


def test_a_run_and_its_twin_go_on_from_the_plain_network_trained_first(tmp_path: Path, starts: list) -> None:
    recipe = first_plain(objective={"map_budget_bits": 100.0})
    folder = tmp_path / "run"
    train_with_twin(recipe, folder, quiet=True)
    assert len(metrics(folder / "plain")) == 2
    assert len(metrics(folder)) == len(metrics(folder / "twin")) == 1
    source = weights(folder / "plain")
    ((origin, state),) = starts  # the twin is trained in a process of its own
    assert origin == folder / "plain"
    again = train(replace(plain_twin(recipe), name="twin"), folder / "again", quiet=True)
    assert starts[-1][0] == (folder / "plain").resolve()
    assert all(torch.equal(starts[-1][1][key], value) for key, value in source.items())
    assert all(torch.equal(value, weights(folder / "twin")[key]) for key, value in weights(again).items())
    assert torch.equal(state["trunk.stem.0.weight"], source["trunk.stem.0.weight"])
    assert metrics(folder / "twin")[0]["train/loss"] < metrics(folder / "plain")[0]["train/loss"]
    environment = json.loads((folder / "plain" / "environment.json").read_text())
    train_with_twin(recipe, folder, quiet=True)
    assert json.loads((folder / "plain" / "environment.json").read_text()) == environment, "it is not trained again"


@pytest.mark.parametrize("stage", ["in the plain network", "before the run", "in the run"])
def test_a_run_that_was_stopped_goes_on(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(first_plain(objective={"map_budget_bits": 100.0}, train={"epochs": 2}), twin=False)
    unbroken = train(recipe, tmp_path / "unbroken", quiet=True)
    save, count = AtomicCheckpoints.save_checkpoint, [0]

    def stopping(self, checkpoint: dict, path: str, *arguments, **options) -> None:
        save(self, checkpoint, path, *arguments, **options)
        if Path(path).name.startswith("last"):
            count[0] += 1
        if count[0] == {"in the plain network": 1, "in the run": 3}.get(stage):
            raise ZeroDivisionError

    def stopped(*_: object) -> None:
        raise ZeroDivisionError

    if stage == "before the run":
        monkeypatch.setattr(run, "start_from", stopped)
    else:
        monkeypatch.setattr(AtomicCheckpoints, "save_checkpoint", stopping)
    with pytest.raises(ZeroDivisionError):
        train(recipe, tmp_path / "stopped", quiet=True)
    monkeypatch.undo()
    assert (tmp_path / "stopped/plain/environment.json").exists() == (stage != "in the plain network")
    train(recipe, tmp_path / "stopped", quiet=True)
    assert metrics(tmp_path / "stopped") == metrics(unbroken)
    assert all(torch.equal(value, weights(unbroken)[key]) for key, value in weights(tmp_path / "stopped").items())
