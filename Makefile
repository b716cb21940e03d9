# make demo   trains the simulated arm to pick up a cube, ROS 2 nodes in separate processes. SEED=1 another
#             seed, ARGS='...' further arguments of `hil-serl demo`.
# make test   lints, checks types and runs all tests.
# Each sets up all that it needs first, in .venv; run again it does only what changed.
#
# Without make:  tools/set_up.sh, then .venv/bin/hil-serl demo, or the commands under `test` below.

SHELL := /bin/bash
BIN := .venv/bin

ifeq ($(ROS_DISTRO),)
# The ROS 2 wheels find their own files; paths of another environment would mix in its libraries.
unexport PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
else
export AMENT_PREFIX_PATH := $(CURDIR)/.venv:$(AMENT_PREFIX_PATH)
export LD_LIBRARY_PATH := $(CURDIR)/.venv/lib:$(LD_LIBRARY_PATH)
endif

.PHONY: demo test doctor set-up clean

demo: set-up
	$(BIN)/hil-serl demo $(if $(SEED),--seed $(SEED)) $(ARGS)

test: set-up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(ARGS)

doctor: set-up
	$(BIN)/hil-serl doctor

set-up:
	@tools/set_up.sh

clean:
	rm -rf .venv .cache build install log
