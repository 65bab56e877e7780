"""A worker's process; see `worker`."""

import sys

from regard.experiments.grid.worker import serve
from regard.processes import Terminated, die_with_parent, terminable

die_with_parent()
try:
    with terminable():
        code = serve(sys.stdin)
except Terminated as end:
    code = end.exit_code
sys.exit(code)
