"""F-Fidelity on networks whose answer is known, and removal by a function."""

import pytest
import torch

from regard.metrics import Removal, deletion, f_fidelity, insertion, lerf_morf_gap, removed_cells, replaced
from regard.types import RegardError

SIZE = (8, 8)


def weighted(weights: torch.Tensor):
    """A network whose probability is a weighted mean of the first channel."""
    return lambda x: (x[:, :1] * weights).sum((1, 2, 3))[:, None]


@pytest.fixture
def weights() -> torch.Tensor:
    values = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(3))
    return values / values.sum()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.ones(2, 3, *SIZE)


BLACK = {"baseline": torch.zeros(2, 3, *SIZE)}
CLASSES = torch.tensor([0, 0])


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_with_all_removed_it_is_deletion(weights: torch.Tensor, images: torch.Tensor, steps: int) -> None:
    """alpha = beta = 1: every part is the whole, so the falls are those of deletion at the same shares."""
    maps = torch.rand(2, 1, *SIZE, generator=torch.Generator().manual_seed(1))
    found = f_fidelity(weighted(weights), images, maps, CLASSES, alpha=1.0, beta=1.0, steps=steps, samples=2, **BLACK)
    how = Removal(steps=steps, baseline=BLACK["baseline"])
    gap = lerf_morf_gap(weighted(weights), images, maps, CLASSES, removal=how)
    for value, curve in ((found.plus, gap.morf), (found.minus, gap.lerf)):
        expected = 1 - curve.probabilities[:, 1:-1].mean(1)
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.1), (0.5, 0.5), (1.0, 0.1), (0.25, 1.0)])
def test_parts_have_the_share_that_is_asked(
    weights: torch.Tensor, images: torch.Tensor, alpha: float, beta: float
) -> None:
    """Of an additive network the expected fall is min(alpha, beta / s) of what the s most relevant pixels weigh."""
    steps = 4
    found = f_fidelity(
        weighted(weights), images, weights.expand(2, -1, -1, -1), CLASSES, alpha=alpha, beta=beta, steps=steps,
        samples=2000, batch_size=4096, **BLACK,
    )  # fmt: skip
    ordered = weights.flatten().sort(descending=True).values
    shares = [k / steps for k in range(1, steps)]
    for value, values in ((found.plus, ordered), (found.minus, ordered.flip(0))):
        tops = [float(values[: round(s * len(values))].sum()) for s in shares]
        expected = sum(min(alpha, beta / s) * top for s, top in zip(shares, tops, strict=True)) / len(shares)
        assert value[0] == pytest.approx(expected, rel=0.02)
        assert value[0] == value[1]


def test_a_reversed_map_has_the_opposite_gap(weights: torch.Tensor, images: torch.Tensor) -> None:
    maps = torch.rand(2, 1, *SIZE, generator=torch.Generator().manual_seed(2))
    own = f_fidelity(weighted(weights), images, maps, CLASSES, **BLACK)
    other = f_fidelity(weighted(weights), images, -maps, CLASSES, **BLACK)
    torch.testing.assert_close(own.gap, -other.gap)
    torch.testing.assert_close(own.plus, other.minus)


def test_true_maps_beat_random_ones_and_constant_ones_have_none(weights: torch.Tensor, images: torch.Tensor) -> None:
    def gap(maps: torch.Tensor) -> torch.Tensor:
        return f_fidelity(weighted(weights), images, maps.expand(2, -1, -1, -1), CLASSES, **BLACK).gap

    random = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(5))
    assert (gap(weights) > gap(random) + 0.01).all()
    assert gap(torch.ones(1, 1, *SIZE)).tolist() == [0.0, 0.0]
    assert gap(torch.full((1, 1, *SIZE), torch.nan)).isnan().all()


def test_a_network_that_ignores_its_input_has_zero(images: torch.Tensor) -> None:
    ignorant = lambda x: torch.full((len(x), 2), 0.5)  # noqa: E731
    found = f_fidelity(ignorant, images, torch.rand(2, 1, 4, 4), torch.tensor([0, 1]))
    assert found.plus.tolist() == found.minus.tolist() == found.gap.tolist() == [0.0, 0.0]


