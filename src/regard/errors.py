"""The one error of the boundary. It stands apart from `types`, so that what needs no tensor can raise it, too."""


class RegardError(Exception):
    """Bad input, at the boundary where it entered: the message names what, where, its value and the remedy."""
