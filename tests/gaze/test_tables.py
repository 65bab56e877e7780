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
