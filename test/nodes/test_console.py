"""The node `console` over DDS: its page and its door, its pages' hands on topic `teleop`, what the graph says."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from hil_serl_ros.msg import SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos

TOKEN = "a-token-for-tests"
WAIT = 10.0  # s for an answer
IDLE_SILENCE = 2.0  # s after which a page that does not drive is lost


class Visitor:
    """A page, by its socket."""

    def __init__(self, place: str) -> None:
        self.end = contextlib.ExitStack()
        opening = connect(
            f"ws://{place}/teleop", origin=f"http://{place}", proxy=None, open_timeout=WAIT, max_queue=None
        )
        self.socket = self.end.enter_context(opening)
        self.session = json.loads(self.socket.recv(WAIT))["session"]
        self.number = 0

    def say(self, *held: str, **more: Any) -> None:
        self.number += 1
        message = {"session": self.session, "number": self.number, "held": list(held), "pad": None}
        self.socket.send(json.dumps(message | more))


class Place:
    """A console, and who listens to its hands."""

    def __init__(self, graph: Any, **parameters: object) -> None:
        self.graph = graph
        self.process = graph.start("console", clock="realtime", **parameters)
        self.said = graph.subscribe(TeleopAction, "teleop", qos.TELEOP)
        self.host = ""

    def open(self) -> Place:
        """The console once it serves its page."""
        said = self.process
        pattern = re.compile(r"page: https?://\S+?:(\d+)")
        self.graph.wait_until(lambda: pattern.search(said.output) or said.code is not None, seconds=60)
        found = pattern.search(said.output)
        assert found is not None, said.output
        self.host = f"127.0.0.1:{found[1]}"
        return self

    def browser(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=f"http://{self.host}", headers=headers, timeout=WAIT, trust_env=False)

    def until(self, condition: Any) -> None:
        self.graph.wait_until(lambda: any(condition(word) for word in self.said))


@pytest.fixture(scope="module")
def places(graph) -> Iterator[dict[str, Place]]:
    """All consoles, started at once: one on loopback, one on every address, one on a port that is taken."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield {
            "here": Place(graph, port=0),
            "elsewhere": Place(graph, port=0, host="0.0.0.0", token=TOKEN),
            "nowhere": Place(graph, port=listener.getsockname()[1]),
        }


@pytest.fixture(scope="module")
def place(places) -> Place:
    place = places["here"].open()
    with place.browser() as browser:
        place.graph.wait_until(lambda: place.said, again=lambda: browser.post("/stop"))
        place.graph.listen(0.3)
    return place


@pytest.fixture
def visitor(place) -> Iterator[Visitor]:
    place.said.clear()
    visitor = Visitor(place.host)
    yield visitor
    visitor.end.close()
    place.graph.listen(0.1)


def test_the_page_and_its_script_are_served(place):
    with place.browser() as browser:
        assert "STOP" in browser.get("/").text
        assert "takeSeat" in browser.get("/static/teleop.js").text


def test_what_safety_says_is_on_the_page(place):
    safety = place.graph.publisher(SafetyStatus, "safety_status", qos.LATCHED)
    safety.publish(SafetyStatus(state=SafetyStatus.STOPPED, reason="the light curtain was broken"))
    with place.browser() as browser:
        place.graph.wait_until(lambda: "emergency stop: the light curtain was broken" in browser.get("/").text)
        assert "STOPPED" in browser.get("/").text


def test_a_pages_keys_are_the_words_of_one_device(place, visitor):
    visitor.say(seat="take")
    visitor.say("Space")
    visitor.say("Space", "ArrowUp", "ControlLeft")
    place.until(lambda word: word.intervening and word.motion[0] == 1 and word.gripper == TeleopAction.GRIPPER_CLOSE)
    (source,) = {word.source for word in place.said}
    assert source.startswith("page ")
    assert all(word.header.stamp.sec > 0 for word in place.said)


def test_a_page_without_the_seat_says_nothing(place, visitor):
    visitor.say("Space")
    visitor.say("Space", "ArrowUp")
    place.graph.listen(0.5)
    assert not place.said


def test_a_page_that_falls_silent_while_it_drives_is_a_lost_device(place, visitor):
    visitor.say(seat="take")
    visitor.say("Space", "ArrowUp")
    place.until(lambda word: word.intervening)
    place.until(lambda word: not word.connected)
    assert not place.said[-1].intervening


def test_a_page_that_closes_is_a_lost_device_at_once(place, visitor):
    visitor.say(seat="take")
    place.until(lambda word: word.connected)
    visitor.end.close()
    closed = time.monotonic()
    place.until(lambda word: not word.connected)
    assert time.monotonic() - closed < IDLE_SILENCE / 2


def test_the_stop_needs_no_page(place):
    place.said.clear()
    with place.browser() as browser:
        assert browser.post("/stop").status_code == 200
    place.until(lambda word: word.event == TeleopAction.EVENT_STOP and not word.connected)


def test_elsewhere_than_on_loopback_a_wrong_token_opens_nothing(places):
    place = places["elsewhere"].open()
    for token in ("", "a-wrong-token-it-is"):
        with place.browser(**({"authorization": f"Bearer {token}"} if token else {})) as browser:
            assert browser.get("/").status_code == 401
            assert browser.post("/stop").status_code == 401
    with pytest.raises(InvalidStatus, match="401"):
        Visitor(place.host)
    with place.browser(authorization=f"Bearer {TOKEN}") as browser:
        assert browser.get("/").status_code == 200


def test_a_port_that_is_taken_is_told_in_one_sentence(places):
    process = places["nowhere"].process
    assert process.wait(60) == 2
    assert process.output.strip().startswith("error: ")
    assert "Traceback" not in process.output


def test_a_console_with_an_open_page_ends_cleanly(place, visitor):
    visitor.say(seat="take")
    place.until(lambda word: word.connected)
    place.process.signal(signal.SIGINT)
    assert place.process.wait() == 0, place.process.output
    assert "Traceback" not in place.process.output
