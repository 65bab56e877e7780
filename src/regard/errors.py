"""The one error of the package, and text that a terminal shows as it is; both without torch."""

import re
from collections.abc import Iterable

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, marks that change the direction of writing, and halves of surrogate pairs."""


def listed_names(names: Iterable[object]) -> str:
    """Names with commas between; one that holds a comma itself is quoted.

    >>> listed_names(["cat", "tench, Tinca tinca"])
    "cat, 'tench, Tinca tinca'"
    """
    return ", ".join(repr(str(name)) if "," in str(name) else str(name) for name in names)


def printable(text: object) -> str:
    r"""Text whose control characters are written as escapes, so that a file's name cannot steer a terminal.

    Line breaks, marks that reverse the order of characters and bytes that are no UTF-8 are escaped too.

    >>> printable("bird\x1b]0;title\x07.png")
    'bird\\x1b]0;title\\x07.png'
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), str(text))


class RegardError(Exception):
    """Bad input, at the boundary where it entered: the message names what, where, its value and the remedy.

    Control characters of names in the message are escaped (`printable`).

    >>> raise RegardError("gaze.csv, row 7: x is 'left'; give a number of pixels")
    Traceback (most recent call last):
    regard.errors.RegardError: gaze.csv, row 7: x is 'left'; give a number of pixels
    """

    def __str__(self) -> str:
        return printable(super().__str__())
