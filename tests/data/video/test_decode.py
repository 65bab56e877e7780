"""Decoding of files and folders: the requested frames in order; missing or damaged ones are named."""

import numpy as np
import pytest
from tests.data.video.files import SIZE, frames, write_frames, write_video

from regard.data.video.decode import frame_count, frame_rate, frame_size, read_frames
from regard.types import RegardError


def test_a_file_gives_the_requested_frames(tmp_path):
    drawn = frames(9)
    path = write_video(tmp_path / "a.avi", drawn, fps=12)
    assert (frame_count(path), frame_rate(path), frame_size(path)) == (9, 12, SIZE)
    assert np.array_equal(read_frames(path, 0, 9, SIZE), drawn)
    assert np.array_equal(read_frames(path, 5, 3, SIZE), drawn[5:8])


def test_a_lossy_file_is_decoded_closely(tmp_path):
    drawn = frames(12)
    path = write_video(tmp_path / "a.avi", drawn, codec="mpeg4")
    decoded = read_frames(path, 4, 4, SIZE).astype(int)
    assert np.abs(decoded - drawn[4:8]).mean() < 6
    assert np.abs(decoded - drawn[5:9]).mean() > 6  # the next ones are not


def test_a_folder_gives_the_same(tmp_path):
    drawn = frames(12)
    folder = write_frames(tmp_path / "images", drawn)
    assert (frame_count(folder), frame_size(folder)) == (12, SIZE)
    assert np.array_equal(read_frames(folder, 8, 4, SIZE), drawn[8:])  # 9, 10, 11, 12: by number, not by letter


def test_frames_shrink_by_area_and_whole(tmp_path):
    halves = np.zeros((2, 8, 12, 3), np.uint8)
    halves[:, :, 6:] = 200
    small = read_frames(write_frames(tmp_path / "images", halves), 0, 2, (2, 4))
    assert small[0, :, :, 0].tolist() == [[0, 0, 200, 200]] * 2
    large = read_frames(tmp_path / "images", 0, 2, (16, 24))
    assert large.shape == (2, 16, 24, 3)
    assert (large[0, 0, 0, 0], large[0, 15, 23, 0]) == (0, 200)


def test_frames_that_are_missing_are_counted(tmp_path):
    path = write_video(tmp_path / "a.avi", frames(9))
    with pytest.raises(
        RegardError, match=r"a.avi: frames 6 to 10 are needed, but only 9 can be read, so 2 are missing"
    ):
        read_frames(path, 6, 5, SIZE)
    folder = write_frames(tmp_path / "images", frames(9))
    for number in (4, 5):
        (folder / f"{number:04d}.png").unlink()
    with pytest.raises(RegardError, match=r"images: 2 of 9 frames are missing, the first number 4"):
        frame_count(folder)


def test_a_truncated_file_is_an_error(tmp_path):
    path = write_video(tmp_path / "a.avi", frames(20))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RegardError, match=r"a.avi: (damaged video|frames 0 to 19 are needed, but only)"):
        read_frames(path, 0, 20, SIZE)
    path.write_bytes(b"no video at all")
    with pytest.raises(RegardError, match=r"a.avi: damaged video .*; replace it, or leave it out"):
        frame_count(path)


def test_other_faults_are_named(tmp_path):
    with pytest.raises(RegardError, match=r"b.avi: no such clip"):
        frame_count(tmp_path / "b.avi")
    (tmp_path / "none").mkdir()
    with pytest.raises(RegardError, match=r"none: no frames"):
        frame_count(tmp_path / "none")
    folder = write_frames(tmp_path / "images", frames(3))
    write_frames(folder, frames(1, size=(32, 32)), first=2)
    with pytest.raises(RegardError, match=r"0002.png: 32x32 pixels, where the frame 0001.png has 64x48"):
        read_frames(folder, 0, 3, SIZE)
    (folder / "0003.png").write_bytes(b"x")
    with pytest.raises(RegardError, match=r"0003.png: not an image that can be read"):
        read_frames(folder, 2, 1, SIZE)
