"""The launch files, where ROS 2's launch is installed; ``ros2 launch`` itself starts them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import hil_serl_ros.nodes
from hil_serl_ros.installed import config_folder

LAUNCH = Path(__file__).parents[2] / "launch"
stock = pytest.mark.skipif(shutil.which("ros2") is None, reason="ros2 launch is not installed: it is no wheel")


def test_every_node_is_in_one_group_of_the_aggregator():
    groups = yaml.safe_load((config_folder() / "diagnostics" / "aggregator.yaml").read_text())
    parts = [part for part in groups["analyzers"]["ros__parameters"].values() if isinstance(part, dict)]
    for node in (path.stem for path in Path(hil_serl_ros.nodes.__file__).parent.glob("[a-z]*.py")):
        having = [part["path"] for part in parts if any(word in f"/left/{node}" for word in part["contains"])]
        assert len(having) == 1, (node, having)


@stock
@pytest.mark.parametrize("file", sorted(LAUNCH.glob("*.launch.py")), ids=lambda path: path.name)
def test_a_launch_file_says_what_each_of_its_arguments_is(file):
    said = subprocess.run(["ros2", "launch", str(file), "--show-args"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    lines = [line for line in said.stdout.splitlines()[1:] if line.strip()]
    names = [n for n, line in enumerate(lines) if line.startswith("    '")]
    assert names
    for n in names:
        assert lines[n + 1].strip()
        assert not lines[n + 1].strip().startswith("(default")


@pytest.fixture
def launched(domain, tmp_path) -> Iterator[subprocess.Popen[str]]:
    """The simulated robot, by `ros2 launch`."""
    command = ["ros2", "launch", str(LAUNCH / "sim.launch.py"), f"run_folder:={tmp_path / 'run'}", "clock:=realtime"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def until(process: subprocess.Popen[str], words: str) -> str:
    """What it says until ``words`` come."""
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"it never said {words!r}:\n{said}")


@stock
def test_a_node_that_is_killed_is_started_again_and_ctrl_c_ends_all_of_them(launched):
    said = until(launched, "[mujoco_bridge]: pick_cube in realtime")
    line = next(line for line in said.splitlines() if "[state-" in line and "started with pid" in line)
    os.kill(int(line.rsplit("[", 1)[1].rstrip("]")), signal.SIGKILL)
    until(launched, "state was killed by signal 9; started again (1)")
    until(launched, "process started with pid")
    launched.send_signal(signal.SIGINT)
    rest, _ = launched.communicate(timeout=60)
    for node in ("safety-1", "mujoco_bridge-2"):
        assert f"[{node}]: process has finished cleanly" in rest, rest
    assert "[state-4]: process has" in rest, rest  # its second life may have been too young for a clean end
