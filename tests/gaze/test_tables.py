import numpy as np
import pytest
from tests.gaze.test_fixations import table

from regard.gaze import read_csv, read_parquet, write_csv, write_parquet
from regard.types import RegardError


def assert_same(a, b):
    """Equal as sets of (image, subject, order, x, y, duration), with equal images and sizes."""

    def rows(f):
        return sorted(
            zip(
                [f.images[k] for k in f.image],
                [f.subjects[k] for k in f.subject],
                f.order.tolist(),
                f.x.tolist(),
                f.y.tolist(),
                np.nan_to_num(f.duration, nan=-1).tolist(),
                strict=True,
            )
        )

    assert rows(a) == rows(b)
    assert dict(zip(a.images, a.sizes.tolist(), strict=True)) == dict(zip(b.images, b.sizes.tolist(), strict=True))
    assert a.pixels_per_degree == b.pixels_per_degree


@pytest.mark.parametrize("changes", [{}, {"duration": None}, {"pixels_per_degree": 24.5}])
@pytest.mark.parametrize(("write", "read"), [(write_csv, read_csv), (write_parquet, read_parquet)])
def test_round_trip(tmp_path, write, read, changes):
    write(table(**changes), tmp_path / "f")
    assert_same(table(**changes), read(tmp_path / "f"))


def test_other_column_names_and_sizes(tmp_path):
    (tmp_path / "f.csv").write_text("filename,observer,px,py,dur_ms\na.jpg,3,1.5,2.5,200\na.jpg,3,4,5,\n")
    f = read_csv(tmp_path / "f.csv", sizes={"a.jpg": (10, 20)}, columns={"x": "px", "y": "py"})
    assert f.x.tolist() == [1.5, 4]
    assert f.order.tolist() == [0, 1]
    assert f.subjects == ("3",)
    np.testing.assert_array_equal(f.duration, [200, np.nan])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("image,x\na,1\n", r"lacks the column\(s\) \['y'\]"),
        ("image,x,y\na,1,2\n", "width and height"),
        ("image,x,y,width,height\na,1,two,9,9\n", "row 0, column 'y': 'two'"),
        ("image,x,y,width,height\na,1\n", "line 2: 2 values for 5"),
        ("image,x,y,width,height\na,1,2,9,9\na,,4,9,9\n", "outside"),
    ],
)
def test_broken_csv_is_named(tmp_path, text, message):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(RegardError, match=message):
        read_csv(tmp_path / "f.csv")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "f").write_bytes(b"\xff\xfe\x00no table")
    with pytest.raises(RegardError, match="cannot read"):
        read_csv(tmp_path / "f")
    with pytest.raises(RegardError, match="cannot read"):
        read_parquet(tmp_path / "f")
    with pytest.raises(RegardError, match=r"missing\.csv: no such file"):
        read_csv(tmp_path / "missing.csv")


SIZES = {"a b.jpg": (480, 640), "c.jpg": (480, 640)}
ROWS = [
    ("a b.jpg", "s1", 0, 12.5, 30.25, 210),
    ("a b.jpg", "s2", 0, 400.125, 80, 180),
    ("c.jpg", "s1", 0, 7, 300.5, 1250),
]
HEADER = ["image", "subject", "order", "x", "y", "duration"]


