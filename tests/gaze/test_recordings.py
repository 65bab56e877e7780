"""Files of eye trackers' programs become the fixations that they tell of."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.gaze import Box, is_recording, read_recordings
from regard.score import read_fixations
from regard.types import RegardError

SIZES = {"a.png": (60, 80), "b.png": (60, 80)}
SCREEN = (600, 800)  # images are stretched to it: factor 10
SPOTS = {"a": [(200.0, 300.0), (600.0, 150.0)], "b": [(400.0, 400.0)]}


def gaze(rate=250, lasting=0.4):
    """image, time in s, x, y in pixels of the screen: a steady gaze on each spot, a lost sample between."""
    time = 0.0
    for image, spots in SPOTS.items():
        for x, y in spots:
            for k in range(int(rate * lasting)):
                yield f"{image}.png", time, x + 2 * (-1) ** k, y
                time += 1 / rate
            yield f"{image}.png", time, None, None
            time += 1 / rate
        time += 1.0


def save(path, rows, separator="\t"):
    path.write_text("\n".join(separator.join("" if v is None else str(v) for v in row) for row in rows) + "\n")
    return path


def is_right(table, subject, *, lasting=400.0):
    assert table.subjects == (subject,)
    found = {name: table.select(images=[name]) for name in table.images}
    assert list(found) == ["a.png", "b.png"]
    for name, part in found.items():
        spots = np.array(SPOTS[name[0]]) / 10
        assert np.stack([part.x, part.y], 1) == pytest.approx(spots, abs=0.05)
        assert part.order.tolist() == list(range(len(spots)))
        assert part.duration == pytest.approx([lasting] * len(spots), abs=10)


def tobii_samples(folder, unit="DACSpx", time="μs", bracket="[]", screen=True):
    names = ["Recording timestamp", "Participant name", "Presented Media name", "Gaze point X", "Gaze point Y"]
    mark = f"{bracket[0]}{{}}{bracket[1]}" if bracket else "{}"
    names = [f"{names[0]} {mark.format(time)}" if time else names[0], *names[1:3]]
    names += [f"Gaze point {axis} {mark.format(unit)}" if unit else f"Gaze point {axis}" for axis in "XY"]
    per = {"μs": 1e6, "ms": 1e3, "": 1e6}[time]
    scale = (1 / 800, 1 / 600) if unit == "MCSnorm" else (1, 1)
    rows = [
        [round(t * per), "P01", i, *(None if v is None else v * s for v, s in zip((x, y), scale, strict=True))]
        for i, t, x, y in gaze()
    ]
    rows.insert(0, [0, "P01", "", 10, 10])  # nothing was shown
    if screen:
        names += ["Recording resolution width", "Recording resolution height"]
        rows = [[*row, 800, 600] for row in rows]
    return save(folder / "tobii.tsv", [names, *rows])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"time": "ms", "bracket": "()"},
        {"time": "", "unit": "", "bracket": ""},
        {"unit": "MCSnorm", "screen": False},
    ],
    ids=["current", "milliseconds", "without units", "normalised to the media"],
)
def test_samples_of_tobii_are_detected(how, tmp_path):
    degree = 4.0 if how.get("unit") == "MCSnorm" else 40.0  # of the image where coordinates are on it
    is_right(read_recordings(tobii_samples(tmp_path, **how), sizes=SIZES, pixels_per_degree=degree), "P01")


def test_fixations_that_tobii_has_found_are_taken_with_the_place_of_the_media(tmp_path):
    names = ["Recording timestamp [ms]", "Participant name", "Presented Stimulus name", "Presented Media width [px]"]
    names += ["Presented Media height [px]", "Presented Media position X (DACSpx) [DACS px]"]
    names += ["Presented Media position Y (DACSpx) [DACS px]", "Eye movement type", "Eye movement type index"]
    names += ["Gaze event duration [ms]", "Fixation point X [DACS px]", "Fixation point Y [DACS px]"]
    names += ["Gaze point X [DACS px]", "Gaze point Y [DACS px]"]
    rows, index = [], 0
    for image, spots in SPOTS.items():
        for x, y in spots:
            index += 1
            shown = ["P01", f"{image}.png", 400, 300, 200, 150]  # half the screen, in its middle
            for k in range(5):
                at = [200 + x / 2, 150 + y / 2]
                rows.append([10 * len(rows), *shown, "Fixation", index, 400, *at, at[0] + k, at[1]])
            rows.append([10 * len(rows), *shown, "Saccade", index, 30, None, None, 500, 500])
    is_right(read_recordings(save(tmp_path / "t.tsv", [names, *rows]), sizes=SIZES), "P01")


@pytest.mark.parametrize("kind", ["samples", "fixations"])
def test_surfaces_of_pupil_count_y_from_the_bottom(kind, tmp_path):
    folder = tmp_path / "subject7/exports/000/surfaces"
    folder.mkdir(parents=True)
    files = []
    for image in SPOTS:
        if kind == "samples":
            head = "world_timestamp,world_index,gaze_timestamp,x_norm,y_norm,x_scaled,y_scaled,on_surf,confidence"
            rows = [
                [t, 0, t, (x or 0) / 800, 1 - (y or 0) / 600, 0, 0, x is not None, 0.9 if x else 0.1]
                for name, t, x, y in gaze()
                if name[0] == image
            ]
        else:
            head = "world_timestamp,world_index,fixation_id,start_timestamp,duration,dispersion,"
            head += "norm_pos_x,norm_pos_y,x_scaled,y_scaled,on_surf"
            spots = [(k, x, y, True) for k, (x, y) in enumerate(SPOTS[image])] + [(9, 1700, 20, False)]
            rows = [
                [k + frame / 30, frame, k, k, 400, 1, x / 800, 1 - y / 600, 0, 0, on]
                for k, x, y, on in spots
                for frame in range(3)
            ]
        name = {"samples": "gaze_positions", "fixations": "fixations"}[kind]
        files.append(save(folder / f"{name}_on_surface_{image}.csv", [head.split(","), *rows], ","))
    degree = 4.0 if kind == "samples" else None
    is_right(read_recordings(files, sizes=SIZES, pixels_per_degree=degree), "subject7")


@pytest.mark.parametrize("kind", ["samples", "fixations"])
def test_ogama_is_read_in_pixels_of_the_screen(kind, tmp_path):
    if kind == "samples":
        head = ["SubjectName", "TrialSequence", "TrialName", "Time", "GazePosX", "GazePosY"]
        rows = [["s1", 0, name[0], round(1e3 * t), x or 0, y or 0] for name, t, x, y in gaze()]
    else:
        head = [
            "ID",
            "SubjectName",
            "TrialName",
            "TrialSequence",
            "CountInTrial",
            "StartTime",
            "Length",
            "PosX",
            "PosY",
        ]
        spots = [(image, k, x, y) for image in SPOTS for k, (x, y) in enumerate(SPOTS[image])]
        rows = [[n, "s1", image, 0, k, 500 * k, 400, x, y] for n, (image, k, x, y) in enumerate(spots)]
    file = save(tmp_path / "ogama.txt", [head, *rows])
    is_right(read_recordings(file, sizes=SIZES, screen=SCREEN, pixels_per_degree=40.0), "s1")


def bids_run(folder, *, units="s", system="gaze-on-screen", columns=("timestamp", "x_coordinate", "y_coordinate")):
    stem = folder / "sub-03_task-view"
    per = {"s": 1.0, "ms": 1e3}[units]
    about = {"Columns": list(columns), "SampleCoordinateSystem": system, "timestamp": {"Units": units}}
    Path(f"{stem}_recording-eye1_physio.json").write_text(json.dumps(about))
    screen = {"StimulusPresentation": {"ScreenResolution": [800, 600]}}
    Path(f"{stem}_events.json").write_text(json.dumps(screen))
    samples = list(gaze())
    lines = ["\t".join("n/a" if v is None else str(v) for v in (7 + t * per, x, y)) for _, t, x, y in samples]
    file = Path(f"{stem}_recording-eye1_physio.tsv.gz")
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    spans = {name: [t for n, t, *_ in samples if n == name] for name in SIZES}
    rows = [[t[0], t[-1] - t[0] + 0.01, f"images/{name}"] for name, t in spans.items()] + [[900, 1, "n/a"]]
    save(Path(f"{stem}_events.tsv"), [["onset", "duration", "stim_file"], *rows])
    return file


@pytest.mark.parametrize("units", ["s", "ms"])
def test_bids_is_read_by_its_json_and_its_events(units, tmp_path):
    is_right(read_recordings(bids_run(tmp_path, units=units), sizes=SIZES, pixels_per_degree=40.0), "03")


def asc(folder, message="!V IMGLOAD FILL {}.png"):
    lines = ["** CONVERTED FROM x.edf using edfapi 4.2.1", "** VERSION: EYELINK II 1", "** SOURCE: EYELINK CL"]
    lines += ["MSG\t100 DISPLAY_COORDS 0 0 799 599", "MSG\t100 RECCFG CR 250 2 1 L"]
    lines += ["MSG\t100 GAZE_COORDS 0.00 0.00 799.00 599.00"]
    events = [f"{word}\tGAZE\tLEFT\tRATE\t 250.00\tTRACKING\tCR\tFILTER\t2" for word in ("EVENTS", "SAMPLES")]
    time = 1000
    for image, spots in SPOTS.items():
        lines += [f"MSG\t{time} {message.format(image)}", f"START\t{time}\tLEFT\tSAMPLES\tEVENTS"]
        lines += ["PRESCALER\t1", "VPRESCALER\t1", "PUPIL\tAREA", *events]
        for x, y in spots:
            begin = time
            lines.append(f"SFIX L   {begin}")
            for k in range(100):
                lines.append(f"{time}\t {x + 2 * (-1) ** k:.1f}\t {y:.1f}\t 900.0\t...")
                time += 4
            lines.append(f"EFIX L   {begin}\t{time}\t{time - begin}\t {x:.1f}\t {y:.1f}\t 900")
            lines.append(f"{time}\t   .\t   .\t 0.0\t...")
            time += 4
        lines.append(f"END\t{time} \tSAMPLES\tEVENTS\tRES\t 38.5\t 31.1")
        time += 1000
    path = folder / "ann.asc"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("samples", [False, True], ids=["found by the tracker", "detected"])
@pytest.mark.parametrize(
    "message", ["!V IMGLOAD FILL pictures/{}.png", "TRIALID 3 {}.png", "!V TRIAL_VAR image {}.png"]
)
def test_eyelink_names_images_by_messages(message, samples, tmp_path):
    file = asc(tmp_path, message)
    is_right(read_recordings(file, sizes=SIZES, samples=samples, pixels_per_degree=40.0), "ann")


def test_messages_of_ones_own_name_images_too(tmp_path):
    file = asc(tmp_path, "SHOW<{}>")
    with pytest.raises(RegardError, match=r"ann.asc: no message names an image.*messages="):
        read_recordings(file, sizes=SIZES)
    is_right(read_recordings(file, sizes=SIZES, messages=(r"SHOW<(?P<image>\w+)>",)), "ann")


@pytest.mark.parametrize(
    ("placement", "place"),
    [("fill", (20, 30)), ("center", (-160, 30)), (Box(100, 200, 400, 300), (20, 20)), (None, (20, 30))],
)
def test_where_images_were_on_the_screen(placement, place, tmp_path):
    head = ["ID", "SubjectName", "TrialName", "CountInTrial", "StartTime", "Length", "PosX", "PosY"]
    file = save(tmp_path / "o.txt", [head, [0, "s", "a", 0, 0, 300, 200, 300]])
    table = read_recordings(file, sizes=SIZES, screen=SCREEN, placement=placement)
    if place[0] < 0:
        assert (len(table), table.dropped) == (0, 1), "beside the image"
    else:
        assert table.points().tolist() == [[list(map(float, place))]]
    with pytest.raises(RegardError, match=r"how large the screen was.*--gaze-size"):
        read_recordings(file, sizes=SIZES, placement="center")


@pytest.mark.parametrize("gap", [30, 600])
def test_a_loss_of_gaze_ends_a_fixation_where_it_is_long(gap, tmp_path):
    rows = [["s", "a", t, 200.0, 300.0] for t in range(0, 400, 4)]
    rows += [["s", "a", 396 + k, 0, 0] for k in range(4, gap, 4)]
    rows += [["s", "a", 396 + gap + t, 200.0, 300.0] for t in range(0, 400, 4)]
    file = save(tmp_path / "o.txt", [["SubjectName", "TrialName", "Time", "GazePosX", "GazePosY"], *rows])
    table = read_recordings(file, sizes=SIZES, screen=SCREEN, pixels_per_degree=40.0)
    assert len(table) == (1 if gap == 30 else 2)


def test_several_observers_are_one_table(tmp_path):
    (tmp_path / "x").mkdir()
    files = [asc(tmp_path), tobii_samples(tmp_path / "x")]
    table = read_recordings(files, sizes=SIZES, pixels_per_degree=40.0)
    assert table.subjects == ("P01", "ann")
    assert len(table) == 6
    for who in table.subjects:
        is_right(table.select(subjects=[who]), who)


@pytest.mark.parametrize("name", ["gaze.csv", "notes.txt", "map.png", "missing.tsv"])
def test_other_files_are_no_recordings(name, tmp_path):
    if name != "missing.tsv":
        (tmp_path / name).write_text("image,subject,x,y,x_norm,y_norm\na.png,1,2,3,.1,.2\n")
    assert not is_recording(tmp_path / name)


def test_faults_of_recordings_are_named(tmp_path):
    samples = tobii_samples(tmp_path)
    with pytest.raises(RegardError, match=r"tobii.tsv holds samples.*--pixels-per-degree 35"):
        read_recordings(samples, sizes=SIZES)
    with pytest.raises(RegardError, match=r"none of what was shown \(a.png, b.png\) is one of the 1 images"):
        read_recordings(samples, sizes={"z.png": (60, 80)}, pixels_per_degree=40.0)
    (tmp_path / "bad.asc").write_text("nothing of the kind\n")
    with pytest.raises(RegardError, match=r"bad.asc"):
        read_recordings(tmp_path / "bad.asc", sizes=SIZES)
    plain = save(tmp_path / "plain.csv", [["image", "x", "y"], ["a.png", 1, 2]], ",")
    with pytest.raises(RegardError, match=r"plain.csv has columns of no program.*read_csv"):
        read_recordings(plain, sizes=SIZES)
    with pytest.raises(RegardError, match="no file of gaze"):
        read_recordings([], sizes=SIZES)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.write_bytes(f.read_bytes()[:200]), "cannot read .*physio.tsv.gz"),
        (lambda f: f.with_name(f.name.replace(".tsv.gz", ".json")).unlink(), "physio.json"),
        (lambda f: f.with_name("sub-03_task-view_events.tsv").unlink(), "events.tsv"),
        (lambda f: f.write_bytes(gzip.compress(b"1\t2\n")), "line 1: 2 values for the 3 columns"),
    ],
    ids=["cut short", "no json", "no events", "another number of columns"],
)
def test_damaged_bids_is_named(damage, message, tmp_path):
    file = bids_run(tmp_path)
    damage(file)
    with pytest.raises(RegardError, match=message):
        read_recordings(file, sizes=SIZES, pixels_per_degree=40.0)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"system": "gaze-in-world"}, "gaze-in-world: only gaze-on-screen"),
        ({"columns": ("timestamp", "x_coordinate", "z")}, "no column y_coordinate"),
    ],
)
def test_bids_that_cannot_be_laid_on_images_is_refused(how, message, tmp_path):
    with pytest.raises(RegardError, match=message):
        read_recordings(bids_run(tmp_path, **how), sizes=SIZES, pixels_per_degree=40.0)


def test_the_command_takes_recordings(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "maps").mkdir()
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height)).save(tmp_path / "images" / name)
        np.save(tmp_path / "maps" / f"{name[0]}.npy", np.random.default_rng(1).random((6, 8)))
    tobii_samples(tmp_path)
    is_right(read_fixations("tobii.tsv", "images", pixels_per_degree=40.0), "P01")
    command = ["score", "--maps", "maps", "--fixations", "tobii.tsv", "--images", "images"]
    assert main([*command, "--pixels-per-degree", "40"]) == 0
    assert "2 images, 3 fixations" in capsys.readouterr().out
    assert main(command) == 2
    assert "--pixels-per-degree 35" in capsys.readouterr().err
