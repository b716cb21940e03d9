"""Nodes of a training run are killed at random moments: the smaller twin of ``bench/kills.py`` (a hundred kills)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench" / "kills.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_executed_step_is_lost_or_doubled_and_the_run_reaches_its_end(domain, tmp_path):
    # What the robot says is compared with the log; the exit code is 1 if a step is lost or doubled.
    sizes = ["--kills", "8", "--pause", "2.5", "--steps", "320", "--episodes", "1", "--folder", str(tmp_path / "run")]
    command = [sys.executable, str(BENCH), *sizes]
    process = subprocess.run(command, env=os.environ.copy(), capture_output=True, text=True, timeout=280, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "| twice in the log | 0 |" in process.stdout
