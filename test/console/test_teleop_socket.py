"""Pages drive through a real server: keys and gamepads to actions, seats, lost and forged pages."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fastapi import FastAPI
from human_trace import actions, keys_of, said, trace
from visiting import TOKEN, Place, served
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from hil_serl_ros.console.gate import GateSettings
from hil_serl_ros.console.seat import DRIVING_SILENCE, Seat
from hil_serl_ros.console.teleop_socket import TeleopSocket
from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.env.joy_mapping import Wish, mapping_named
from hil_serl_ros.msg import TeleopAction

WAIT = 10.0  # s until a test gives up


class Console:
    """A server with the socket, and what it published."""

    def __init__(self, seat: Seat | None = None) -> None:
        self.published: queue.SimpleQueue[TeleopAction] = queue.SimpleQueue()
        self.seat = seat or Seat()
        self.socket = TeleopSocket(self.published.put, self.seat, lambda: Time(sec=7))
        self.app = FastAPI()
        self.socket.add_to(self.app)
        self.place: Place

    def next(self) -> TeleopAction:
        """The next action."""
        return self.published.get(timeout=WAIT)

    def until(self, event: int) -> TeleopAction:
        """The next action with this event."""
        while (action := self.next()).event != event:
            pass
        return action

    def until_lost(self) -> TeleopAction:
        """The next word of a lost device."""
        while (action := self.next()).connected:
            pass
        return action

    def page(self) -> Page:
        """A new page."""
        return Page(self.place.socket())


class Page:
    """One page, as the browser's script speaks."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.number = 0
        self.welcome = self.hear("welcome")

    def hear(self, kind: str, **values: Any) -> dict[str, Any]:
        """The next word of this kind in which ``values`` hold."""
        while True:
            word = json.loads(self.socket.recv(WAIT))
            if word["kind"] == kind and all(word[name] == value for name, value in values.items()):
                return word

    def say(self, *held: str, **values: Any) -> None:
        """One message."""
        message = {"session": self.welcome["session"], "number": self.number, "held": list(held)} | values
        self.number += 1
        self.socket.send(json.dumps(message))

    def sit(self) -> Page:
        """Take the seat."""
        self.say(seat="take")
        self.hear("seat", mine=True)
        return self

    def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closed."""
        with pytest.raises(ConnectionClosed) as closed:
            self.hear("the end")
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console()
    with served(console.app) as console.place:
        yield console


@pytest.fixture
def patient() -> Iterator[Console]:
    """A seat that nobody loses: for tests in which no time should matter."""
    console = Console(Seat(WAIT * 10, WAIT * 10))
    with served(console.app) as console.place:
        yield console


# -------------------- driving --------------------
def test_held_keys_of_the_page_in_the_seat_move_the_arm(patient):
    page = patient.page().sit()
    page.say("Space")
    page.say("ArrowUp", "ShiftRight")
    for _ in range(3):
        action = patient.next()
    assert (action.source, action.connected, action.intervening) == (patient.socket.source, True, True)
    assert list(action.motion) == [1, 0, 1, 0, 0, 0]
    assert action.header.stamp == Time(sec=7)


def test_a_release_counts_at_once(patient):
    page = patient.page().sit()
    page.say("Space")
    page.say("ArrowUp")
    page.say()
    for _ in range(4):
        action = patient.next()
    assert action.intervening
    assert not any(action.motion)


def test_space_starts_and_stops_the_intervention(patient):
    page = patient.page().sit()
    for held in (["Space"], [], ["Space"], []):
        page.say(*held)
    assert [patient.next().intervening for _ in range(5)] == [False, True, True, False, False]


def test_a_press_between_two_heartbeats_is_not_lost(patient):
    page = patient.page().sit()
    page.say("Enter")
    page.say()
    page.say(pressed=["again", "demonstrate"])
    events = [patient.next().event for _ in range(6)]
    assert [event for event in events if event] == [
        TeleopAction.EVENT_SUCCESS,
        TeleopAction.EVENT_AGAIN,
        TeleopAction.EVENT_DEMONSTRATE,
    ]


@pytest.mark.parametrize("name", ["success", "failure", "again", "pause", "resume", "stop", "reset", "demonstrate"])
def test_a_button_of_the_page_is_its_event_and_does_not_disturb_the_hands(patient, name):
    page = patient.page().sit()
    page.say("Space")
    page.say("ArrowUp", pressed=[name])
    action = patient.until(getattr(TeleopAction, f"EVENT_{name.upper()}"))
    assert action.source == patient.socket.source
    assert (action.connected, action.intervening, action.motion[0]) == (True, True, 1)


@pytest.mark.parametrize("device", ["keys", "gamepad"])
def test_a_persons_six_seconds_through_the_page_are_the_same_actions_as_from_every_device(patient, device):
    wishes, browser = trace(), mapping_named("browser")
    page = patient.page().sit()
    patient.next()  # the word with which it sat down
    for wish, held, expected in zip(wishes, keys_of(wishes), actions(wishes), strict=True):
        if device == "keys":
            page.say(*held)
        else:
            axes, buttons = browser.write(wish)
            page.say(pad={"axes": axes, "buttons": buttons})
        assert [said(patient.next()) for _ in expected] == expected
    assert patient.published.empty()


def test_the_pause_key_resumes_while_the_actor_is_paused(patient):
    page = patient.page().sit()
    patient.socket.paused = True
    page.say("KeyP")
    patient.until(TeleopAction.EVENT_RESUME)


# -------------------- gamepads --------------------
def pad(x: float = 0.0, *, drives: bool) -> dict[str, Any]:
    """The left stick, and the button that is held while the person drives."""
    axes, buttons = mapping_named("browser").write(Wish(np.array([x, 0, 0, 0, 0, 0]), KEEP, drives))
    return {"axes": axes, "buttons": buttons}


def test_a_gamepad_that_is_pulled_while_it_drives_is_a_lost_link(patient):
    page = patient.page().sit()
    page.say(pad=pad(1, drives=True))
    page.say()
    words = [patient.next() for _ in range(4)]
    assert [(w.connected, w.intervening) for w in words] == [(True, False), (True, True), (False, False), (True, False)]


def test_a_gamepad_that_comes_back_drives_only_after_its_button_was_let_go(patient):
    page = patient.page().sit()
    for hands in (pad(1, drives=True), None, pad(1, drives=True), pad(1, drives=False), pad(1, drives=True)):
        page.say(pad=hands)
    words = [patient.next() for _ in range(7)]
    assert [w.intervening for w in words if w.connected] == [False, True, False, False, False, True]


def test_a_gamepad_that_is_pulled_while_it_rests_loses_nothing(patient):
    page = patient.page().sit()
    page.say(pad=pad(1, drives=False))
    page.say(pressed=["success"])
    words = [patient.next() for _ in range(4)]
    assert all(word.connected for word in words)


def test_a_gamepad_of_another_size_is_told_and_the_keys_go_on(patient):
    page = patient.page().sit()
    page.say("Space", pad={"axes": [0, 0], "buttons": []})
    assert "2 axes and 0 buttons" in page.hear("refused")["why"]
    assert [patient.next().intervening for _ in range(2)] == [False, True]
    page.say(pad={"axes": [0, 0], "buttons": []}, sent=1.0)
    assert json.loads(page.socket.recv(WAIT))["kind"] == "echo"  # it is not complained of again


def test_keys_and_gamepad_drive_together(patient):
    page = patient.page().sit()
    page.say("Space", pad=pad(drives=False))
    page.say("ArrowLeft", pad=pad(0.5, drives=True))
    words = [patient.next() for _ in range(3)]
    assert [round(float(value), 3) for value in words[2].motion[:2]] == [0.5, 1.0]


# -------------------- the seat --------------------
def test_the_second_page_watches_and_is_told_who_drives(patient):
    first, second = patient.page().sit(), patient.page()
    first.say("Space")
    second.hear("seat", holder=first.welcome["name"], mine=False, driving=True)
    second.say("Space", "ArrowDown", seat="take")
    assert first.welcome["name"] in second.hear("refused")["why"]
    second.say("Space", "ArrowDown", pressed=["success"])
    assert "take the seat first" in second.hear("refused")["why"]
    first.say("ArrowUp", pressed=["failure"])
    assert patient.until(TeleopAction.EVENT_FAILURE).motion[0] == 1
    assert patient.published.empty()


def test_a_seat_that_is_given_up_goes_to_the_next_and_hands_back_first(patient):
    first, second = patient.page().sit(), patient.page()
    first.say("Space")
    first.say(seat="leave")
    second.hear("seat", holder="", pages=2)
    second.sit()
    words = [patient.next() for _ in range(5)]
    assert [(w.connected, w.intervening) for w in words] == [
        (True, False),  # sits
        (True, True),  # drives
        (True, True),
        (True, False),  # hands back, so that the policy may go on
        (False, False),  # and is gone
    ]


@pytest.mark.parametrize("pages", [1, 2])
def test_every_page_can_stop_also_one_that_watches(patient, pages):
    driver = patient.page().sit()
    driver.say("Space")
    for _ in range(2):
        patient.next()
    page = driver if pages == 1 else patient.page()
    page.say(pressed=["stop"])
    stop = patient.until(TeleopAction.EVENT_STOP)
    # An onlooker's stop does not take the driver's hand away.
    assert (stop.source == patient.socket.source) == (pages == 1)


def test_the_stop_key_of_a_page_that_watches_stops_once_a_press(patient):
    patient.page().sit()
    patient.next()
    page = patient.page()
    for held in (["KeyS"], ["KeyS"], [], ["KeyS"]):
        page.say(*held)
    page.say(sent=1.0)
    page.hear("echo")
    assert [patient.next().event, patient.next().event] == [TeleopAction.EVENT_STOP] * 2
    assert patient.published.empty()


def test_the_stop_works_without_a_socket_and_behind_the_gate():
    console = Console()
    with served(console.app, GateSettings(port=0, token=TOKEN)) as place:
        assert place.browser().post("/stop").status_code == 401
        assert console.published.empty()
        assert place.browser(Authorization=f"Bearer {TOKEN}").post("/stop").text == "stopped\n"
    assert console.next().event == TeleopAction.EVENT_STOP


# -------------------- lost pages --------------------
def test_a_page_that_closes_while_it_drives_is_a_lost_link_at_once(console):
    page, other = console.page().sit(), console.page()
    page.say("Space")
    other.hear("seat", driving=True)
    began = time.monotonic()
    page.socket.close()
    action = console.until_lost()
    assert time.monotonic() - began < DRIVING_SILENCE / 2  # not found by its silence
    assert (action.source, action.intervening, any(action.motion)) == (console.socket.source, False, False)
    other.sit()


def test_a_page_that_falls_silent_while_it_drives_is_lost_and_loses_the_seat(console):
    page = console.page().sit()
    page.say("Space")
    began = time.monotonic()
    console.until_lost()
    assert 0.9 * DRIVING_SILENCE < time.monotonic() - began < 5 * DRIVING_SILENCE
    assert "silent" in page.hear("refused")["why"]
    page.say("ArrowUp")  # it is late, and drives nothing
    page.say("ArrowUp", sent=1.0)
    page.hear("echo")
    assert console.published.empty()


def test_a_page_that_nobody_looks_at_is_lost_at_once_and_is_there_again_when_somebody_does(patient):
    page = patient.page().sit()
    page.say("Space")
    page.say(away=True)
    page.say(away=True)
    page.say("ArrowUp")
    words = [patient.next() for _ in range(4)]
    assert [(w.connected, w.intervening) for w in words] == [(True, False), (True, True), (False, False), (True, False)]


def test_a_page_that_leaves_without_the_seat_takes_nothing_from_the_driver(patient):
    page, other = patient.page().sit(), patient.page()
    page.say("Space")
    other.socket.close()
    page.hear("seat", pages=1)
    page.say("ArrowUp", pressed=["pause"])
    assert patient.until(TeleopAction.EVENT_PAUSE).intervening


def test_the_end_of_the_server_ends_the_drive():
    console = Console(Seat(WAIT * 10, WAIT * 10))
    with served(console.app) as console.place:
        page = console.page().sit()
        page.say("Space")
        page.hear("seat", driving=True)
    assert not console.until_lost().intervening


# -------------------- forged messages --------------------
@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"session": "guess"}, "forged"),
        ({"number": 1}, "replayed"),
        ({"number": 0}, "replayed"),
        ({"held": 7}, "malformed"),
        ({"session": "\ud800"}, "forged"),
    ],
)
def test_a_forged_or_replayed_message_closes_its_socket_is_counted_and_drives_nothing(patient, forged, reason):
    page = patient.page().sit()
    page.say("Space")
    for _ in range(2):
        patient.next()
    page.say("ArrowUp", **({"pressed": ["success"]} | forged))
    assert page.closed() == (1008, f"{reason} message")
    lost = patient.next()
    assert (lost.connected, lost.event, any(lost.motion)) == (False, TeleopAction.EVENT_NONE, False)
    assert patient.published.empty()
    assert patient.socket.counts == {reason: 1}
    patient.page().sit()  # the seat is free, the server well


def test_a_message_of_another_page_is_forged(patient):
    driver, other = patient.page().sit(), patient.page()
    other.say("Space", session=driver.welcome["session"], number=5)
    assert other.closed() == (1008, "forged message")
    driver.say(pressed=["pause"])
    patient.until(TeleopAction.EVENT_PAUSE)


@pytest.mark.parametrize("data", ["", "{", "[]", "\0", b"\xff\xfe", "[" * 3000])
def test_what_is_no_message_closes_its_socket(patient, data):
    page = patient.page().sit()
    page.socket.send(data)
    assert page.closed() == (1008, "malformed message")
    assert patient.socket.counts == {"malformed": 1}


def test_an_oversize_frame_ends_the_drive(patient):
    page = patient.page().sit()
    page.say("Space")
    page.socket.send("x" * 65537)
    assert page.closed()[0] == 1009
    patient.until_lost()


def test_too_many_pages_are_told_to_come_later(patient):
    pages = [patient.page() for _ in range(32)]
    with patient.place.socket() as late, pytest.raises(ConnectionClosed) as closed:
        late.recv(WAIT)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "32 pages are open already")
    pages[0].sit()


# -------------------- what the page needs --------------------
def test_an_echo_carries_the_pages_own_clock_back(patient):
    page = patient.page()
    page.say(sent=1234.5)
    assert page.hear("echo")["sent"] == 1234.5


def test_the_script_is_served_and_asked_for_anew(patient):
    answer = patient.place.browser().get("/static/teleop.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert "javascript" in answer.headers["content-type"]
