"""Inputs with known scores: 4x4 maps, worked out by hand and by the MATLAB code's formulas."""

import torch

S = (torch.arange(16.0, dtype=torch.float64) / 15).reshape(1, 1, 4, 4)
G = torch.tensor([[0.0, 0, 0, 0], [0, 1, 2, 0], [0, 2, 4, 1], [0, 0, 1, 0]], dtype=torch.float64).reshape(1, 1, 4, 4)
S1 = ((torch.arange(16.0, dtype=torch.float64) + 1) / 16).reshape(1, 1, 4, 4)
G1 = G + 0.5
FIX = torch.tensor([[[2.0, 2.0], [2.0, 1.0], [1.0, 3.0]]], dtype=torch.float64)  # x, y


def points(rows):
    """[[(x, y), ...], ...] -> (B,n,2), padded with NaN."""
    out = torch.full((len(rows), max(map(len, rows)), 2), torch.nan, dtype=torch.float64)
    for b, row in enumerate(rows):
        for k, xy in enumerate(row):
            out[b, k] = torch.tensor(xy, dtype=torch.float64)
    return out


def gauss(height=40, width=40):
    """pysaliency's test model: exp(-r^2 / 2d), r from (w/2, h/2), d the image's diagonal."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    square = (x - 0.5 * width) ** 2 + (y - 0.5 * height) ** 2
    return torch.exp(-0.5 * square / (height**2 + width**2) ** 0.5)[None, None]
