"""Models with known answers, as `predict` callables on images of 8 x 8."""

import torch

from regard.types import Map

SIZE = (8, 8)
N = 64


def images(count, seed=0, size=SIZE):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def random_map(count, seed=1, size=SIZE):
    return Map(torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed)), "relevance")


def class_zero(count):
    return torch.zeros(count, dtype=torch.long)


def two_classes(p):
    return torch.stack([p, 1 - p], 1)


WEIGHT = torch.randn(3, *SIZE, generator=torch.Generator().manual_seed(5)).double() / 400


def linear(x):
    """p(0) = .5 + <w, x>."""
    return two_classes(0.5 + (x.double() * WEIGHT).sum((1, 2, 3)))


def linear_map(x):
    """The contribution of each pixel to p(0) of `linear`."""
    return Map((x.double() * WEIGHT).sum(1, keepdim=True), "relevance")


def mean_of_pixels(x):
    return two_classes(x.mean((1, 2, 3)))


def constant_prediction(x):
    return torch.full((len(x), 2), 0.3).double() + torch.tensor([0, 0.4])


class OnePixel:
    """p(0) is the value of one pixel of one channel."""

    def __init__(self, row, column):
        self.at = (row, column)

    def __call__(self, x):
        return two_classes(x[:, 1, self.at[0], self.at[1]])

    def map(self, x):
        values = torch.zeros(len(x), 1, *x.shape[2:])
        values[:, 0, self.at[0], self.at[1]] = 1
        return Map(values, "relevance")
