"""A split of clips: the image out of the middle, kept once made; bad clips found by name."""

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
    found = tuple(Clip(write_video(tmp_path / f"{k}.avi", frames(9, value=150 + k))) for k in range(count))
    given = {"size": SIZE, "length": 4} | options
    return ClipSplit("train", ("a", "b"), found, torch.arange(count) % 2, **given)


def test_the_image_is_the_middle_of_the_stretch(tmp_path):
    path, drawn = write_frames(tmp_path / "images", frames(11)), frames(11)
    for at, first in ((0.0, 0), (0.5, 3), (1.0, 6)):
        clip = Clip(path, at)
        assert clip.span(4) == (first, first + 2)
        image, flow = clip.read(4, SIZE)
        assert np.array_equal(image.permute(1, 2, 0).numpy(), drawn[first + 2])
        assert flow.shape == (8, *SIZE)


def test_a_batch_and_the_same_in_memory(tmp_path):
    own = split(tmp_path)
    batch = own.batch([2, 0])
    assert (batch.images.shape, batch.flow.shape) == ((2, 3, *SIZE), (2, 8, *SIZE))
    assert batch.flow.abs().max() <= 1
    assert batch.labels.tolist() == [0, 0]
    loaded = own.load()
    assert torch.equal(loaded.batch([2, 0]).images, batch.images)
    assert torch.equal(loaded.batch([2, 0]).flow, batch.flow)
    assert loaded.item_name(1).endswith("1.avi")
    read = list(loader(own, 2, shuffle=False, num_workers=1))
    assert torch.equal(torch.cat([b.flow for b in read]), own.batch(range(3)).flow)


def test_flow_is_made_once_and_again_when_the_file_has_changed(tmp_path, monkeypatch):
    own = split(tmp_path, count=1)
    first = own.batch([0])
    made = []
    make = clips.optical_flow
    monkeypatch.setattr(clips, "optical_flow", lambda pictures: made.append(1) or make(pictures))
    assert torch.equal(own.batch([0]).flow, first.flow)
    assert not made
    split(tmp_path, count=1, length=3).batch([0])
    assert len(made) == 1, "another length is another clip"
    os.utime(tmp_path / "0.avi", ns=(1, 1))
    own.batch([0])
    assert len(made) == 2


def test_every_bad_clip_is_found_by_name(tmp_path):
    own = split(tmp_path, count=4)
    write_video(tmp_path / "1.avi", frames(4))
    (tmp_path / "2.avi").write_bytes(b"nothing")
    (tmp_path / "3.avi").unlink()
    problems = check_split(own)
    assert [p.index for p in problems] == [1, 2, 3]
    for problem, said in zip(
        problems, ("4 frames, but 4 steps of flow need 5", "damaged", "no such clip"), strict=True
    ):
        assert said in problem.reason
        assert problem.item.endswith(f"{problem.index}.avi")


def test_wrong_numbers_are_refused(tmp_path):
    own = split(tmp_path)
    with pytest.raises(RegardError, match="3 clips, 2 labels"):
        ClipSplit("train", ("a", "b"), own.clips, torch.zeros(2).long(), SIZE, 4)
    with pytest.raises(RegardError, match="length 0"):
        split(tmp_path, length=0)


def test_labels_and_gaze_of_clips_can_be_dealt_anew(tmp_path):
    points = torch.arange(6.0).view(3, 1, 2)
    own = split(tmp_path, fixations=points)
    shuffled = shuffle_gaze(own, seed=0)
    assert sorted(shuffled.fixations[:, 0, 0].tolist()) == [0, 2, 4]
    assert (shuffled.fixations != points).any(-1).all()
    data = DataSplits(own, own, own, torch.zeros(3), torch.ones(3), "here", "none")
    assert sorted(shuffle_labels(data, seed=1).train.labels.tolist()) == [0, 0, 1]
