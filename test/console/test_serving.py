"""A NiceGUI page behind the gate, as a local tool and beside a ROS node: who gets in, and how it ends."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from hil_serl_ros.console.gate import Gate, GateSettings
from hil_serl_ros.console.web import PortTaken, WebServer

WAIT = 60  # s for a process; the machine may be busy
SOCKET_IO = "/_nicegui_ws/socket.io/?EIO=4&transport="
TOOL = """
from nicegui import app, ui
from hil_serl_ros.console.serving import serve

def page():
    ui.label("hello from the tool")

app.add_api_route("/end", app.shutdown, methods=["POST"])
serve(page, "tool", 0, open_browser=False)
print("ended", flush=True)
"""
NODE = """
import sys
from nicegui import ui
from rclpy.node import Node
from hil_serl_ros.console.gate import Gate, GateSettings
from hil_serl_ros.console.seat import Seat
from hil_serl_ros.console.serving import Server
from hil_serl_ros.console.teleop_socket import TeleopSocket
from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros.run import main

class Console(Node):
    def __init__(self):
        super().__init__("console_of_a_test")
        self.server = Server(lambda: ui.label("hello from the node"), "node", Gate(GateSettings(port=0)))
        self.server.app.add_api_route("/mine", lambda: "mine")
        publisher = self.create_publisher(TeleopAction, "teleop", 10)
        TeleopSocket(publisher.publish, Seat(), lambda: self.get_clock().now().to_msg()).add_to(self.server.app)
        self.server.start()
        print("open", self.server.gate.address, flush=True)

    def close(self):
        self.server.stop()
        print("closed", flush=True)

main(Console)
"""


class Program:
    """A process that serves a page."""

    def __init__(self, code: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}
        self.process = subprocess.Popen(
            ["timeout", "-k", "5", "100", sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127.0.0.1:(\d+)", said)):
            line = self.process.stdout.readline()
            assert line, said
            said += line
        self.origin, self.host = found[0], found[0].removeprefix("http://")

    def end(self, number: int | None = None) -> tuple[int, str]:
        """Its exit code and last words, after a signal."""
        if number is not None:
            os.killpg(self.process.pid, number)
        words, _ = self.process.communicate(timeout=WAIT)
        return self.process.returncode, words

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def node() -> Iterator[Program]:
    program = Program(NODE)
    yield program
    program.kill()


@pytest.fixture(scope="module")
def lasting() -> Iterator[Program]:
    """A node that no test ends."""
    program = Program(NODE)
    yield program
    program.kill()


def test_sigterm_ends_node_and_page_cleanly_while_a_visitor_looks(node):
    with connect(f"ws://{node.host}{SOCKET_IO}websocket", origin=node.origin, proxy=None) as visitor:
        visitor.recv(WAIT)
        code, words = node.end(signal.SIGTERM)
    assert (code, words) == (0, "closed\n")  # and no traceback


def test_ctrl_c_ends_the_node_cleanly_while_a_page_drives(node):
    ended = False
    with connect(f"ws://{node.host}/teleop", origin=node.origin, proxy=None, max_queue=None) as page:
        session = json.loads(page.recv(WAIT))["session"]
        with contextlib.suppress(ConnectionClosed):
            for number in itertools.count():
                held, seat = ["Space"] * (number > 0), "take" * (number == 0)
                page.send(json.dumps({"session": session, "number": number, "held": held, "seat": seat}))
                if not ended and '"driving":true' in page.recv(WAIT).replace(" ", ""):
                    os.killpg(node.process.pid, signal.SIGINT)
                    ended = True
    assert ended
    assert node.end() == (0, "closed\n")


def test_ctrl_c_ends_a_tool():
    tool = Program(TOOL)
    try:
        assert httpx.get(tool.origin, trust_env=False).text.count("hello from the tool") >= 1
        assert tool.end(signal.SIGINT) == (0, "ended\n")
    finally:
        tool.kill()


def test_its_button_ends_a_tool():
    tool = Program(TOOL)
    try:
        httpx.post(f"{tool.origin}/end", trust_env=False)
        assert tool.end() == (0, "ended\n")
    finally:
        tool.kill()


def test_the_page_of_a_node_and_its_own_routes_answer(lasting):
    assert "hello from the node" in httpx.get(lasting.origin, trust_env=False).text
    assert httpx.get(f"{lasting.origin}/mine", trust_env=False).json() == "mine"


def test_the_pages_own_socket_is_behind_the_gate(lasting):
    evil = "http://evil.example"
    with connect(f"ws://{lasting.host}{SOCKET_IO}websocket", origin=lasting.origin, proxy=None) as visitor:
        assert visitor.recv(WAIT)
    for origin, headers in ((evil, {}), (None, {}), (f"{evil}:80", {"Host": "evil.example:80"})):
        address = f"ws://{lasting.host}{SOCKET_IO}websocket"
        with pytest.raises(InvalidStatus), connect(address, origin=origin, additional_headers=headers, proxy=None):
            pass
    polling = f"{lasting.origin}{SOCKET_IO}polling"
    assert httpx.get(polling, trust_env=False).status_code == 200
    for headers in ({"Origin": evil}, {"Host": "evil.example"}):
        assert httpx.get(polling, headers=headers, trust_env=False).status_code == 403


def test_a_port_that_is_taken_is_told_in_one_sentence():
    async def nothing(scope, receive, send):
        raise NotImplementedError

    one = WebServer(nothing, Gate(GateSettings(port=0)))
    listener = one._listen()
    with listener, pytest.raises(PortTaken, match=rf"port {one.gate.port} of 127.0.0.1 cannot be used \(Address"):
        WebServer(nothing, Gate(GateSettings(port=one.gate.port))).start()


def test_an_address_that_is_not_this_machines_is_told_in_one_sentence():
    async def nothing(scope, receive, send):
        raise NotImplementedError

    for host in ("192.0.2.1", "not a host"):
        with pytest.raises(PortTaken, match=f"port 0 of {host} cannot be used"):
            WebServer(nothing, Gate(GateSettings(host=host, port=0))).start()
