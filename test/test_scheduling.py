"""How a process yields the processor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hil_serl_ros.scheduling import AUTOGROUP

PROGRAM = """
import os
from hil_serl_ros.scheduling import AUTOGROUP, yield_processor
def group():
    return AUTOGROUP.read_text().strip() if AUTOGROUP.exists() else ""
print(os.nice(0), group())
yield_processor(12)
print(os.nice(0), group())
"""


def said(*, leads: bool) -> list[tuple[int, str]]:
    """Niceness and the kernel's line about a new session, before and after, in its leader or in a child of that."""
    command = [sys.executable, "-c", PROGRAM]
    if not leads:
        command = ["sh", "-c", '"$@"; exit $?', "sh", *command]
    run = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
    parts = [line.partition(" ") for line in run.stdout.splitlines()]
    return [(int(nice), group) for nice, _, group in parts]


def test_a_process_runs_below_the_others_of_its_session():
    (before, _), (after, _) = said(leads=False)
    assert after == max(before, 12)


def test_a_process_comes_before_all_others_or_says_that_it_may_not():
    program = """
import os, threading
from hil_serl_ros.scheduling import claim_processor
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
can = claim_processor(7)
kinds = {os.sched_getscheduler(int(tid)) for tid in os.listdir("/proc/self/task")}
end.set()
print(can, kinds == ({os.SCHED_RR} if can else {os.SCHED_OTHER}))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] in ("True", "False")
    assert said[1] == "True"


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group sessions")
def test_a_process_that_leads_a_session_runs_below_the_other_sessions_too():
    _, (_, group) = said(leads=True)
    assert group.endswith("nice 12")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group sessions")
def test_a_process_in_somebody_elses_session_lowers_nobody_else():
    (_, before), (_, after) = said(leads=False)
    assert after == before
