"""Who uses the operator's page in ``console_drive.py``: hands on the page's keys, and the knowledge of the task."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from chromium import Tab
from console_eyes import WAIT, Eyes

from hil_serl_ros.msg import EpisodeSummary, RobotCommand, RobotStatus
from hil_serl_ros.ros.convert import position_array
from hil_serl_ros.sim import operator
from hil_serl_ros.sim.operator import CLOSE, OPEN
from hil_serl_ros.sim.tasks import task_named

STEP = 0.5  # s in which a key has moved the target, or never will
SETTLED = 0.2  # s after a key was let go until which the target may move
HEARD = 3.0  # s that a label needs, else it fell into a hold
BLINK = 0.5  # s in which a driver that is gone may be there again
TASK = "pick_cube"
ONE_TASK = 60.0  # s that the task may take the person
PUSH = 0.5  # of a motion of 1 from which on a key is worth its press: it moves by 1
MOTION = (("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("ShiftRight", "ShiftLeft"))  # +, - of x, y, z
OPPOSITE = {a: b for pair in MOTION for a, b in (pair, pair[::-1])}
GRIPPER = {OPEN: "ControlRight", CLOSE: "ControlLeft"}
operator.AIMED = 0.018  # m: a key moves by 25 mm on each axis, so nobody aims better than this with keys


class Person:
    """One visitor: reads the page, presses its buttons and its keys, and knows how to do the task."""

    def __init__(self, tab: Tab, eyes: Eyes) -> None:
        self.tab, self.eyes = tab, eyes
        self._expert = task_named(TASK).brain()
        self._held: set[str] = set()
        self.lost = 0  # times that the link was lost while this person drove

    # -------------------- reading --------------------
    def text(self, selector: str) -> str:
        """What an element says."""
        return " ".join(self.tab.ask(f"document.querySelector({json.dumps(selector)}).innerText").split())

    def band(self) -> str:
        """Who drives, as the page says it."""
        return self.text(".band")

    def see(self, words: str, seconds: float = WAIT) -> None:
        """Wait until the band says ``words``."""
        said = "document.querySelector('.band').innerText"
        try:
            self.tab.until(f"{said}.includes({json.dumps(words)})", seconds)
        except TimeoutError:
            raise TimeoutError(f"the page says {self.band()}, not {words}") from None

    # -------------------- pressing --------------------
    def hold(self, *codes: str) -> None:
        """Hold these keys and no others."""
        for code in self._held - set(codes):
            self.tab.key(code, False)
        for code in set(codes) - self._held:
            self.tab.key(code, True)
        self._held = set(codes)

    def tap(self, code: str) -> None:
        """Press a key and let it go."""
        self.tab.key(code, True)
        self.tab.key(code, False)

    def press_button(self, words: str) -> None:
        """Click the button that says ``words`` (an icon's name where it is one), once it can be clicked."""
        self.tab.until(f"(() => {{ const b = {_button(words)}; return b && !b.disabled; }})()")
        self.click(_button(words))

    def click(self, element: str) -> None:
        """Click in the middle of an ``element`` (JavaScript)."""
        self.tab.ask(f"{element}.setAttribute('data-drive', '')")
        self.tab.ask("document.querySelector('[data-drive]').scrollIntoView({block: 'center'})")
        self.tab.click("[data-drive]")
        self.tab.ask("document.querySelector('[data-drive]')?.removeAttribute('data-drive')")

    def enabled(self, words: str) -> bool:
        """Whether the button can be clicked."""
        return not self.tab.ask(f"{_button(words)}.disabled")

    def write_number(self, number: int) -> None:
        """Write the number of episodes."""
        self.tab.click("input[type=number]")
        self.tab.do("Input.dispatchKeyEvent", type="keyDown", commands=["selectAll"])
        self.tab.do("Input.insertText", text=str(number))
        if self.tab.ask("document.querySelector('input[type=number]').value") != str(number):
            raise RuntimeError("the number cannot be written")

    # -------------------- driving --------------------
    def sit(self) -> None:
        """Take the seat, if this page has not got it."""
        if not self.tab.ask("teleop.state.mine"):
            self.press_button("Take the seat")
            self.tab.until("teleop.state.mine")

    def recover(self) -> None:
        """Sit again, and resume, where a machine under load lost this page."""
        self.sit()
        if self.eyes.lost:
            self.lost += 1
            self.press_button("Resume")
            self.eyes.until(lambda: not self.eyes.lost)

    def take_over(self) -> float:
        """Press Space; how far the target jumped in the first steps, m."""
        eyes, first = self.eyes, self.eyes.count

        def press() -> None:
            if not eyes.actor.driver:
                self.sit()
                self.tap("Space")

        def driven() -> bool:
            return bool(eyes.actor.driver) and any(s == RobotCommand.SOURCE_HUMAN for _, s, _ in eyes.executed[first:])

        self._insist(press, driven)
        return self._jump(first)

    def hand_back(self) -> float:
        """Press Space again; how far the target jumped."""
        first = self.eyes.count
        # Where the link was lost meanwhile, the way back to the policy is over the hands.
        self._insist(
            lambda: self.tap("Space") if self.eyes.actor.driver else self.take_over(),
            lambda: not self.eyes.actor.driver and not self.eyes.actor.paused,
        )
        return self._jump(first)

    def _insist(self, act: Callable[[], object], done: Callable[[], bool]) -> None:
        """Act until it is so: on a loaded machine a press may fall into a lost link."""
        end = time.monotonic() + WAIT
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"pressed in vain for {WAIT:.0f} s ({self.eyes.actor.reason})")
            act()
            with contextlib.suppress(TimeoutError):
                self.eyes.until(done, HEARD)

    def _jump(self, first: int) -> float:
        points = [position for *_, position in self.eyes.executed[max(first - 1, 0) :]]
        return max((float(np.linalg.norm(b - a)) for a, b in pairwise(points[:4])), default=0.0)

    def work(self, done: Callable[[], bool]) -> None:
        """Do the task by keys until it is so: held down, but one step at a time once a key came too late and overshot.

        Raises:
            TimeoutError: it took too long.
        """
        eyes = self.eyes
        self._expert.reset()
        end = time.monotonic() + ONE_TASK
        careful, before = False, set[str]()
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"the task was not done by keys within {ONE_TASK:.0f} s")
            self.keep_driving(done)
            seen = eyes.robot
            keys = self._keys(seen)
            careful = careful or any(opposite in before for opposite in map(OPPOSITE.get, keys))
            before = keys
            self.hold(*keys)
            with contextlib.suppress(TimeoutError):
                if careful and keys:
                    eyes.until(lambda seen=seen: done() or eyes.has_moved(seen), STEP)
                    self.hold()
                    eyes.listen(SETTLED)
                else:
                    eyes.until(lambda seen=seen: eyes.robot is not seen, STEP)
        self.hold()

    def _keys(self, seen: RobotStatus) -> set[str]:
        """What to hold now."""
        eyes = self.eyes
        action = self._expert.act(
            position_array(eyes.pose.pose),
            seen.gripper,
            np.array([eyes.cube]),
            np.zeros((0, 3)),
            position_array(seen.target),
        )
        pushes = zip(action.delta, MOTION, strict=True)
        keys = {up if push > 0 else down for push, (up, down) in pushes if abs(push) > PUSH}
        return keys | ({GRIPPER[action.gripper]} if action.gripper in GRIPPER else set())

    def keep_driving(self, done: Callable[[], object] = lambda: False) -> None:
        """Take over again where a machine under load was silent for so long that the link counts as lost."""
        with contextlib.suppress(TimeoutError):
            self.eyes.until(lambda: self.eyes.actor.driver or done(), BLINK)
        if not self.eyes.actor.driver and not done():
            self.hold()
            self.lost += 1
            self.take_over()

    def finish(self) -> EpisodeSummary:
        """Do the task until the episode ends, by success or by time; the episode."""
        count = len(self.eyes.episodes)
        self.work(lambda: len(self.eyes.episodes) > count)
        return self.eyes.episodes[count]

    def label(self, key: str, *, driving: bool) -> EpisodeSummary:
        """Press a label's key, ``driving`` or not; the episode that it ended."""
        count = len(self.eyes.episodes)

        def press() -> None:
            if driving:
                self.keep_driving()
            self.tap(key)

        self._insist(press, lambda: len(self.eyes.episodes) > count)
        return self.eyes.episodes[count]

    def push(self, key: str, steps: int) -> float:
        """Hold a key for so many commands; the way of the target, m."""
        first = self.eyes.count
        self.hold(key)
        self.eyes.until(lambda: self.eyes.count >= first + steps)
        self.hold()
        return self.eyes.way(first)


def _button(words: str) -> str:
    """JavaScript for the button that says ``words``."""
    return f"[...document.querySelectorAll('.q-btn')].find((b) => b.innerText.trim() === {json.dumps(words)})"
