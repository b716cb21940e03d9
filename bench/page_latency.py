"""From a key in a real browser to the word on topic `teleop` in another process, where the actor latches it: one table.

Run ``python bench/page_latency.py`` (about a minute): it starts a server with the page's socket and a ROS publisher.
``--address`` measures a console that runs already, for example that of ``hil-serl teach``.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import rclpy
from chromium import Chromium, Tab
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.run import executor_of, spin

WAIT = 20.0  # s for anything
SETTLE = 3.0  # s after which a page has drawn itself for the first time
MUST = (20.0, 60.0)  # ms, median and 99th percentile
PAGE = "<!doctype html><title>latency</title><script src='/static/teleop.js'></script>"
PROBES = """
window.pressed = [];
addEventListener('keydown', (event) => pressed.push(performance.timeOrigin + event.timeStamp), true);
const buttons = Array(16).fill({value: 0, pressed: false});
let pad = null;
navigator.getGamepads = () => [pad];
window.move = (y) => {
  pad = {index: 0, id: 'a stick', connected: true, mapping: 'standard', axes: [0, y, 0, 0], buttons};
  return performance.timeOrigin + performance.now();
};
"""


def serve() -> None:
    """The least console: the socket and a publisher, nothing to look at."""
    from fastapi import FastAPI, Response

    from hil_serl_ros.console.gate import Gate, GateSettings
    from hil_serl_ros.console.seat import Seat
    from hil_serl_ros.console.teleop_socket import TeleopSocket
    from hil_serl_ros.console.web import WebServer

    rclpy.init()
    node = rclpy.create_node("bench_page")
    publisher = node.create_publisher(TeleopAction, "teleop", qos.TELEOP)
    app = FastAPI()
    app.add_api_route("/", lambda: Response(PAGE, media_type="text/html"))
    TeleopSocket(publisher.publish, Seat(), lambda: node.get_clock().now().to_msg()).add_to(app)
    server = WebServer(app, Gate(GateSettings(port=0)))
    server.start()
    print(server.gate.address, flush=True)
    with contextlib.suppress(ExternalShutdownException, KeyboardInterrupt):
        rclpy.spin(node)
    server.stop()


class Latch:
    """Where the words arrive: in this process, with the times of arrival (s: monotonic, and since the epoch)."""

    def __init__(self) -> None:
        self.node: Node = rclpy.create_node("bench_latch")
        self.node.create_subscription(TeleopAction, "teleop", self._on_word, qos.TELEOP)
        self._words: queue.SimpleQueue[tuple[float, tuple[float, float, float]]] = queue.SimpleQueue()
        executor = executor_of(self.node)

        def work() -> None:
            with contextlib.suppress(ExternalShutdownException):
                spin(executor, self.node)

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def _on_word(self, word: TeleopAction) -> None:
        said = word.header.stamp.sec + 1e-9 * word.header.stamp.nanosec
        self._words.put((float(word.motion[0]), (time.monotonic(), time.time(), said)))

    def until(self, motion: float) -> tuple[float, float, float]:
        """When the next word with this motion along x came, and when the console said it (s since the epoch)."""
        while True:
            value, times = self._words.get(timeout=WAIT)
            if value == motion:
                return times


def sit(tab: Tab) -> None:
    """Give the page the seat and what the measurement needs in it."""
    tab.until("window.teleop?.state.connected")
    tab.ask("teleop.takeSeat()")
    tab.until("teleop.state.mine")
    tab.ask(PROBES)
    time.sleep(SETTLE)


def keys(tab: Tab, latch: Latch, presses: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latency of each press, ms: from the key event in the page, from the order to the browser, on the way by DDS."""
    dispatched, arrived, by_dds = [], [], []
    for _ in range(presses):
        time.sleep(random.uniform(0.02, 0.06))  # anywhere between two heartbeats
        began = time.monotonic()
        tab.key("ArrowUp", True)
        steady, wall, said = latch.until(1.0)
        by_dds.append(1e3 * (wall - said))
        dispatched.append(1e3 * (steady - began))
        arrived.append(1e3 * wall)
        tab.key("ArrowUp", False)
        latch.until(0.0)
    return np.array(arrived) - np.array(tab.ask("pressed")), np.array(dispatched), np.array(by_dds)


def stick(tab: Tab, latch: Latch, moves: int) -> np.ndarray:
    """Latency of each move of the stick, ms, from the moment from which the browser knows it."""
    moved, arrived = [], []
    for _ in range(moves):
        time.sleep(random.uniform(0.02, 0.06))
        moved.append(tab.ask("move(-1)"))
        arrived.append(1e3 * latch.until(1.0)[1])
        tab.ask("move(0)")
        latch.until(0.0)
    return np.array(arrived) - np.array(moved)


@contextlib.contextmanager
def least_console() -> Iterator[str]:
    """The address of :func:`serve` in a process of its own."""
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(WAIT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=500)
    parser.add_argument("--address", default="", help="of a console that runs already")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    rclpy.init()
    latch = Latch()
    running = contextlib.nullcontext(arguments.address) if arguments.address else least_console()
    with running as address, Chromium() as browser:
        tab = browser.tab(address)
        sit(tab)
        from_event, from_dispatch, by_dds = keys(tab, latch, arguments.presses)
        from_stick = stick(tab, latch, arguments.presses)
        trip = tab.ask("teleop.roundTrip")
    rclpy.shutdown()
    latch.thread.join()
    print(
        f"\n| {arguments.presses} each, loopback, to the word in the actor's place | median, ms | 99th | most | must |"
    )
    print("|---|---|---|---|---|")
    print(f"| from the key event in the page | {_row(from_event)} | {MUST[0]:.0f} / {MUST[1]:.0f} |")
    print(f"| from the order to the browser to press the key | {_row(from_dispatch)} | |")
    print(f"| of it, from the console to the actor's place | {_row(by_dds)} | |")
    print(f"| from the browser's knowing the stick's move | {_row(from_stick)} | {MUST[0]:.0f} / {MUST[1]:.0f} |")
    print(f"| round trip as the page shows it | {trip['median']:.1f} | | {trip['worst']:.1f} | |")
    sys.exit(0 if all(map(_kept, (from_event, from_stick))) else 1)


def _kept(values: np.ndarray) -> bool:
    return bool(np.median(values) <= MUST[0] and np.percentile(values, 99) <= MUST[1])


def _row(values: np.ndarray) -> str:
    return f"{np.median(values):.1f} | {np.percentile(values, 99):.1f} | {values.max():.1f}"


if __name__ == "__main__":
    main()
