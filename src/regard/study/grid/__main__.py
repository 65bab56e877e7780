"""A worker's process; see `worker`."""

import sys
from pathlib import Path

from regard.study.grid.worker import work

sys.exit(work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
