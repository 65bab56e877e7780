"""A split of clips: the image is the middle frame; flow is cached; bad clips are named."""

import os

import numpy as np
import pytest
import torch
from tests.data.video.files import SIZE, frames, write_frames, write_video

from regard.data import Clip, ClipSplit, check_split, loader, shuffle_gaze, shuffle_labels
from regard.data.splits import DataSplits
from regard.data.video import clips
from regard.types import RegardError

pytestmark = pytest.mark.usefixtures("own_cache")


def split(tmp_path, count=3, **options):
    clips_of_split = tuple(Clip(write_video(tmp_path / f"{k}.avi", frames(9, value=150 + k))) for k in range(count))
    settings = {"size": SIZE, "length": 4} | options
    return ClipSplit("train", ("a", "b"), clips_of_split, torch.arange(count) % 2, **settings)


def test_the_image_is_the_middle_of_the_stretch(tmp_path):
    path, drawn = write_frames(tmp_path / "images", frames(11)), frames(11)
    for at, first in ((0.0, 0), (0.5, 3), (1.0, 6)):
        clip = Clip(path, at)
        assert clip.span(4) == (first, first + 2)
        image, flow = clip.read(4, SIZE)
        assert np.array_equal(image.permute(1, 2, 0).numpy(), drawn[first + 2])
        assert flow.shape == (8, *SIZE)


def test_batches_from_files_and_memory_are_equal(tmp_path):
    data = split(tmp_path)
    batch = data.batch([2, 0])
    assert (batch.images.shape, batch.flow.shape) == ((2, 3, *SIZE), (2, 8, *SIZE))
    assert batch.flow.abs().max() <= 1
    assert batch.labels.tolist() == [0, 0]
    loaded = data.load()
    assert torch.equal(loaded.batch([2, 0]).images, batch.images)
    assert torch.equal(loaded.batch([2, 0]).flow, batch.flow)
    assert loaded.item_name(1).endswith("1.avi")
    read = list(loader(data, 2, shuffle=False, num_workers=1))
    assert torch.equal(torch.cat([b.flow for b in read]), data.batch(range(3)).flow)


def test_flow_is_cached_until_the_file_changes(tmp_path, monkeypatch):
    data = split(tmp_path, count=1)
    first = data.batch([0])
    calls = []
    make = clips.optical_flow
    monkeypatch.setattr(clips, "optical_flow", lambda pictures: calls.append(1) or make(pictures))
    assert torch.equal(data.batch([0]).flow, first.flow)
    assert not calls
    split(tmp_path, count=1, length=3).batch([0])
    assert len(calls) == 1, "another length is another clip"
    os.utime(tmp_path / "0.avi", ns=(1, 1))
    data.batch([0])
    assert len(calls) == 2


def test_every_bad_clip_is_named(tmp_path):
    data = split(tmp_path, count=4)
    write_video(tmp_path / "1.avi", frames(4))
    (tmp_path / "2.avi").write_bytes(b"nothing")
    (tmp_path / "3.avi").unlink()
    problems = check_split(data)
    assert [p.index for p in problems] == [1, 2, 3]
    for problem, reason in zip(
        problems, ("4 frames, but 4 steps of flow need 5", "damaged", "no such clip"), strict=True
    ):
        assert reason in problem.reason
        assert problem.item.endswith(f"{problem.index}.avi")


def test_wrong_numbers_are_refused(tmp_path):
    data = split(tmp_path)
    with pytest.raises(RegardError, match="3 clips, 2 labels"):
        ClipSplit("train", ("a", "b"), data.clips, torch.zeros(2).long(), SIZE, 4)
    with pytest.raises(RegardError, match="length 0"):
        split(tmp_path, length=0)


def test_labels_and_gaze_of_clips_can_be_shuffled(tmp_path):
    points = torch.arange(6.0).view(3, 1, 2)
    train = split(tmp_path, fixations=points)
    shuffled = shuffle_gaze(train, seed=0)
    assert sorted(shuffled.fixations[:, 0, 0].tolist()) == [0, 2, 4]
    assert (shuffled.fixations != points).any(-1).all()
    data = DataSplits(train, train, train, torch.zeros(3), torch.ones(3), "here", "none")
    assert sorted(shuffle_labels(data, seed=1).train.labels.tolist()) == [0, 0, 1]
