"""Every set on small files of its published layout, written here; splits share no video and no observer."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.video.files import SIZE, frames, write_frames, write_samples, write_video

from regard.data import clip_folder, hollywood2, open_data, ucf_sports
from regard.data.video.actions import HOLLYWOOD2_CLASSES, UCF_SPORTS_CLASSES
from regard.data.video.clips import clip_splits, hold_out_groups, moments
from regard.types import RegardError

pytestmark = pytest.mark.usefixtures("own_cache")

SMALL = {"size": (24, 32), "length": 2}


def paths(split):
    return {str(clip.path) for clip in split.clips}


def apart(data, of=lambda path: path):
    """Whether no two splits share a value of ``of(path)``."""
    parts = [{of(path) for path in paths(getattr(data, name))} for name in ("train", "val", "test")]
    return all(not a & b for k, a in enumerate(parts) for b in parts[k + 1 :])


@pytest.fixture
def sports(tmp_path):
    """Three videos of every view, of which two are cut from one tape; two observers' gaze on the square."""
    root = tmp_path / "ucf_sports"
    views = [
        v
        for name in UCF_SPORTS_CLASSES
        for v in {"Golf-Swing": ["Golf-Swing-Back", "Golf-Swing-Side"]}.get(name, [name])
    ]
    for k, view in enumerate(views):
        for number in (1, 2, 3):
            tape = f"{k}-{min(number, 2)}"
            write_video(root / view / f"{number:03d}" / f"{tape}_70{number}.avi", frames(5), fps=10)
            square = [(t / 100, 22.0, 19.0, "F") for t in range(50)]
            for observer in ("001", "002", "004"):
                write_samples(root / "samples", observer, f"{view}-{number:03d}", square)
    return root


def test_ucf_sports(sports):
    data = ucf_sports(sports, **SMALL, val_share=0.3)
    assert data.classes == UCF_SPORTS_CLASSES
    assert len(data.test) == 9 + 2  # the first of three of every class, the first two of golf's six
    test_names = [path.replace(str(sports), "") for path in sorted(paths(data.test))]
    assert test_names[0].startswith("/Diving-Side/001/")
    assert [n[:22] for n in test_names if "Golf" in n] == ["/Golf-Swing-Back/001/1", "/Golf-Swing-Back/002/1"]
    labels = data.test.labels[torch.tensor(["Golf" in c.path.as_posix() for c in data.test.clips])]
    assert labels.tolist() == [UCF_SPORTS_CLASSES.index("Golf-Swing")] * 2
    assert apart(data)
    batch = data.test.batch([0])
    assert (batch.images.shape, batch.flow.shape) == ((1, 3, 24, 32), (1, 4, 24, 32))


def test_videos_of_one_tape_are_in_one_split(sports):
    learned = {}
    for seed in range(4):
        data = ucf_sports(sports, **SMALL, val_share=0.4, seed=seed)
        for name in ("train", "val"):
            learned |= {
                (seed, name): {path.rpartition("_")[0].rpartition("/")[2] for path in paths(getattr(data, name))}
            }
        assert not learned[seed, "train"] & learned[seed, "val"]
    assert learned[0, "val"] != learned[1, "val"]


def test_gaze_is_in_the_image_and_splits_have_different_observers(sports):
    data = ucf_sports(sports, **SMALL)
    gaze = data.gaze()
    assert gaze.subjects == ("002",)  # the test's observer; 001 and 004 are learned from
    assert data.train.fixations.shape[1] == 2
    assert torch.allclose(data.train.fixations, torch.tensor([11.0, 9.5]), atol=0.01)  # half of (22, 19)
    assert np.allclose(gaze.points().numpy(), [11.0, 9.5], atol=0.01)
    assert len(gaze.images) == len(data.test)


def test_bad_gaze_is_counted_and_reported(sports):
    samples = sports / "samples"
    (samples / "002_Diving-Side-001.avi.txt").unlink()
    write_samples(samples, "002", "Kicking-001", [(0.25, 3.0, 20.0, "B"), (9.0, 3.0, 20.0, "F")])  # blink, too late
    write_samples(samples, "002", "Lifting-001", [(0.25, -9.0, 20.0, "F")])
    data = ucf_sports(sports, **SMALL)
    assert "gaze of test: 1 outside of the video left out, 3 of 11 clips without any" in data.source
    assert "gaze of train" not in data.source
    counts = dict(zip([c.path.parts[-3] for c in data.test.clips], data.gaze().counts().tolist(), strict=True))
    assert [counts[name] for name in ("Diving-Side", "Kicking", "Lifting", "Run-Side")] == [0, 0, 0, 1]
    assert data.test.fixations[0].isnan().all()


def test_one_observer_cannot_serve_training_and_comparison(sports):
    for path in (sports / "samples").glob("00[24]_*"):
        path.unlink()
    with pytest.raises(RegardError, match=r"gaze of 1 observer \(001\)"):
        ucf_sports(sports, **SMALL)


