"""The one error of the package. It stands apart from `types`, so that code without torch can raise it."""


class RegardError(Exception):
    """Bad input, at the boundary where it entered: the message names what, where, its value and the remedy.

    >>> raise RegardError("gaze.csv, row 7: x is 'left'; give a number of pixels")
    Traceback (most recent call last):
    regard.errors.RegardError: gaze.csv, row 7: x is 'left'; give a number of pixels
    """
