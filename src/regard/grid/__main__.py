"""A worker's process; see `worker`."""

import sys

from regard.grid.worker import serve

sys.exit(serve(sys.stdin))
