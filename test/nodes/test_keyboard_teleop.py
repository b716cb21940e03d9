"""The node `keyboard_teleop`: real bytes into a pseudo-terminal, teleop actions out over DDS."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from human_trace import actions, keys_of, trace
from played_terminal import PlayedTerminal, kitty, plain

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.msg import ActorStatus, RobotCommand, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos

NODE = "hil_serl_ros.nodes.keyboard_teleop"
HEARTBEATS = 0.07  # s, three of them


class Typist:
    """A person at the keyboard, and the listener behind the node."""

    def __init__(self, graph: Any, *, modern: bool, space: str) -> None:
        self.graph = graph
        # The terminal is played by a thread of a busy process, which may be late.
        arguments = ["--ros-args", "-r", f"__ns:=/{space}", "-p", "silence:=1.0"]
        self.terminal = PlayedTerminal(NODE, arguments, graph.environment, modern=modern)
        self.said = graph.subscribe(TeleopAction, f"/{space}/teleop", qos.TELEOP)
        graph.wait_until(lambda: len(self.said) > 5, seconds=40)

    def hold(self, *codes: str) -> None:
        for code in codes:
            self.terminal.type(kitty(code))

    def release(self, *codes: str) -> None:
        for code in codes:
            self.terminal.type(kitty(code, 3))

    def tap(self, code: str) -> None:
        self.hold(code)
        self.release(code)

    def until(self, condition: Callable[[TeleopAction], bool], **options: Any) -> TeleopAction:
        """The newest word, once it is so."""
        self.graph.wait_until(lambda: self.said and condition(self.said[-1]), **options)
        return self.said[-1]

    def settle(self) -> tuple:
        """Who drives, where to, the gripper and what was pressed, after the latest keys."""
        start = len(self.said)
        self.graph.listen(HEARTBEATS)
        self.graph.wait_until(lambda: len(self.said) > start)
        events = [word.event for word in self.said[start:] if word.event]
        word = self.said[-1]
        return word.intervening, word.motion.tolist(), word.gripper, events


@pytest.fixture(scope="module")
def modern(graph) -> Iterator[Typist]:
    typist = Typist(graph, modern=True, space="modern")
    yield typist
    typist.terminal.close()


@pytest.fixture
def typist(modern) -> Iterator[Typist]:
    modern.until(lambda word: word.connected and not word.intervening)
    modern.said.clear()
    yield modern
    modern.terminal.answering = True
    modern.terminal.type(b"\x1b[O")  # lets go of all keys
    modern.until(lambda word: word.connected)
    if modern.said[-1].intervening:
        modern.tap("Space")
    modern.until(lambda word: not word.intervening)


def test_a_persons_six_seconds_are_the_same_actions_as_from_every_device(typist):
    before: set[str] = set()
    for expected, keys in zip(actions(trace()), keys_of(trace()), strict=True):
        typist.release(*(before - set(keys)))
        typist.hold(*(code for code in keys if code not in before))
        before = set(keys)
        assert typist.settle() == (*expected[-1][:3], [event for *_, event in expected if event])
    typist.release(*before)


def test_what_is_held_is_told_fifty_times_a_second(typist):
    typist.tap("Space")
    typist.hold("ArrowUp")
    typist.until(lambda word: word.intervening and word.motion[0] == 1)
    typist.said.clear()
    typist.graph.listen(1.0)
    assert 25 <= len(typist.said) <= 60  # a loaded machine may be late
    ((source, motion),) = {(word.source, word.motion[0]) for word in typist.said}
    assert source.startswith("keyboard ")
    assert motion == 1.0
    assert all(word.header.stamp.sec > 0 for word in typist.said)


def test_both_shifts_and_controls_are_keys_of_their_own(typist):
    for code, motion, gripper in (
        ("ShiftRight", 1, KEEP),
        ("ShiftLeft", -1, KEEP),
        ("ControlRight", 0, OPEN),
        ("ControlLeft", 0, CLOSE),
    ):
        typist.hold(code)
        typist.until(lambda word, motion=motion, gripper=gripper: (word.motion[2], word.gripper) == (motion, gripper))
        typist.release(code)
    typist.until(lambda word: (word.motion[2], word.gripper) == (0, KEEP))


def test_a_key_of_another_alphabet_counts_by_its_place(typist):
    typist.terminal.type(b"\x1b[1099::115;1:1u\x1b[1099::115;1:3u")  # where a Latin keyboard has S
    typist.graph.wait_until(lambda: any(word.event == TeleopAction.EVENT_STOP for word in typist.said))


def test_pasted_text_and_unknown_sequences_press_nothing(typist):
    typist.terminal.type(b"\x1b[200~sdr \r\x1b[201~")
    typist.terminal.type(b"\x1b[12;3;99s")
    typist.graph.listen(0.5)
    assert {(word.event, word.intervening) for word in typist.said} == {(TeleopAction.EVENT_NONE, False)}


def test_keys_are_let_go_when_the_window_loses_the_focus(typist):
    typist.tap("Space")
    typist.hold("ArrowUp")
    typist.until(lambda word: word.intervening and word.motion[0] == 1)
    typist.terminal.type(b"\x1b[O")
    assert typist.until(lambda word: word.motion[0] == 0).intervening


def test_a_line_that_is_dead_while_a_key_is_held_ends_the_link(typist):
    typist.tap("Space")
    typist.hold("ArrowUp")
    typist.until(lambda word: word.intervening and word.motion[0] == 1)
    typist.terminal.answering = False
    typist.until(lambda word: not word.connected, seconds=2)
    count = len(typist.said)
    typist.graph.listen(0.3)
    assert len(typist.said) == count  # nobody is there
    typist.terminal.answering = True
    word = typist.until(lambda word: word.connected)
    assert (word.intervening, word.motion[0]) == (False, 0)
    assert "does not answer" not in typist.terminal.screen  # a log line would stay on it


def test_the_screen_says_who_drives_and_what_the_keys_do(typist):
    def shows(text: str) -> None:
        typist.graph.wait_until(lambda: text in typist.terminal.screen)

    shows("right Ctrl, left Ctrl")
    shows("no graph is heard")
    actor = typist.graph.publisher(ActorStatus, "/modern/actor_status", qos.LATCHED)
    safety = typist.graph.publisher(SafetyStatus, "/modern/safety_status", qos.LATCHED)
    armed = {"state": SafetyStatus.ARMED}
    actor.publish(ActorStatus(mode=ActorStatus.MODE_TRAIN))
    safety.publish(SafetyStatus(driver=RobotCommand.SOURCE_POLICY, **armed))
    shows("the policy drives (train)")
    own = typist.until(lambda word: word.connected).source
    actor.publish(ActorStatus(mode=ActorStatus.MODE_TRAIN, driver=own))
    safety.publish(SafetyStatus(driver=RobotCommand.SOURCE_HUMAN, **armed))
    shows("YOU DRIVE")
    actor.publish(ActorStatus(mode=ActorStatus.MODE_TRAIN, driver="page"))
    shows("page drives")
    actor.publish(ActorStatus(mode=ActorStatus.MODE_DEMONSTRATE, reason="it begins when you take over"))
    safety.publish(SafetyStatus(reason="no word from the actor; the arm holds", **armed))
    shows("HOLDING")
    shows("it begins when you take over")
    safety.publish(SafetyStatus(state=SafetyStatus.STOPPED, reason="the stop was pressed"))
    shows("the stop was pressed")
    shows("no word from safety")


# -------------------- a plain terminal --------------------
@pytest.fixture(scope="module")
def old(graph) -> Iterator[Typist]:
    typist = Typist(graph, modern=False, space="old")
    yield typist
    typist.terminal.close()


def repeat(typist: Typist, codes: list[str], seconds: float) -> tuple:
    """Keep the keys down for a while; what is said at the end of it."""
    end = time.monotonic() + seconds
    start = len(typist.said)
    while time.monotonic() < end:
        for code in codes:
            typist.terminal.type(plain(code))
        typist.graph.listen(0.03)
    events = [word.event for word in typist.said[start:] if word.event]
    word = typist.said[-1]
    return word.intervening, word.motion.tolist(), word.gripper, events


def test_in_a_plain_terminal_the_drivable_part_of_the_trace_gives_the_same_actions(old):
    wishes = trace()[:33]  # until the first label
    keys = keys_of(wishes)
    for tick, (expected,) in enumerate(actions(wishes)):
        heard = repeat(old, keys[tick], 0.3 if keys[tick] != keys[tick - 1] else 0.05)
        assert heard == (*expected[:3], []), tick


def test_in_a_plain_terminal_a_key_moves_while_it_repeats_and_a_label_counts_once(old):
    assert repeat(old, ["ArrowUp"], 0.5)[1][0] == 1
    let_go = time.monotonic()
    old.until(lambda word: word.motion[0] == 0)
    assert time.monotonic() - let_go < 0.6  # 0.15 s, on a loaded machine
    assert repeat(old, ["Enter"], 0.3)[3] == [TeleopAction.EVENT_SUCCESS]
    old.graph.listen(0.4)  # before the first repeat
    assert repeat(old, ["Enter"], 0.3)[3] == []


def test_in_a_plain_terminal_control_and_a_letter_press_nothing(old):
    old.graph.listen(1.0)
    old.said.clear()
    old.terminal.type(b"\x12\x10\x1bd")  # Ctrl-R, Ctrl-P, Alt-D
    old.graph.listen(0.5)
    assert {word.event for word in old.said} == {TeleopAction.EVENT_NONE}


def test_the_plain_terminals_keys_are_on_the_screen(old):
    assert "Page up, Page down" in old.terminal.screen
    assert "right Ctrl" not in old.terminal.screen


# -------------------- ends --------------------
@pytest.fixture
def leaver(graph) -> Iterator[Typist]:
    typist = Typist(graph, modern=True, space="leaver")
    typist.tap("Space")
    typist.until(lambda word: word.intervening)
    yield typist
    typist.terminal.close()


def test_esc_hands_back_before_it_leaves_so_that_the_arm_need_not_hold(leaver):
    leaver.terminal.type(kitty("Escape"))
    leaver.until(lambda word: not word.connected)
    last, handed_back = leaver.said[-1], leaver.said[-2]
    assert (handed_back.connected, handed_back.intervening, last.connected) == (True, False, False)
    leaver.graph.wait_until(lambda: leaver.terminal.code is not None)


@pytest.mark.parametrize("keys", [kitty("Escape"), b"\x1b[99;5u", signal.SIGTERM])
def test_esc_ctrl_c_and_a_signal_leave_the_terminal_as_it_was(leaver, keys):
    terminal = leaver.terminal
    if isinstance(keys, bytes):
        terminal.type(keys)
        leaver.until(lambda word: not word.connected)
        assert not leaver.said[-1].intervening
    else:
        terminal.answering = False
        leaver.until(lambda word: not word.connected)
        terminal.signal(keys)
    leaver.graph.wait_until(lambda: terminal.code is not None)
    assert terminal.code == 0, terminal.screen
    assert terminal.modes == terminal.before
    leaver.graph.wait_until(lambda: b"\x1b[23;0;0t" in terminal.output)
    for mode in (b"\x1b[=0;1u", b"\x1b[?1004l", b"\x1b[?2004l", b"\x1b[?25h", b"\x1b[?1049l"):
        assert mode in terminal.output
    said = terminal.output.rpartition(b"\x1b[?1049l")[2]  # what was logged comes after the screen
    assert (b"does not answer" in said) == (keys == signal.SIGTERM)


def test_a_line_that_is_cut_ends_the_link_and_the_node(leaver):
    leaver.terminal.hang_up()
    leaver.until(lambda word: not word.connected)
    leaver.graph.wait_until(lambda: leaver.terminal.code is not None)


def test_without_a_terminal_one_sentence_says_so(graph):
    process = graph.start("keyboard_teleop", "-r", "__ns:=/none")
    assert process.wait() == 2
    assert process.output.strip().splitlines() == [
        "error: the keyboard is read from a terminal: run this in one, over SSH with `ssh -t`"
    ]
