import pytest
import torch
from tests.data.cub_files import BEAK, BOX, make_cub

from regard.data import check_split, cub, open_data
from regard.data.generated.clutter import boxes_of
from regard.types import RegardError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_cub(tmp_path_factory.mktemp("data") / "cub50")


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize("size", [64, (40, 60)])
def test_boxes_and_parts_lie_on_the_bird(root, crop, size):
    data = cub(root, size=size, crop=crop)
    batch = data.test.batch(range(len(data.test)))
    shape = (size, size) if isinstance(size, int) else size
    assert batch.images.shape[2:] == shape
    bird = boxes_of((batch.images > 0.8).all(1, keepdim=True))  # the only bright thing
    assert (bird - batch.boxes).abs().max() <= 1.5  # an edge between pixels
    visible = batch.parts[..., 2] > 0
    if crop:
        assert visible.nonzero()[:, 1].unique().tolist() == [1, 4]
        assert visible.sum() == 2 * len(data.test)
    x0, y0, x1, y1 = batch.boxes[:, None].unbind(-1)
    share_x = ((batch.parts[..., 0] - x0) / (x1 - x0))[visible]
    share_y = ((batch.parts[..., 1] - y0) / (y1 - y0))[visible]
    assert share_x.min() >= 0
    assert share_x.max() <= 1
    if crop:  # nothing is cut, so box-relative coordinates equal the original ones
        assert torch.allclose(share_x[::2], torch.tensor((BEAK[0] - BOX[0]) / BOX[2]), atol=1e-4)
        assert torch.allclose(share_y[::2], torch.tensor((BEAK[1] - BOX[1]) / BOX[3]), atol=1e-4)


def test_the_crop_shows_the_whole_bird_with_its_margin(root):
    data = cub(root, size=60, crop=True, margin=0.25)
    widths = data.test.boxes[:, 2] - data.test.boxes[:, 0]
    assert torch.allclose(widths, torch.tensor(40.0), atol=1e-3)  # 60 / (1 + 2 * .25)
    heights = data.test.boxes[:, 3] - data.test.boxes[:, 1]
    assert torch.allclose(heights, torch.tensor(24.0), atol=1e-3)


def test_the_split_is_official_and_validation_is_taken_from_training(root):
    data = cub(root, size=8, val_share=0.2, seed=1)
    assert (len(data.train), len(data.val), len(data.test)) == (12, 3, 15)
    assert data.val.labels.tolist() == [0, 1, 2]
    numbers = {
        name: {int(s.item_name(i).split("_")[-1][:-4]) for i in range(len(s))}
        for name, s in (("train", data.train), ("val", data.val), ("test", data.test))
    }
    assert all(n % 2 == 0 for n in numbers["test"])
    assert all(n % 2 == 1 for n in numbers["train"] | numbers["val"])
    assert not numbers["train"] & numbers["val"]
    assert data.classes == ("Kind of 1", "Kind of 2", "Kind of 3")
    other = cub(root, size=8, val_share=0.2, seed=2)
    assert other.val.item_name(0) != data.val.item_name(0) or other.val.item_name(1) != data.val.item_name(1)


def test_both_layouts_open_from_every_parent_folder(root, tmp_path):
    official = make_cub(tmp_path / "CUB_200_2011", flat=False)
    for place in (official, tmp_path):
        data = cub(place, size=32)
        assert data.gaze is None
        assert torch.equal(data.test.batch([0, 1]).boxes, cub(root, size=32).test.batch([0, 1]).boxes)
    assert len(open_data("cub", root.parent).test) == 15


def test_annotations_refer_to_the_originals_of_shrunk_images(root, tmp_path):
    small = cub(make_cub(tmp_path / "cub", shrink=2), size=32, crop=True)
    large = cub(root, size=32, crop=True)
    assert torch.equal(small.test.boxes, large.test.boxes)
    assert (small.test.batch([0]).images - large.test.batch([0]).images).abs().mean() < 0.05


def test_memory_and_files_give_the_same(root):
    files, memory = cub(root, size=24, crop=True), cub(root, size=24, crop=True, in_memory=True)
    a, b = (data.train.batch([3, 1]) for data in (files, memory))
    for name in ("images", "boxes", "parts", "labels", "index"):
        assert torch.equal(getattr(a, name), getattr(b, name))
    assert check_split(files.test) == []


@pytest.mark.parametrize("crop", [True, False])
def test_gaze_lies_where_the_parts_do(root, crop):
    data = cub(root, size=48, crop=crop)
    gaze = data.gaze()
    assert len(gaze.images) == len(data.test)
    assert gaze.sizes.tolist() == [[48, 48]] * len(data.test)
    first = gaze.rows(gaze.order == 0)
    beak = data.test.parts[torch.from_numpy(first.image.copy()), 1]
    assert (beak[:, 2] == 1).all()
    assert torch.allclose(beak[:, 0].double(), torch.from_numpy(first.x.copy()), atol=1e-4)
    assert torch.allclose(beak[:, 1].double(), torch.from_numpy(first.y.copy()), atol=1e-4)
    assert gaze.dropped == 9 * len(data.test) - len(gaze)
    if crop:  # the corner lies outside of every crop
        assert gaze.dropped == 3 * len(data.test)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("bounding_boxes.txt", lambda t: t.replace("7 20.0", "700 20.0"), "is not both here and in images.txt"),
        ("bounding_boxes.txt", lambda t: t.replace("30.0", "wide", 1), "could not convert"),
        ("part_locs.txt", lambda t: t.replace("3 15 0.0 0.0 0\n", "", 1), "image 3 lacks part 15 of 15"),
        ("part_locs.txt", lambda t: t + "1 2\n", r"line 451: '1 2' is not image, part, x, y, visible"),
        ("images.txt", lambda t: t.replace(" ", "  x ", 1), "line 1: 3 words, not 2"),
        ("train_test_split.txt", lambda t: t.replace(" 0", " 1"), "the official split leaves no test image"),
    ],
)
def test_a_damaged_list_is_named(tmp_path, file, change, message):
    path = make_cub(tmp_path / "cub50") / "annotations" / file
    path.write_text(change(path.read_text()))
    with pytest.raises(RegardError, match=message):
        cub(tmp_path)


def test_the_error_for_a_missing_set_names_the_expected_layout(tmp_path):
    with pytest.raises(RegardError, match=r"CUB_200_2011\.tgz"):
        cub(tmp_path)
    with pytest.raises(RegardError, match="margin"):
        cub(make_cub(tmp_path / "cub50"), margin=2.0)


@pytest.mark.realdata
def test_the_real_subset(real_data):
    data = open_data("cub", real_data, crop=True)
    assert (len(data.train), len(data.val), len(data.test), len(data.classes)) == (1350, 150, 1389, 50)
    visible = data.test.parts[..., 2] > 0
    x0, y0, x1, y1 = data.test.boxes[:, None].unbind(-1)
    x, y = data.test.parts[..., 0], data.test.parts[..., 1]
    inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    assert inside[visible].float().mean() > 0.98  # parts belong to the bird
    gaze = data.gaze()
    boxes = data.test.boxes[torch.from_numpy(gaze.image.copy())]
    gx, gy = torch.from_numpy(gaze.x.copy()), torch.from_numpy(gaze.y.copy())
    on = (gx >= boxes[:, 0] - 1) & (gx <= boxes[:, 2] + 1) & (gy >= boxes[:, 1] - 1) & (gy <= boxes[:, 3] + 1)
    assert on.float().mean() > 0.98  # every fixation of CUB-GHA lies in the box
