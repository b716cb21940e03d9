#!/bin/bash
# Makes the virtual environment .venv with everything, and installs the package into it.
# Safe to run again, and safe to interrupt: a stamp is written last; without it the environment is made anew.
#   tools/set_up.sh              from the repository or from anywhere
#   PYTHON=/path/to/python3.12   the interpreter to use, if not the one that is found
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "set-up: $*" >&2; exit 1; }
say() { echo "set-up: $*"; }
started=$SECONDS

# Two set-ups at once would break each other; the second waits.
mkdir -p .cache
exec 9>.cache/set_up.lock
flock -n 9 || { say "another set-up is running here; waiting for it"; flock 9; }

# --- Which ROS 2 ---------------------------------------------------------------------------------
underlay=${ROS_DISTRO:-wheels}
case $underlay in
  wheels) # Settings of another environment must not leak into the wheels'.
    unset PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
    venv_options=() ;;
  jazzy) venv_options=(--system-site-packages) ;;
  *) fail "ROS 2 $underlay is sourced, and this package is for jazzy: use a shell without it, or source jazzy" ;;
esac

# --- Dependencies, when the environment is not there or a requirement changed ----------------------
stamp=.venv/.dependencies
place="$underlay $PWD"
wanted=$(echo "$place"; cat requirements/*.txt .python-version)
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null || [ "$(cat $stamp 2>/dev/null)" != "$wanted" ]; then
  python=
  for candidate in "${PYTHON:-python3.12}" python3.12 python3 "$(command -v uv >/dev/null && uv python find 3.12 2>/dev/null || true)"; do
    # A pyenv shim may exist for a version that is not chosen: what counts is what runs.
    if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.12 ]; then
      python=$("$candidate" -c 'import sys; print(sys.executable)'); break
    fi
  done
  [ -n "$python" ] || fail "Python 3.12 is missing (ROS 2 Jazzy's Python): install the Debian packages python3.12 python3.12-venv python3.12-dev, or run 'pyenv install 3.12'"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is missing: install the Debian package python3.12-venv"
  "$python" -c 'import os, sysconfig as s; exit(not os.path.isfile(s.get_path("include") + "/Python.h"))' ||
    fail "Python.h is missing: install the Debian package python3.12-dev"
  command -v g++ >/dev/null || fail "a C++ compiler is missing: install the Debian package g++"

  # A whole environment is brought up to date; one that was interrupted, moved or made for another ROS is made anew.
  if [ "$(head -n 1 $stamp 2>/dev/null)" = "$place" ] && .venv/bin/uv --version >/dev/null 2>&1; then
    say "1/3 the virtual environment .venv is there"
    rm -f $stamp .venv/.installed
  else
    say "1/3 a virtual environment in .venv ($python, ROS 2: $underlay)"
    rm -f $stamp
    rm -rf .venv
    "$python" -m venv "${venv_options[@]}" .venv
  fi
  .venv/bin/pip install --quiet --disable-pip-version-check "$(grep ^uv== requirements/constraints.txt)"

  say "2/3 dependencies, pinned in requirements/ (about 3 GB to download the first time, 6 GB on disk)"
  files=(-r requirements/run.txt -r requirements/build.txt -r requirements/test.txt)
  [ "$underlay" = wheels ] && files+=(-r requirements/ros.txt -r requirements/build-ros.txt)
  .venv/bin/uv pip install --python .venv/bin/python --constraints requirements/constraints.txt "${files[@]}"
  if [ "$underlay" = wheels ]; then
    # The wheels bring no setup file, and colcon asks for one.
    sed "s|@VENV@|$PWD/.venv|g" cmake/local_setup.sh.in | tee .venv/local_setup.sh > .venv/local_setup.bash
  fi
  echo "$wanted" > $stamp
fi

# --- The package, when a file of it changed ------------------------------------------------------------
sources=(package.xml CMakeLists.txt setup.py pyproject.toml cmake msg srv hil_serl_ros launch config)
sum=$(find "${sources[@]}" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
if [ "$(cat .venv/.installed 2>/dev/null)" != "$sum" ]; then
  say "3/3 building and installing hil_serl_ros"
  rm -f .venv/.installed
  PATH="$PWD/.venv/bin:$PATH" .venv/bin/uv pip install --python .venv/bin/python --quiet --no-build-isolation --no-deps --reinstall-package hil_serl_ros .
  .venv/bin/python -m compileall -q .venv/lib/python3.12/site-packages/hil_serl_ros || true
  echo "$sum" > .venv/.installed
  say "done in $((SECONDS - started)) s"
fi
