"""Gallery images are chosen by rule and name the rule."""

from pathlib import Path

import numpy as np
import torch
from tests.evaluation.contexts import context_of
from tests.evaluation.test_observe import model, split

from regard.evaluation import observe
from regard.evaluation.gallery import EACH, RULES, write_run_gallery
from regard.report import to_json


def test_best_typical_and_worst_by_surprise(tmp_path: Path) -> None:
    items = split(31)
    observation = observe(model(), items, seed=0)
    surprise = torch.randperm(31, generator=torch.Generator().manual_seed(0)).float()
    energy = torch.full((31,), 0.5)
    worst = int(surprise.argmax())
    energy[worst] = float("nan")
    context = context_of(model(), items, observation)
    entries = to_json(write_run_gallery(context, {"nll": surprise, "energy_inside": energy}, tmp_path / "gallery.npz"))
    chosen = {
        rule: [surprise[int(i["item"].split("/")[1])].item() for i in entries if i["rule"] == rule] for rule in RULES
    }
    assert chosen["best"] == [0, 1, 2, 3]
    assert chosen["worst"] == [30, 29, 28, 27]
    assert chosen["typical"][0] == 15
    assert set(chosen["typical"]) <= {13, 14, 15, 16, 17}
    assert [item["row"] for item in entries] == list(range(3 * EACH))
    assert next(i for i in entries if i["item"] == f"test/{worst}")["score"] == {}
    assert entries[0]["score"] == {"energy inside": 0.5}
    with np.load(tmp_path / "gallery.npz") as arrays:
        for item in entries:
            k = int(item["item"].split("/")[1])
            assert np.array_equal(arrays["images"][item["row"]], items.images[k].permute(1, 2, 0).numpy())
            assert np.allclose(arrays["maps"][item["row"]], observation.map.values[k, 0].numpy())
            assert item["truth"] == items.classes[int(items.labels[k])]
            assert item["prediction"] == items.classes[int(observation.mean[k].argmax())]
        assert "masks" not in arrays
    assert [file.name for file in tmp_path.iterdir()] == ["gallery.npz"]


def test_a_small_split_and_a_plain_network(tmp_path: Path) -> None:
    items = split(2)
    entries = write_run_gallery(context_of(model(), items), {"nll": torch.rand(2)}, tmp_path / "g.npz")
    assert sorted(item.item for item in entries) == ["test/0", "test/1"], "each once"
    plain = context_of(model(attention=None), items)
    assert write_run_gallery(plain, {"nll": torch.rand(2)}, tmp_path / "no.npz") == ()
    assert not (tmp_path / "no.npz").exists()