def test_more_stretches_of_training_videos_only(sports):
    data = ucf_sports(sports, **SMALL, stretches=3, val_share=0.3)
    once = ucf_sports(sports, **SMALL, val_share=0.3)
    assert len(data.train) == 3 * len(once.train)
    assert (len(data.val), len(data.test)) == (len(once.val), len(once.test))
    assert data.train.labels[:3].unique().numel() == 1
    assert data.train.fixations.shape[0] == len(data.train)
    assert apart(data)


def test_an_absent_class_is_named(sports):
    for number in (1, 2, 3):
        for file in (sports / "Lifting" / f"{number:03d}").iterdir():
            file.unlink()
        (sports / "Lifting" / f"{number:03d}").rmdir()
    with pytest.raises(RegardError, match="no videos of Lifting"):
        ucf_sports(sports, **SMALL)
    with pytest.raises(RegardError, match=r"ucf_sports: neither .*Diving-Side"):
        ucf_sports(sports.parent / "elsewhere", **SMALL)


@pytest.fixture
def repackaged(tmp_path):
    """Wang's form: frames and maps of fixations."""
    root = tmp_path / "ucf_sports"
    for part, numbers in (("training", (1, 2, 3, 4)), ("testing", (5, 6))):
        for view in ("Diving-Side", "Kicking-Front"):
            for number in numbers:
                clip = root / part / f"{view}-{number:03d}"
                write_frames(clip / "images", frames(5))
                maps = np.zeros((5, *SIZE, 3), np.uint8)
                maps[2, 10, 20] = maps[2, 30, 40] = 255
                maps[4, :5] = 255  # another frame's
                write_frames(clip / "fixation", maps)
    return root


def test_ucf_sports_with_maps_of_fixations(repackaged):
    data = ucf_sports(repackaged, **SMALL, val_share=0.3)
    assert (len(data.train) + len(data.val), len(data.test)) == (8, 4)
    assert data.test.labels.tolist() == [0, 0, 2, 2]
    gaze = data.gaze()
    assert gaze.subjects == ("all",)
    assert sorted(map(tuple, gaze.points()[0].tolist())) == [
        (10.0, 5.0),
        (20.0, 15.0),
    ]  # halves of x 20, y 10 and so on
    assert "no ceiling" in data.remarks[0]
    assert apart(data)


def test_maps_that_do_not_fit_are_refused(repackaged):
    maps = repackaged / "testing/Diving-Side-005/fixation"
    Image.new("L", (5, 5)).save(maps / "0003.png")
    with pytest.raises(RegardError, match=r"0003.png: not of the size"):
        ucf_sports(repackaged, **SMALL)
    (maps / "0005.png").unlink()
    with pytest.raises(RegardError, match=r"Diving-Side-005: 5 frames, but 4 maps"):
        ucf_sports(repackaged, **SMALL)
    (repackaged / "testing/Diving-Side-005").rename(repackaged / "testing/Chess-005")
    with pytest.raises(RegardError, match=r"Chess-005: in none of the classes"):
        ucf_sports(repackaged, **SMALL)


@pytest.fixture
def films(tmp_path):
    """Eight training clips of four films and four test clips; clip k shows action k and the next one."""
    root = tmp_path / "Hollywood2"
    clips = {
        "train": [f"actioncliptrain{k:05d}" for k in range(1, 9)],
        "test": [f"actioncliptest{k:05d}" for k in range(1, 5)],
    }
    (root / "ClipSets").mkdir(parents=True)
    for part, names in clips.items():
        for name in names:
            write_video(root / "AVIClips" / f"{name}.avi", frames(5), codec="mpeg4")
        for a, action in enumerate(HOLLYWOOD2_CLASSES):
            shown = [1 if k in (a, a - 1) else -1 for k in range(len(names))]
            lines = [f"{name}  {is_in}" for name, is_in in zip(names, shown, strict=True)]
            (root / "ClipSets" / f"{action}_{part}.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{name} film {k // 2}" for k, name in enumerate(clips["train"])]
    (root / "movies.txt").write_text("\n".join(lines) + "\n")
    return root


