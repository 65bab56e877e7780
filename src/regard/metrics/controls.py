"""Control maps on a given grid, so that every score of a map can stand beside its floor.

A smooth map scores better than a rough one without knowing more, so the random control has the bandwidth of the map
that it controls (`random_like`), not merely its size. Random maps are functions of (seed, image index): neither batch
size nor device changes them. Controls that have a map's own values in another order differ from it in place alone.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.metrics.rounding import constant
from regard.metrics.smoothing import gaussian_blur, radius
from regard.types import Map, PerImage, RegardError


def uniform_map(count: int, size: tuple[int, int], *, device: torch.device | str = "cpu") -> Map:
    """The constant map 1 (count,1,h,w)."""
    return Map(torch.ones(count, 1, *size, device=device), "relevance")


def center_map(
    count: int, size: tuple[int, int], *, spread: float | int = 0.25, device: torch.device | str = "cpu"
) -> Map:
    """A Gaussian at the middle of the image, peak at most 1, standard deviation `spread` times each side.

    >>> center_map(1, (3, 3)).values.argmax().item()
    4
    """
    if spread <= 0:
        raise RegardError(f"center_map: spread={spread}; give a positive share of the side, usually .25")
    y, x = (((torch.arange(n) + 0.5) / n - 0.5) / spread for n in size)
    values = torch.exp(-0.5 * (y[:, None].square() + x[None, :].square()))
    return Map(values.repeat(count, 1, 1, 1).to(device), "relevance")


def blurred_noise(
    size: tuple[int, int], sigma: float | int | PerImage, *, index: Int[Tensor, " B"], seed: int = 0
) -> Map:
    """White noise blurred by a Gaussian of `sigma` cells, scaled to [0,1] per map: equally smooth up to the border.

    Args:
        size: (h, w).
        sigma: standard deviation of the blur, the `bandwidth` of the result; one for all or one each (B,).
        index: of each image in its split (B,), which with the seed decides its map; the maps live on its device.
        seed: see index.

    >>> blurred_noise((8, 8), 1.0, index=torch.tensor([5, 6])).values.shape
    torch.Size([2, 1, 8, 8])
    """
    sigmas = torch.as_tensor(sigma, dtype=torch.float32).cpu().expand(len(index))
    maps = []
    for i, s in zip(index.tolist(), sigmas.tolist(), strict=True):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + i) % 2**63)
        reach = radius(s)
        noise = torch.randn(1, 1, size[0] + 2 * reach, size[1] + 2 * reach, generator=generator)
        maps.append(gaussian_blur(noise, s, border="valid"))
    values = torch.cat(maps) if maps else torch.empty(0, 1, *size)
    low, high = values.amin((2, 3), keepdim=True), values.amax((2, 3), keepdim=True)
    scaled = (values - low) / (high - low)
    return Map(scaled.nan_to_num(0.5).to(index.device), "relevance")  # a single cell has no range


def bandwidth(map: Map) -> PerImage:
    """Standard deviation, in cells, of the Gaussian blur that makes white noise as smooth as the map.

    Blurred noise has neighbour correlation rho = exp(-1 / (4 sigma^2)), estimated over both axes by
    rho = 1 - mean squared step / (2 variance). 0 where neighbours are not positively correlated, NaN for a constant
    map. Within 5 % for sigma from .7 to an eighth of the side; beyond that low, as the map holds too few blobs.
    """
    values = map.values.double() if map.values.device.type != "mps" else map.values.float()
    variance = (values - values.mean((1, 2, 3), keepdim=True)).square().mean((1, 2, 3))
    steps = [values.diff(dim=d).square().flatten(1) for d in (2, 3)]
    step = torch.cat(steps, 1).mean(1)
    rho = 1 - step / (2 * variance)
    sigma = (-4 * rho.clamp(1e-9, 1 - 1e-9).log()).rsqrt()
    return torch.where(rho > 0, sigma, 0 * sigma).masked_fill(constant(map.values), torch.nan).float()


def random_like(map: Map, *, index: Int[Tensor, " B"], seed: int = 0) -> Map:
    """`blurred_noise` with each map's own bandwidth and exactly its values, rearranged: same histogram, same unit.

    A constant map stays as it is.
    """
    if len(index) != len(map.values):
        raise RegardError(f"random_like: {len(index)} indices for {len(map.values)} maps; give one each")
    size = (map.values.shape[2], map.values.shape[3])
    sigma = bandwidth(map).nan_to_num(0).clamp_max(max(size))
    noise = blurred_noise(size, sigma, index=index, seed=seed).values.to(map.values.device)
    rank = noise.flatten(1).argsort(1).argsort(1)
    return Map(map.values.flatten(1).sort(1).values.gather(1, rank).view_as(map.values), map.unit)


def derangement(count: int, *, seed: int = 0) -> Int[Tensor, " count"]:
    """A permutation that leaves no item in place: one random cycle through all of them.

    >>> (derangement(9) == torch.arange(9)).any().item()
    False
    """
    if count < 2:
        raise RegardError(f"derangement: {count} images cannot change places; give at least two")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    moved = torch.empty_like(order)
    moved[order] = order.roll(-1)
    return moved


def permuted(map: Map, *, seed: int = 0) -> Map:
    """Each image gets another image's map, by `derangement`; two maps that are equal may meet."""
    return Map(map.values[derangement(len(map.values), seed=seed).to(map.values.device)], map.unit)