def test_neither_batch_nor_neighbours_change_a_value(weights: torch.Tensor) -> None:
    images = torch.rand(3, 3, *SIZE, generator=torch.Generator().manual_seed(4))
    maps, classes = images[:, :1].flip(3), torch.tensor([0, 0, 0])
    whole = f_fidelity(weighted(weights), images, maps, classes, batch_size=500).gap
    for size in (1, 7):
        torch.testing.assert_close(f_fidelity(weighted(weights), images, maps, classes, batch_size=size).gap, whole)
    alone = f_fidelity(weighted(weights), images[1:2], maps[1:2], classes[1:2]).gap
    torch.testing.assert_close(alone, whole[1:2])


def test_forwards_are_as_the_documentation_says(images: torch.Tensor) -> None:
    shown = []

    def predict(x: torch.Tensor) -> torch.Tensor:
        shown.append(len(x))
        return torch.full((len(x), 1), 0.5)

    f_fidelity(predict, images, torch.rand(2, 1, *SIZE), CLASSES, steps=5, samples=8)
    assert sum(shown) == 2 * (1 + 2 * 8 * 4)


@pytest.mark.parametrize(("size", "cell"), [((8, 8), 2), ((7, 9), 3), ((5, 4), 1), ((6, 6), 10)])
def test_whole_cells_are_removed_with_their_chance(size: tuple[int, int], cell: int) -> None:
    masks = removed_cells(torch.full((4000,), 0.3), size, cell, torch.Generator().manual_seed(0))
    assert masks.shape == (4000, 1, *size)
    assert float(masks.float().mean()) == pytest.approx(0.3, abs=0.025)
    for top in range(0, size[0], cell):
        for left in range(0, size[1], cell):
            part = masks[:, :, top : top + cell, left : left + cell].flatten(1)
            assert (part.all(1) | ~part.any(1)).all()


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"alpha": 1.5}, {"beta": -0.1}, {"steps": 1}, {"samples": 0}, {"cell": 0}]
)
def test_impossible_options_are_refused(images: torch.Tensor, wrong: dict[str, float]) -> None:
    with pytest.raises(RegardError, match=next(iter(wrong))):
        f_fidelity(lambda x: x.mean((2, 3)), images, torch.rand(2, 1, *SIZE), CLASSES, **wrong)


@pytest.mark.parametrize("curve", [deletion, insertion])
def test_a_function_as_baseline_fills_only_what_is_removed(weights: torch.Tensor, curve) -> None:
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(6))
    other = images.flip(0)
    seen: list[torch.Tensor] = []

    def fill(shown: torch.Tensor, removed: torch.Tensor) -> torch.Tensor:
        seen.append(removed)
        return other[[int((image == images).flatten(1).all(1).float().argmax()) for image in shown]]

    maps = torch.rand(2, 1, *SIZE, generator=torch.Generator().manual_seed(7))
    by_images = curve(weighted(weights), images, maps, CLASSES, removal=Removal(steps=4, baseline=other))
    by_function = curve(weighted(weights), images, maps, CLASSES, removal=Removal(steps=4, baseline=fill))
    torch.testing.assert_close(by_function.probabilities, by_images.probabilities, rtol=0, atol=0)
    assert all(mask.shape[1:] == (1, *SIZE) and mask.dtype == torch.bool for mask in seen)


def test_replaced_keeps_every_other_pixel_and_refuses_another_shape() -> None:
    images, removed = torch.rand(2, 3, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    removed[0, 0, 0, 0] = True
    found = replaced(images, removed, lambda x, _: x + 1)
    expected = images.clone()
    expected[0, :, 0, 0] += 1
    assert torch.equal(found, expected)
    with pytest.raises(RegardError, match=r"baseline returned \(1, 3, 4, 4\)"):
        replaced(images, removed, lambda x, _: x[:1])
