"""Terms that a reader may not know, each explained in one sentence where it stands: on pages and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

TERMS = {
    "plain twin": "the same network without attention and bottleneck, trained beside this one on the same images",
    "LeRF minus MoRF": (
        "the predicted class's probability while the least relevant pixels are removed first (LeRF), minus the same "
        "with the most relevant ones first (MoRF), averaged over how many are removed; above 0 where the network uses "
        "what the map marks"
    ),
    "gate price": "the bits that a noise gate lets through, an upper bound of what is known of the features behind it",
    "map code length": "the bits that it takes to name the values of a quantized map",
    "latent rate": "the bits that the latent holds of an image, an upper bound",
    "floor": "what is reached without any skill, such as by a random map",
    "ceiling": "the most that can be reached, such as by the object's own mask on the map's grid",
}
"""Term -> what it is."""


def terms_in(texts: Iterable[str]) -> list[tuple[str, str]]:
    """The terms that occur in some texts, in the order of `TERMS`, and what each is.

    >>> terms_in(["Not clear of its floor.", "not clearly different from plain twin"])[1][0]
    'floor'
    """
    text = "\n".join(texts).lower()
    return [(term, meaning) for term, meaning in TERMS.items() if term.lower() in text]


def term_lines(texts: Iterable[str]) -> list[str]:
    """`terms_in` as lines, such as below a table in a terminal."""
    return [f"{term[0].upper()}{term[1:]}: {meaning}." for term, meaning in terms_in(texts)]
