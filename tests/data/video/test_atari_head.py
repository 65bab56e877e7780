"""Atari-HEAD on a small trial written here; and, where there is one, on the real one."""

import csv
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regard.data import atari_head
from regard.data.video.atari_head import BLOCKS, GAZE_FRAMES, MARGIN, Items, find_items, guesses, repeat_share
from regard.types import RegardError

pytestmark = pytest.mark.usefixtures("own_cache")

FRAMES = 20 * 90
HEADER = ("frame_id", "frame_num", "action", "action4", "gaze_x_mean", "gaze_y_mean")


def trial(folder, *, frames=FRAMES, period=12, gap=40):
    """A trial: the action changes every ``period`` frames, and two frame numbers are missing after every ``gap``."""
    folder.mkdir(parents=True, exist_ok=True)
    number = [k + 2 * (k // gap) for k in range(frames)]
    action = [(k // period * 3 + k // period // 4) % 4 for k in range(frames)]
    rows = [(f"XY_1_{n}", n, a + 2, a, 20.0 + n % 7, 100.0) for n, a in zip(number, action, strict=True)]
    write(folder, rows)
    return number, action


def write(folder, rows, *, leave_out=()):
    with (folder / "gaze_actions_XY_1.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    with zipfile.ZipFile(folder / "frames_XY_1.zip", "w") as archive:
        for k, row in enumerate(rows):
            if row[0] not in leave_out:
                picture = np.zeros((210, 160, 3), np.uint8)
                picture[100:120, (2 * k) % 140 : (2 * k) % 140 + 16] = 40 + k % 200
                png = io.BytesIO()
                Image.fromarray(picture).save(png, "PNG", compress_level=1)
                archive.writestr(f"{row[0]}.png", png.getvalue())


def everything(number, action, length=3, ahead=8):
    return find_items(np.array(number), np.array(action), length=length, ahead=ahead)


def frames_and_actions(frames=FRAMES, period=12, gap=40):
    number = [k + 2 * (k // gap) for k in range(frames)]
    return number, [(k // period * 3 + k // period // 4) % 4 for k in range(frames)]


def test_items_precede_a_change_so_repeating_the_action_is_wrong():
    number, action = frames_and_actions()
    items = everything(number, action)
    assert len(items.row) > 200
    assert (items.label != items.current).all()
    for row, label, current, change in zip(items.row, items.label, items.current, items.change, strict=True):
        assert action[row] == current
        assert action[change] == label
        assert 0 < number[change] - number[row] <= 8
        assert all(action[k] == current for k in range(row, change))


def test_no_flow_stack_crosses_a_gap():
    number, action = frames_and_actions()
    items = everything(number, action, length=5)
    assert all(number[row] - number[row - 5] == 5 for row in items.row)
    gaps = [k for k in range(1, len(number)) if number[k] != number[k - 1] + 1]
    assert not any(row - 5 < gap <= row for row in items.row for gap in gaps)
    assert any(row < gap <= change for row, change in zip(items.row, items.change, strict=True) for gap in gaps)


def test_items_of_different_splits_are_apart_in_time():
    number, action = frames_and_actions()
    items = everything(number, action)
    parts = {name: items.of(name) for name in ("train", "val", "test")}
    assert sum(len(part.row) for part in parts.values()) == len(items.row)
    touched = {
        name: {
            number[k]
            for row, change in zip(part.row, part.change, strict=True)
            for k in range(min(row - 3, row - GAZE_FRAMES + 1), change + 1)
        }
        for name, part in parts.items()
    }
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        nearest = min(abs(x - y) for x in touched[a] for y in touched[b])
        assert nearest >= 2 * MARGIN, f"{a} and {b} are {nearest} frames apart"


def test_blocks_are_stretches_of_time():
    number, action = frames_and_actions()
    items = everything(number, action)
    assert (np.diff(items.block) >= 0).all()
    assert set(items.of("test").block) <= set(range(4, BLOCKS, 5))
    assert set(items.of("val").block) <= set(range(2, BLOCKS, 5))


def test_floors_use_training_labels_only():
    def items(current, label):
        nothing = np.zeros(len(label), dtype=np.int64)
        return Items(nothing, np.array(label), np.array(current), nothing, nothing)

    train = items([0, 0, 0, 1, 2], [1, 1, 3, 2, 1])
    test = items([0, 1, 2], [3, 3, 3])
    floors = {name.removeprefix("proxy floor: "): guess.tolist() for name, guess in guesses(train, test).items()}
    assert all(name.startswith("proxy floor") for name in guesses(train, test))
    assert floors == {
        "repeat the current action": [0, 1, 2],
        "most frequent in training": [1, 1, 1],
        "what mostly follows the current action": [1, 2, 1],
    }
    assert repeat_share(np.arange(200), np.arange(200) // 5 % 4) == pytest.approx(
        1 - 4 / 36
    )  # blocks of ten, two a block


def test_a_trial_opens(tmp_path):
    trial(tmp_path / "atari-head")
    data = atari_head(tmp_path, size=(42, 32), length=3)
    assert data.classes == ("up", "right", "left", "down")
    batch = data.test.batch([0, 1])
    assert (batch.images.shape, batch.flow.shape) == ((2, 3, 42, 32), (2, 6, 42, 32))
    assert data.called("atari_head") == "atari_head (proxy)"
    assert data.proxy
    assert "proxy" in data.remarks[0]
    assert "by construction, on none" in data.remarks[1]
    assert len(data.gaze().images) == len(data.test)
    name = data.test.item_name(0)
    number = int(name.rpartition("_")[2])
    points = data.test.fixations[0]
    assert points[:, 0].tolist() == pytest.approx(
        [(20 + n % 7) / 5 for n in range(number - 4, number + 1)]
    )  # only past
    assert torch.equal(data.test.fixations[0], data.gaze().points()[0].float())
    flow = data.test.flow.float()
    assert flow[:, 0::2].mean() > 5 * flow[:, 1::2].mean().abs()  # the bar moves to the right
    assert data.guesses["proxy floor: repeat the current action"].shape == data.test.labels.shape
    again = atari_head(tmp_path, size=(42, 32), length=3, cache=False)
    assert torch.equal(again.train.flow, data.train.flow)


def test_empty_gaze_and_gaze_outside_the_frame_are_counted(tmp_path):
    number, action = frames_and_actions()
    rows = [(f"XY_1_{n}", n, a + 2, a, 20.0, 100.0) for n, a in zip(number, action, strict=True)]
    rows[10] = (*rows[10][:4], "", "")
    rows[11] = (*rows[11][:4], 999.0, 5.0)
    items = everything(number, action)
    row = items.of("test").row[0]
    for k in range(row - 4, row + 1):
        rows[k] = (*rows[k][:4], "", "")
    write(tmp_path, rows)
    data = atari_head(tmp_path, size=(21, 16), length=3)
    assert "1 positions of gaze outside of the frame left out" in data.source
    assert data.gaze().counts()[0] == 0
    assert data.test.fixations[0].isnan().all()


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(RegardError, match=r"no gaze_actions_<TRIAL>.csv in"):
        atari_head(tmp_path)
    number, action = frames_and_actions(frames=300)
    rows = [(f"XY_1_{n}", n, a + 2, a, 20.0, 100.0) for n, a in zip(number, action, strict=True)]
    write(tmp_path, rows)
    with pytest.raises(RegardError, match=r"no change of action for 'train' in its blocks"):
        atari_head(tmp_path)
    number, action = frames_and_actions()
    rows = [(f"XY_1_{n}", n, a + 2, a, 20.0, 100.0) for n, a in zip(number, action, strict=True)]
    write(tmp_path, rows, leave_out={"XY_1_7", "XY_1_9"})
    with pytest.raises(RegardError, match=rf"2 of {FRAMES} frames are missing, the first XY_1_7.png"):
        atari_head(tmp_path)
    rows[5] = (*rows[5][:3], 7, 20.0, 100.0)
    write(tmp_path, rows)
    with pytest.raises(RegardError, match=r"row 5: action4 is 7"):
        atari_head(tmp_path)
    rows[5] = (*rows[5][:3], 1, 20.0, 100.0)
    rows[5], rows[6] = rows[6], rows[5]
    write(tmp_path, rows)
    with pytest.raises(RegardError, match=r"frame_num must increase"):
        atari_head(tmp_path)
    (tmp_path / "frames_XY_1.zip").unlink()
    with pytest.raises(RegardError, match=r"frames_XY_1.zip: no such file"):
        atari_head(tmp_path)


@pytest.mark.realdata
@pytest.mark.slow
def test_the_real_trial():
    root = os.environ.get("REGARD_DATA")
    if not root or not list((Path(root) / "atari-head").glob("gaze_actions_*.csv")):
        pytest.skip("needs atari-head/{frames,gaze_actions}_<TRIAL>.{zip,csv} in REGARD_DATA")
    data = atari_head(root, size=(42, 32))
    assert (len(data.train), len(data.val), len(data.test)) == (1598, 489, 569)
    assert "15406 frames, 561 gaps, 67 positions of gaze outside" in data.source
    accuracies = {name: (guess == data.test.labels).float().mean().item() for name, guess in data.guesses.items()}
    assert accuracies["proxy floor: repeat the current action"] == 0
    assert accuracies["proxy floor: most frequent in training"] == pytest.approx(0.260, abs=0.001)
    assert accuracies["proxy floor: what mostly follows the current action"] == pytest.approx(0.360, abs=0.001)
    assert "96.1%" in data.remarks[1]
