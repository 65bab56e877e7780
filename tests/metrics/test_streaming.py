import json
import subprocess
import sys
import textwrap

import pytest
import torch

from regard.metrics.classification import calibration_error
from regard.metrics.information import anchor_counts
from regard.metrics.scores import score
from regard.metrics.streaming import AnchorCounts, CalibrationError, ItemScores
from regard.types import RegardError


def test_batches_in_any_order_with_repeats_give_the_scores_of_the_whole():
    values = torch.rand(11, generator=torch.Generator().manual_seed(0))
    values[4] = torch.nan
    metric = ItemScores(reasons=("empty mask",))
    for index in torch.tensor([7, 3, 10, 4, 0, 1, 2, 5, 6, 8, 9, 7]).split(5):
        metric.update(index, values[index], {"empty mask": values[index].isnan()})
    result, whole = metric.result(), score(values, reasons={"empty mask": 1})
    assert torch.equal(result.values.nan_to_num(9), whole.values.nan_to_num(9))
    assert (result.mean, result.low, result.high, result.undefined) == (
        whole.mean,
        whole.low,
        whole.high,
        {"empty mask": 1},
    )
    assert metric.compute().item() == pytest.approx(whole.mean)
    metric.reset()
    metric.update(torch.tensor([0]), torch.tensor([1.0]))
    assert metric.result().values.tolist() == [1.0]


def test_calibration_is_not_an_average_of_batches():
    g = torch.Generator().manual_seed(0)
    confidence, correct = torch.rand(60, generator=g), (torch.rand(60, generator=g) < 0.5).float()
    metric = CalibrationError()
    for part in torch.arange(60).split(7):
        metric.update(part, confidence[part], correct[part])
    whole = calibration_error(confidence, correct)
    assert metric.compute().item() == pytest.approx(whole.error)
    assert metric.result().low == pytest.approx(whole.low)


def test_anchor_counts_add_over_batches_and_count_a_repeated_item_once():
    index = torch.randint(5, (6, 1, 3, 3), generator=torch.Generator().manual_seed(0))
    metric = AnchorCounts(5)
    metric.update(torch.arange(4), index[:4])
    metric.update(torch.tensor([4, 5, 0]), index[[4, 5, 0]])
    assert torch.equal(metric.compute(), anchor_counts(index, 5))


def test_misuse_is_named():
    metric = ItemScores()
    with pytest.raises(RegardError, match="call update"):
        metric.result()
    with pytest.raises(RegardError, match="were not declared"):
        metric.update(torch.tensor([0]), torch.tensor([1.0]), {"empty mask": torch.tensor([True])})
    with pytest.raises(RegardError, match="give one per item"):
        metric.update(torch.tensor([0, 1]), torch.tensor([1.0]))


WORKER = """
    import json, sys, torch
    import torch.distributed as dist
    from regard.metrics.streaming import AnchorCounts, CalibrationError, ItemScores
    rank = int(sys.argv[1])
    dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
    items = torch.arange(7)
    mine = torch.cat([items, items[:1]])[rank::2]  # a sampler pads seven items to eight
    mine = mine if rank == 0 else mine.flip(0)
    scores, errors, anchors = ItemScores(), CalibrationError(), AnchorCounts(3)
    for part in mine.split(3):
        scores.update(part, part.float() ** 2)
        errors.update(part, part / 10, (part > 3).float())
        anchors.update(part, (part % 3)[:, None])
    got = {"values": scores.result().values.tolist(), "mean": scores.compute().item(), "low": scores.result().low,
           "error": errors.result().error, "counts": anchors.compute().tolist()}
    print(json.dumps(got))
    dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_agree_with_one_on_an_odd_number_of_items(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))
    command = [sys.executable, "-W", "ignore", str(script)]
    workers = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store")], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    outputs = [worker.communicate(timeout=600)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    items = torch.arange(7)
    whole = score(items.float() ** 2)
    for got in map(json.loads, outputs):
        assert got["values"] == whole.values.tolist()
        assert got["mean"] == pytest.approx(whole.mean)
        assert got["low"] == pytest.approx(whole.low)
        assert got["error"] == pytest.approx(calibration_error(items / 10, (items > 3).float()).error, abs=1e-6)
        assert got["counts"] == [3, 2, 2]
