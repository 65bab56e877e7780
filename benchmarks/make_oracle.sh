#!/usr/bin/env bash
# pysaliency in an environment of its own (.venv-oracle): it needs numpy<2 and setuptools<80, which regard does not.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
test -x .venv-oracle/bin/python || "$uv" venv --quiet --python 3.11 .venv-oracle
VIRTUAL_ENV="$PWD/.venv-oracle" "$uv" pip install --quiet "numpy<2" "setuptools<80" wheel cython
VIRTUAL_ENV="$PWD/.venv-oracle" "$uv" pip install --quiet --no-build-isolation "pysaliency==0.2.22" torch h5py "numpy<2" "setuptools<80"
.venv-oracle/bin/python -W ignore -c "import pysaliency; print('pysaliency ready')"
