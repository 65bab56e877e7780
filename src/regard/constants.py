"""Numbers that several rooms must agree on. They stand apart, so that a recipe is read without torch."""

SIGMA = 0.037
"""Default standard deviation of a fixation's density, a share of the image's width: about one degree of visual angle
where the image is 27 degrees wide. One degree itself is better where pixels per degree are known."""
AUTO = "auto"
"""The name of whichever device this machine has for computing."""
