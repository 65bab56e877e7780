"""Tables of arms: a file says what is compared, a grid runs it, paired statistics say what it shows.

Not here: how a table looks (report).
"""

from regard.study.tables.file import TableFile, find_table, read_table
from regard.study.tables.plan import Trials, cells_of, choose, trials_of
from regard.study.tables.table import table_of

__all__ = ["TableFile", "Trials", "cells_of", "choose", "find_table", "read_table", "table_of", "trials_of"]
