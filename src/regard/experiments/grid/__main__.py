"""A worker's process; see `worker`."""

import sys

from regard.experiments.grid.worker import serve

sys.exit(serve(sys.stdin))
