#!/usr/bin/env bash
# The libraries that regard is held against, in an environment of their own (.venv-oracle): pysaliency needs numpy<2 and
# setuptools<80, pysodmetrics an older numpy and an older OpenCV than regard's. torch-cam, Quantus and captum-rise stand
# beside them, so that benchmarks find every peer in one place.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
test -x .venv-oracle/bin/python || "$uv" venv --quiet --python 3.11 .venv-oracle
VIRTUAL_ENV="$PWD/.venv-oracle" "$uv" pip install --quiet "numpy<2" "setuptools<80" wheel cython
VIRTUAL_ENV="$PWD/.venv-oracle" "$uv" pip install --quiet --no-build-isolation "pysaliency==0.2.22" torch h5py "numpy<2" "setuptools<80"
VIRTUAL_ENV="$PWD/.venv-oracle" "$uv" pip install --quiet "pysodmetrics==1.6.2" "numpy<2"
VIRTUAL_ENV="$PWD/.venv-oracle" "$uv" pip install --quiet "torchcam==0.5.0" "quantus==0.6.0" "captum-rise==1.0" torchvision "numpy<2" "setuptools<80"
.venv-oracle/bin/python -W ignore -c "import pysaliency, py_sod_metrics, torchcam, quantus, rise; print('the oracles are ready')"
