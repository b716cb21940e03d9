# make demo   trains the simulated arm to pick up a cube, ROS 2 nodes in separate processes. SEED=1 another
#             seed, ARGS='...' further arguments of `hil-serl demo`.
# make demo-pixels   the same from two cameras, success judged by a classifier that is trained first.
# make teach   a person teaches the simulated arm, on a web page. ARGS='--port 9000' another port.
# make test   lints, checks types and runs all tests. ARGS='test/ros -k join' some of them.
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

.PHONY: demo demo-pixels teach test doctor set-up clean

demo: set-up
	$(BIN)/hil-serl demo $(if $(SEED),--seed $(SEED)) $(ARGS)

demo-pixels: set-up
	$(BIN)/hil-serl demo-pixels $(if $(SEED),--seed $(SEED)) $(ARGS)

teach: set-up
	$(BIN)/hil-serl teach $(ARGS)

test: set-up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not alone" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/pytest -m alone $(ARGS) || [ $$? -eq 5 ]

doctor: set-up
	$(BIN)/hil-serl doctor

set-up:
	@tools/set_up.sh

clean:
	rm -rf .venv .cache build install log