def test_hollywood2_has_several_labels_and_whole_films(films):
    data = hollywood2(films.parent, **SMALL, val_share=0.2)
    assert data.classes == HOLLYWOOD2_CLASSES
    assert data.test.labels.shape == (4, 12)
    assert data.test.labels[1].nonzero()[:, 0].tolist() == [1, 2]
    assert (len(data.train), len(data.val)) == (6, 2)
    assert apart(data)
    assert apart(data, of=lambda path: (path[-12:-9], (int(path[-9:-4]) - 1) // 2) if "train" in path else path)
    assert data.gaze is None


def test_hollywood2_with_gaze(films):
    for k in range(1, 9):
        for observer in ("003", "005"):
            write_samples(films / "samples", observer, f"actioncliptrain{k:05d}", [(0.1, 22.0, 19.0, "F")])
    for observer in ("003", "005"):
        write_samples(films / "samples", observer, "actioncliptest00001", [(0.1, 22.0, 19.0, "F")])
    data = hollywood2(films, **SMALL)
    assert data.gaze().subjects == ("005",)
    assert data.gaze().counts().tolist() == [1, 0, 0, 0]
    assert "3 of 4 clips without any" in data.source


def test_hollywood2_refuses_what_could_leak_or_is_missing(films):
    movies = (films / "movies.txt").read_text()
    (films / "movies.txt").write_text(movies + "actioncliptest00001 film 1\n")
    with pytest.raises(RegardError, match=r"film 'film 1' is in train and in test"):
        hollywood2(films, **SMALL)
    (films / "movies.txt").write_text(movies.split("\n", 1)[1])
    with pytest.raises(RegardError, match=r"no film for 1 training clips, the first actioncliptrain00001"):
        hollywood2(films, **SMALL)
    (films / "movies.txt").unlink()
    with pytest.raises(RegardError, match=r"movies.txt: no such file; validation clips must be of other films"):
        hollywood2(films, **SMALL)
    (films / "movies.txt").write_text(movies)
    (films / "AVIClips/actioncliptest00002.avi").unlink()
    with pytest.raises(RegardError, match=r"1 of 12 clips are missing, the first actioncliptest00002.avi"):
        hollywood2(films, **SMALL)
    (films / "ClipSets/Kiss_train.txt").write_text("actioncliptrain00001 yes\n")
    with pytest.raises(RegardError, match=r"Kiss_train.txt, line 1"):
        hollywood2(films, **SMALL)


@pytest.fixture
def groups_folder(tmp_path):
    """Two classes of four groups of two videos, UCF101's names."""
    root = tmp_path / "own"
    for name in ("Archery", "Biking"):
        for group in range(1, 5):
            for clip in (1, 2):
                write_video(root / name / f"v_{name}_g{group:02d}_c{clip:02d}.avi", frames(4), codec="mpeg4")
    return root


def test_a_group_of_a_folder_is_in_one_split(groups_folder):
    for seed in range(4):
        data = clip_folder(groups_folder, **SMALL, val_share=0.3, test_share=0.3, seed=seed)
        assert data.classes == ("Archery", "Biking")
        assert apart(data, of=lambda path: path.rpartition("_c")[0])
        assert sum(len(getattr(data, name)) for name in ("train", "val", "test")) == 16
    assert open_data("clip_folder", groups_folder, **SMALL).train.batch([0]).flow is not None


def test_the_official_lists(groups_folder, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    names = sorted(path.relative_to(groups_folder).as_posix() for path in groups_folder.glob("*/*.avi"))
    lines = {"train": [f"{n} 1" for n in names if "_g01" not in n], "test": [n for n in names if "_g01" in n]}
    for part, content in lines.items():
        (lists / f"{part}list02.txt").write_text("\n".join(content) + "\n")
    data = clip_folder(groups_folder, **SMALL, lists=lists, fold=2)
    assert paths(data.test) == {str(groups_folder / n) for n in lines["test"]}
    assert apart(data)
    (lists / "testlist02.txt").write_text("Archery/v_Archery_g02_c02.avi\n")
    with pytest.raises(RegardError, match=r"Archery/group 02 is in"):
        clip_folder(groups_folder, **SMALL, lists=lists, fold=2)
    (lists / "testlist02.txt").write_text("Archery/v_Archery_g09_c01.avi\n")
    with pytest.raises(RegardError, match=r"testlist02.txt: 1 of 1 videos are missing"):
        clip_folder(groups_folder, **SMALL, lists=lists, fold=2)
    with pytest.raises(RegardError, match=r"trainlist01.txt: no such list"):
        clip_folder(groups_folder, **SMALL, lists=lists)


def test_given_splits(groups_folder, tmp_path):
    for part in ("train", "val", "test"):
        for name in ("Archery", "Biking"):
            write_video(tmp_path / "given" / part / name / "a.avi", frames(4))
    data = clip_folder(tmp_path / "given", **SMALL)
    assert [len(getattr(data, part)) for part in ("train", "val", "test")] == [2, 2, 2]
    with pytest.raises(RegardError, match=r"1 classes \(given\)|no videos"):
        clip_folder(tmp_path / "given" / "val" / "Archery", **SMALL)


def test_a_video_in_two_splits_is_refused(tmp_path):
    video = write_video(tmp_path / "a.avi", frames(4))
    other = write_video(tmp_path / "b.avi", frames(4))
    with pytest.raises(RegardError, match=r"a.avi is in 'train' and in 'test'"):
        clip_splits(
            {"train": [video], "val": [other], "test": [video]},
            {video: 0, other: 0},
            classes=("a", "b"),
            size=8,
            length=2,
            stretches=1,
            in_memory=False,
            source="here",
            licence="none",
        )


def test_whole_groups_are_held_out():
    groups = ["a", "a", "b", "c", "c", "c", "d"]
    for seed in range(8):
        rest, taken = hold_out_groups(range(7), groups.__getitem__, 0.3, seed=seed)
        names = {groups[k] for k in taken}
        assert 3 <= len(taken) < 7
        assert taken == [k for k, g in enumerate(groups) if g in names]
        assert rest == [k for k in range(7) if k not in taken]
    with pytest.raises(RegardError, match="1 groups of videos"):
        hold_out_groups(["a", "a"], str, 0.5, seed=0)
    with pytest.raises(RegardError, match=r"stretches=9"):
        moments([], 9)
