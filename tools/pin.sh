#!/bin/bash
# Writes requirements/constraints.txt anew: the newest version of everything that requirements/*.txt admits, by name.
# Change a version in requirements/, run this, run `make test`, commit both.
set -euo pipefail
cd "$(dirname "$0")/.."
direct=(requirements/run.txt requirements/ros.txt requirements/build.txt requirements/build-ros.txt requirements/test.txt)
uv=$(grep ^uv== requirements/constraints.txt)
pins=$(echo "$uv" | cat - "${direct[@]}" | grep -v '^#' |
  .venv/bin/uv pip compile --quiet --python .venv/bin/python --no-header --no-annotate --no-emit-index-url -)
{ echo "# Every version that the project was tested with, by name. Made by tools/pin.sh."; echo "$pins"; } > requirements/constraints.txt
