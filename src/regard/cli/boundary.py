"""What the command line says when something is wrong: an exit code and one line; a traceback only with ``--debug``.

0     done
1     a bad item in a batch; the others are done
2     bad input: the line names file, place, value and remedy
70    a fault of regard itself: the line says how to report it
128+n ended by signal n: 130 interrupted (Ctrl-C), 143 SIGTERM, 129 SIGHUP; nothing is half-written
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Callable

from regard.__about__ import __version__
from regard.errors import RegardError, printable
from regard.processes import Terminated, terminable

_GOES_ON = "; the same command goes on from what is saved"
_DONE, _BAD_INPUT, _FAULT, _INTERRUPTED = 0, 2, 70, 130
_NO_MEMORY = ("not enough memory", "out of memory", "alloc_cpu", "std::bad_alloc", "Unable to allocate")


def guarded(command: Callable[[], int], *, goes_on: bool = False, debug: bool = False) -> int:
    """Runs a command and returns its exit code, whatever it raises.

    Args:
        command: what is run.
        goes_on: one that was stopped goes on when it is repeated, which is then said.
        debug: show tracebacks.
    """
    again = _GOES_ON if goes_on else ""
    try:
        with terminable():
            return command()
    except KeyboardInterrupt:
        complain(f"interrupted{again}")
        return _INTERRUPTED
    except Terminated as end:
        complain(f"ended by {end}{again}")
        return end.exit_code
    except BrokenPipeError:  # whoever read the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE
    except Exception as error:
        if debug:
            traceback.print_exc()
        line = _bad_input(error)
        if line is not None:
            complain(line)
            return _BAD_INPUT
        complain(
            f"{type(error).__name__}: {' '.join(str(error).split())[:500]}. This is a fault of regard {__version__} "
            f"(Python {platform.python_version()}), not of your input. Please report it to the "
            "project, with the command and what it prints with --debug"
        )
        return _FAULT


def complain(line: object) -> None:
    """Prints a line on standard error, control characters of names escaped."""
    print(f"regard: {printable(line)}", file=sys.stderr)


def say(line: object) -> None:
    """Prints a line, control characters of names escaped."""
    print(printable(line))


def _bad_input(error: Exception) -> str | None:
    """The line for an error that bad input causes; None for a fault of regard."""
    if isinstance(error, RegardError):
        return str(error)
    text = " ".join(str(error).split())
    memory = isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY)
    if memory and isinstance(error, MemoryError | RuntimeError):
        return f"there is not enough memory ({text[:200] or 'none left'}); take smaller images, batches or models"
    if isinstance(error, OSError) and error.errno is not None:
        place = f"{error.filename}: " if error.filename is not None else ""
        return f"{place}{error.strerror}; check that the path is right, may be read or written, and has room"
    return None
