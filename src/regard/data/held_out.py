"""Observers kept apart: those whose gaze is learned from, and those by whose gaze it is judged."""

from __future__ import annotations

from regard.gaze import Fixations, natural
from regard.types import RegardError


def held_apart(table: Fixations, held_out: int) -> tuple[Fixations, Fixations]:
    """Fixations to learn from, of all observers but the last ``held_out``, and fixations to judge by, of these.

    Args:
        table: with observers; the last are so by number or name.
        held_out: how many; 0 gives all fixations twice.

    Raises:
        RegardError: nobody would be left.
    """
    if held_out == 0:
        return table, table
    people = sorted(table.subjects, key=natural)
    if not 0 < held_out < len(people):
        raise RegardError(f"held_out={held_out}: there are {len(people)} observers; use 0 to {len(people) - 1}")
    return table.select(subjects=people[:-held_out]), table.select(subjects=people[-held_out:])
