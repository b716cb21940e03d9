"""The link between two made machines is as it is told to be, and nothing of them stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from two_machines import ADDRESSES, TwoMachines, why_not

ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 5000))
print("up", flush=True)
while True:
    data, sender = s.recvfrom(65535)
    s.sendto(data, sender)
"""
ASK = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.4)
took = []
for _ in range(int(sys.argv[2])):
    start = time.monotonic()
    s.sendto(b"x" * 100, (sys.argv[1], 5000))
    try:
        s.recvfrom(65535)
        took.append(time.monotonic() - start)
    except TimeoutError:
        pass
print(len(took), min(took, default=0))
"""


@pytest.fixture(scope="module")
def machines() -> Iterator[TwoMachines]:
    if why := why_not():
        pytest.skip(why)
    machines = TwoMachines()
    command = [*machines.on("office"), "timeout", "60", sys.executable, "-c", ECHO]
    echo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert echo.stdout is not None
    echo.stdout.readline()
    yield machines
    echo.terminate()
    echo.wait()
    echo.stdout.close()
    machines.close()


def answers(machines: TwoMachines, times: int = 3) -> tuple[int, float]:
    """Of so many questions to the office, how many were answered, and how soon the first one was, s."""
    command = [*machines.on("robot"), sys.executable, "-c", ASK, ADDRESSES["office"], str(times)]
    count, soonest = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    return int(count), float(soonest)


def test_each_way_takes_the_delay(machines):
    machines.impair(delay=0.05, loss=0.0)
    count, soonest = answers(machines)
    assert count == 3
    assert soonest >= 0.1


def test_some_frames_are_lost(machines):
    machines.impair(delay=0.0, loss=0.3)
    assert 0 < answers(machines, times=20)[0] < 20


def test_a_cut_link_carries_nothing_and_a_mended_one_all_again(machines):
    machines.impair(delay=0.0, loss=0.0)
    machines.cut()
    assert answers(machines)[0] == 0
    machines.mend()
    assert answers(machines)[0] == 3


def test_what_a_machine_sends_is_counted(machines):
    machines.impair(delay=0.0, loss=0.0)
    before = machines.sent("robot")
    answers(machines, times=3)
    assert 3 * 142 <= machines.sent("robot") - before < 2000  # 100 bytes and the headers of UDP, IP and Ethernet


def test_a_machine_has_shared_memory_and_a_name_of_its_own(machines):
    for name in ("robot", "office"):
        words = [*machines.on(name), "sh", "-c", "touch /dev/shm/mine && ls /dev/shm && hostname"]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.split() == ["mine", name]
    assert not Path("/dev/shm/mine").exists()


def test_nothing_is_left_when_a_run_is_killed(machines):
    made = "import os, two_machines; made = two_machines.TwoMachines(); "
    made += "print(*(one.pid for one in made._holders.values()), flush=True); os.kill(os.getpid(), 9)"
    folder = Path(__file__).parent
    killed = subprocess.run([sys.executable, "-c", made], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=30)
    for process in killed.stdout.split():
        # It ends when its input does; a process of that number is then gone, or dead and not yet buried.
        wait = ["timeout", "10", "tail", f"--pid={process}", "-f", "/dev/null"]
        assert subprocess.run(wait, check=False).returncode == 0
