import pytest
import torch
from PIL import Image

from regard.data import csv_table
from regard.types import RegardError


@pytest.fixture
def write(tmp_path):
    for k in range(12):
        Image.new("RGB", (6, 6), (k * 20,) * 3).save(tmp_path / f"{k}.png")
        Image.new("L", (6, 6), 255 * (k % 2)).save(tmp_path / f"m{k}.png")

    def table(*lines, header="path,label"):
        path = tmp_path / "table.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
        return path

    return table


def test_paths_and_labels(write):
    data = csv_table(
        write(*(f"{k}.png,{'odd' if k % 2 else 'even'}" for k in range(12))), size=4, val_share=0.2, test_share=0.2
    )
    assert data.classes == ("even", "odd")
    assert (len(data.train), len(data.val), len(data.test)) == (8, 2, 2)
    for split in (data.train, data.val, data.test):
        batch = split.batch(range(len(split)))
        assert torch.equal((batch.images[:, 0, 0, 0] * 255 / 20).round().long() % 2, batch.labels)


def test_splits_and_masks(write):
    parts = ["train"] * 6 + ["val"] * 2 + ["test"] * 4
    lines = [f"{k}.png, {'ab'[k % 2]} ,{part},m{k}.png" for k, part in enumerate(parts)]
    data = csv_table(write(*lines, header="path,label,split,mask"), size=4, in_memory=True)
    assert (len(data.train), len(data.val), len(data.test)) == (6, 2, 4)
    batch = data.train.batch(range(6))
    assert torch.equal(batch.masks.all((1, 2, 3)).long(), batch.labels)


def test_several_labels_make_targets(write):
    lines = [f"{k}.png,{'a;c' if k % 3 == 0 else 'b'},{['train', 'val', 'test'][k % 3]}" for k in range(6)]
    data = csv_table(write(*lines, header="path,label,split"), size=4, classes=("c", "b", "a"))
    assert data.train.labels.tolist() == [[1, 0, 1], [1, 0, 1]]
    assert data.val.labels.tolist() == [[0, 1, 0], [0, 1, 0]]


GOOD = ("0.png,a", "1.png,b", "2.png,a", "3.png,b")


@pytest.mark.parametrize(
    ("header", "lines", "words"),
    [
        ("pth,label", GOOD, r"line 1: unknown column 'pth' \(near: path"),
        ("path", ("0.png",), r"line 1: no column 'label'"),
        ("path,label", (*GOOD, "99.png,a"), r"line 6: path '99\.png' is no file"),
        ("path,label", (*GOOD, "4.png"), r"line 6: 1 values for 2 columns"),
        ("path,label", (*GOOD, "4.png,a,b,c"), r"line 6: 4 values for 2 columns"),
        ("path,label", (*GOOD, ",a"), r"line 6: empty path"),
        ("path,label", (*GOOD, "4.png,"), r"line 6: empty label"),
        ("path,label", (*GOOD, "4.png,a;;b"), r"line 6: empty label in 'a;;b'"),
        ("path,label", (*GOOD, "4.png,a;a"), r"line 6: a label occurs twice"),
        ("path,label", (*GOOD, "0.png,a"), r"line 6: .*0\.png is on line 2 already"),
        ("path,label", (*GOOD, '"4.png,a'), r"line 6: unexpected end"),
        ("path,label", (), r"no line after the header"),
        ("path,label,split", ("0.png,a,train", "1.png,b,tset"), r"line 3: split 'tset' \(near: test\)"),
        ("path,label,mask", ("0.png,a,m0.png", "1.png,b,"), r"line 3: no mask, but line 2 has one"),
        ("path,label,mask", ("0.png,a,n0.png",), r"line 2: mask 'n0\.png' is no file"),
        ("path,label", ("0.png,a", "1.png,a"), r"1 classes \(a\); at least 2"),
        ("path,label", ("0.png,a", "1.png,b"), r"no image for 'val' among 2"),
    ],
)
def test_an_error_names_file_line_value_and_remedy(write, header, lines, words):
    with pytest.raises(RegardError, match=rf"table\.csv.*{words}.*") as caught:
        csv_table(write(*lines, header=header), size=4)
    assert ";" in str(caught.value)  # what is wrong; what to do


def test_a_label_that_is_no_class_names_the_near_ones(write):
    with pytest.raises(RegardError, match=r"line 3: label 'dgo' is not among the 2 classes \(near: dog\)"):
        csv_table(write("0.png,cat", "1.png,dgo"), size=4, classes=("cat", "dog"))


def test_a_file_that_is_missing_or_not_text(tmp_path):
    with pytest.raises(RegardError, match="no such file"):
        csv_table(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"path,label\n\xff\xfe")
    with pytest.raises(RegardError, match="not UTF-8 at byte 11"):
        csv_table(tmp_path / "b.csv")