def written(separator, comma=False, before="", newline="\n"):
    lines = [[str(v).replace(".", ",") if comma and not isinstance(v, str) else str(v) for v in row] for row in ROWS]
    return before + newline.join(separator.join(line) for line in [HEADER, *lines]) + newline


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (written(","), "utf-8"),
        (written(";"), "utf-8"),
        (written(";", comma=True), "utf-8"),
        (written(";", comma=True, before="sep=;\r\n", newline="\r\n"), "utf-8-sig"),
        (written("\t"), "utf-8"),
        (written("\t", comma=True), "utf-16"),
        (written("|", comma=True), "utf-8"),
        (written(", "), "utf-8"),
        (
            written(",")
            .replace("image,", '"image",')
            .replace("a b", '"a b')
            .replace(".jpg,s", '.jpg",s')
            .replace("\nc", '\n"c'),
            "utf-8",
        ),
        (written(",").replace("image,subject,order,x,y", "Image,Observer,ORDER,X,Y"), "utf-8"),
    ],
    ids=[
        "commas",
        "semicolons",
        "decimal commas",
        "Excel",
        "tabs",
        "Excel's Unicode text",
        "bars",
        "spaces",
        "quotes",
        "capitals",
    ],
)
def test_tables_as_programs_write_them(tmp_path, text, encoding):
    (tmp_path / "f.csv").write_text(text, encoding=encoding, newline="")
    f = read_csv(tmp_path / "f.csv", sizes=SIZES)
    assert f.x.tolist() == [12.5, 400.125, 7]
    assert f.y.tolist() == [30.25, 80, 300.5]
    assert f.duration.tolist() == [210, 180, 1250]
    assert (f.images, f.subjects) == (("a b.jpg", "c.jpg"), ("s1", "s2"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (written(",", comma=True), "line 2: 8 values for 6 columns .*decimal comma"),
        ('image,x,y\nc.jpg,"12,5",3\n', "'12,5' is not a number: decimals have a point"),
        ("image\tx\ty\nc.jpg\t1,024\t3\n", "'1,024' is not a number"),
        ("image;x;y\nc.jpg;1.024,5;3\n", r"'1\.024,5' is not a number"),
        ("image,x,y,x\nc.jpg,1,2,3\n", "two columns 'x'"),
        ("image;FixX;FixY\nc.jpg;1;2\n", r"lacks the column\(s\) \['x', 'y'\].*--columns x=NAME"),
    ],
)
def test_what_cannot_be_told_is_named(tmp_path, text, message):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(RegardError, match=message):
        read_csv(tmp_path / "f.csv", sizes=SIZES)


def test_another_encoding_is_named(tmp_path):
    (tmp_path / "f.csv").write_bytes("image,x,y\né.jpg,1,2\n".encode("cp1252"))
    with pytest.raises(RegardError, match="byte 10 is no UTF-8; save as CSV UTF-8"):
        read_csv(tmp_path / "f.csv", sizes=SIZES)


@pytest.mark.parametrize("unknown", ["", "NA", "nan", ".", "NULL", " "])
def test_lost_gaze_is_counted_and_unknown_durations_are_unknown(tmp_path, unknown):
    rows = [f"c.jpg,s1,5,6,{unknown}", f"c.jpg,s1,{unknown},{unknown},200", "a b.jpg,,,,", f"c.jpg,s2,7,8,{unknown}"]
    (tmp_path / "f.csv").write_text("image,subject,x,y,duration\n" + "\n".join(rows) + "\n")
    f = read_csv(tmp_path / "f.csv", sizes=SIZES)
    assert (len(f), f.dropped) == (2, 1)
    assert np.isnan(f.duration).all()


def test_columns_and_units_as_told(tmp_path):
    (tmp_path / "f.tsv").write_text("stim\tx\ty\tGazeX\tGazeY\nc.jpg\t9\t9\t0.5\t0.25\n")
    columns = {"x": "GazeX", "y": "GazeY", "image": "stim"}
    f = read_csv(tmp_path / "f.tsv", sizes=SIZES, columns=columns, units="fraction")
    assert (f.x.tolist(), f.y.tolist()) == ([320], [120])
    with pytest.raises(RegardError, match="no column 'Gaze' for x"):
        read_csv(tmp_path / "f.tsv", sizes=SIZES, columns={"x": "Gaze"})
    with pytest.raises(RegardError, match="'horizontal' is none of image"):
        read_csv(tmp_path / "f.tsv", sizes=SIZES, columns={"horizontal": "GazeX"})


def test_sizes_in_the_table_are_whole_and_agree(tmp_path):
    (tmp_path / "f.csv").write_text("image,x,y,width,height\na,1,2,9,9\na,3,4,9,8\n")
    with pytest.raises(RegardError, match="row 1: image 'a' is 9x8 here and 9x9 before"):
        read_csv(tmp_path / "f.csv")
    (tmp_path / "f.csv").write_text("image,x,y,width,height\na,1,2,,9\n")
    with pytest.raises(RegardError, match="row 0: image 'a' has no width"):
        read_csv(tmp_path / "f.csv")
