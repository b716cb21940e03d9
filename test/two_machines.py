"""Two machines on this one, for tests and benchmarks: they share nothing but a link that is late, loses and is cut.

A machine is a network namespace with a host name and a ``/dev/shm`` of its own, so no shared memory crosses. The link
is a pair of Ethernet devices with an MTU of 1500, and a process that carries each frame from one to the other: the
kernel's ``netem`` is a module that many machines lack, this needs ``/dev/net/tun`` alone. A machine lives as long as
the standard input of the shell that holds it, so nothing is left when a test run is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("robot", "office")
ADDRESSES = {"robot": "10.77.0.1", "office": "10.77.0.2"}
DEVICE = "link0"
MTU = 1500
TUN = Path("/dev/net/tun")
TUNSETIFF, TAP_WITHOUT_HEADER = 0x400454CA, 0x1002  # linux/if_tun.h: IFF_TAP | IFF_NO_PI
QUEUE = 10_000  # frames that a device keeps for the process that carries them: it has no card's back pressure
WAITING = 256 * 1024  # bytes that wait before a link of limited rate, as in a router; more are dropped
FRAME = 65_536
HOLD = (
    f"mount -t tmpfs -o size=512m tmpfs /dev/shm && hostname $0 && ip link set lo up && echo up && read -r _ && "
    f"ip address add $1/24 dev {DEVICE} && ip link set {DEVICE} mtu {MTU} txqueuelen {QUEUE} up && echo up && exec cat"
)


@functools.cache
def why_not() -> str:
    """Why there can be no two machines here, one sentence; empty: there can."""
    missing = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if missing:
        return f"no {' and no '.join(missing)} (Debian packages iproute2, util-linux)"
    if not os.access(TUN, os.W_OK):
        return f"no {TUN} that this user may use"
    tried = subprocess.run([*_unshare(), "ip", "link", "set", "lo", "up"], capture_output=True, text=True, timeout=20)
    return "" if tried.returncode == 0 else f"no namespaces for this user: {tried.stderr.strip().splitlines()[-1]}"


def _unshare() -> list[str]:
    return ["unshare", "--net", "--mount", "--uts", "--ipc"]


class TwoMachines:
    """Machines ``robot`` and ``office``, and the link between them.

    Args:
        delay: of each frame, each way, s.
        loss: share of the frames that are lost, each way.
        rate: bytes/s, each way; 0: unlimited.
        seed: of the losses.
    """

    def __init__(self, delay: float = 0.0, loss: float = 0.0, rate: float = 0.0, seed: int = 0) -> None:
        self._conditions = delay, loss, rate
        self._holders: dict[str, subprocess.Popen[str]] = {}
        self._carrier: subprocess.Popen[str] | None = None
        try:
            for name in NAMES:
                command = [*_unshare(), "sh", "-c", HOLD, name, ADDRESSES[name]]
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
                self._holders[name] = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]
                _expect_up(self._holders[name])
            processes = [str(self._holders[name].pid) for name in NAMES]
            self._carrier = subprocess.Popen([sys.executable, __file__, str(seed), *processes], **pipes)  # type: ignore[call-overload]
            _expect_up(self._carrier)
            for holder in self._holders.values():
                _tell(holder, "the device is there")
                _expect_up(holder)
            self.impair(delay, loss, rate)
        except BaseException:
            self.close()
            raise

    def on(self, machine: str) -> list[str]:
        """The words before a command that runs it on ``machine``."""
        return ["nsenter", f"--target={self._holders[machine].pid}", "--net", "--mount", "--uts", "--ipc"]

    # -------------------- the link --------------------
    def impair(self, delay: float, loss: float, rate: float = 0.0) -> None:
        """Carry frames like this from now on."""
        self._conditions = delay, loss, rate
        self.mend()

    def cut(self) -> None:
        """Lose all, those on their way too."""
        self._carry(*self._conditions, True)

    def mend(self) -> None:
        """Carry frames again, as before the cut."""
        self._carry(*self._conditions, False)

    def _carry(self, delay: float, loss: float, rate: float, cut: bool) -> None:
        assert self._carrier is not None
        _tell(self._carrier, f"{delay} {loss} {rate} {int(cut)}")
        _expect_up(self._carrier)  # it is so now

    def sent(self, machine: str) -> int:
        """Bytes that ``machine`` has put on the link, Ethernet's headers included, by the kernel's own count."""
        lines = Path(f"/proc/{self._holders[machine].pid}/net/dev").read_text().splitlines()
        return int(next(line.split() for line in lines if line.strip().startswith(f"{DEVICE}:"))[9])

    def close(self) -> None:
        """End both. What still runs on a machine loses its link."""
        for process in (self._carrier, *self._holders.values()):
            if process is not None:
                assert process.stdin is not None
                assert process.stdout is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                process.wait(10)
                process.stdout.close()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _expect_up(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline().strip() != "up":
        raise RuntimeError("a machine or the link could not be made; its words are above")


# -------------------- the process that carries the frames --------------------
def _device(holder: str) -> int:
    """Our end of a new Ethernet device in the namespace of process ``holder``."""
    with open(f"/proc/{holder}/ns/net", "rb") as namespace:
        os.setns(namespace.fileno(), os.CLONE_NEWNET)
    end = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), TAP_WITHOUT_HEADER))
    return end


def _carry(seed: int, holders: list[str]) -> None:
    """Carry until the standard input ends: each line is delay, loss, rate and whether the link is cut."""
    chance = random.Random(seed)
    ends = [_device(holder) for holder in holders]
    others = dict(zip(ends, reversed(ends), strict=True))
    free = dict.fromkeys(ends, 0.0)  # when the frames before are through, where the rate is limited
    waiting: list[tuple[float, int, int, bytes]] = []
    number = 0
    delay = loss = rate = 0.0
    cut = True
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))  # a cable does not wait for the processor
    print("up", flush=True)
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable = select.select([*ends, sys.stdin], (), (), patience)[0]
        if sys.stdin in readable:
            if not (line := os.read(sys.stdin.fileno(), 1000).decode()):
                return
            delay, loss, rate, cut = map(float, line.splitlines()[-1].split())
            waiting = [] if cut else waiting
            print("up", flush=True)
        now = time.monotonic()
        for end in ends:
            if end not in readable:
                continue
            with contextlib.suppress(BlockingIOError):
                while frame := os.read(end, FRAME):
                    if cut or chance.random() < loss:
                        continue
                    start = max(now, free[end])
                    if rate:
                        if (start - now) * rate > WAITING:
                            continue
                        free[end] = start = start + len(frame) / rate
                    heapq.heappush(waiting, (start + delay, number, others[end], frame))
                    number += 1
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(waiting)
            with contextlib.suppress(OSError):  # the device is down
                os.write(end, frame)


if __name__ == "__main__":
    _carry(int(sys.argv[1]), sys.argv[2:])