def center_like(map: Map, *, index: Int[Tensor, " B"], seed: int = 0) -> Map:
    """`center_map` with exactly the map's values, rearranged: the largest in the middle, ties of distance by chance.

    A constant map stays as it is.

    >>> center_like(Map(torch.arange(9.0).view(1, 1, 3, 3), "gate"), index=torch.tensor([0])).values[0, 0, 1, 1].item()
    8.0
    """
    if len(index) != len(map.values):
        raise RegardError(f"center_like: {len(index)} indices for {len(map.values)} maps; give one each")
    size = (map.values.shape[2], map.values.shape[3])
    near = center_map(len(map.values), size).values
    chance = blurred_noise(size, 0, index=index.cpu(), seed=seed).values
    rank = (near + 1e-6 * chance).flatten(1).argsort(1).argsort(1).to(map.values.device)
    return Map(map.values.flatten(1).sort(1).values.gather(1, rank).view_as(map.values), map.unit)


def floor_maps(map: Map, *, index: Int[Tensor, " B"], seed: int = 0) -> dict[str, Map]:
    """What a map must beat to have said anything: ``random`` (`random_like`) and ``center`` (`center_like`).

    Both have the map's own values, so that neither smoothness nor sparseness nor ties tell them apart.

    >>> sorted(floor_maps(uniform_map(2, (4, 4)), index=torch.tensor([0, 1])))
    ['center', 'random']
    """
    return {"random": random_like(map, index=index, seed=seed), "center": center_like(map, index=index, seed=seed)}


def rank_matched(
    order: Float[Tensor, "B 1 h w"], like: Float[Tensor, "B 1 h w"], *, index: Int[Tensor, " B"], seed: int = 0
) -> Float[Tensor, "B 1 h w"]:
    """Exactly the values of ``like``, the largest where ``order``, on the same grid, is largest.

    Ties of ``order`` are broken by chance, which each image's index in its split (B,) and the seed decide.

    >>> rank_matched(torch.tensor([[[[3.0, 1.0, 2.0]]]]), torch.tensor([[[[0.0, 0.5, 0.1]]]]), index=torch.tensor([0]))
    tensor([[[[0.5000, 0.0000, 0.1000]]]])
    """
    if order.shape != like.shape:
        raise RegardError(f"rank_matched: maps are {tuple(order.shape)} and {tuple(like.shape)}; give one grid")
    chance = blurred_noise((order.shape[2], order.shape[3]), 0, index=index.cpu(), seed=seed).values
    cells = chance.flatten(1).argsort(1).to(order.device)
    ascending = cells.gather(1, order.flatten(1).gather(1, cells).argsort(dim=1, stable=True))
    values = like.flatten(1).sort(1).values
    return torch.zeros_like(values).scatter(1, ascending, values).view_as(like)
