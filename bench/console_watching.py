"""Stops, the other modes and the second visitor of the operator's page, for ``console_drive.py``; as Teaching's."""

from __future__ import annotations

import time

import numpy as np
from console_person import Person
from console_teaching import CARRIED, Teaching
from console_visit import Failed, Visit

from hil_serl_ros.env.modes import DRIVE, EVALUATE, IDLE, REPLAY
from hil_serl_ros.msg import SafetyStatus

PHONE = 390, 844


class Stopping:
    """All that holds the arm, and the way out of it."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.eyes = visit, visit.eyes

    def stopped(self) -> str:
        event = time.monotonic()
        self.visit.person.tap("KeyS")  # of the page that has the seat or has lost it
        self.eyes.until(lambda: self.eyes.safety.state == SafetyStatus.STOPPED)
        self.visit.person.see("STOPPED")
        held = self.visit.holds_since(event)
        self.visit.picture("stopped")
        return f"{self.visit.person.band()}; {held}"

    def cleared(self) -> str:
        person = self.visit.person
        if person.enabled("Arm"):
            raise Failed("Arm can be pressed while stopped")
        person.press_button("Clear stop")
        self.eyes.until(lambda: self.eyes.safety.state == SafetyStatus.DISARMED)
        person.see("not armed")
        person.press_button("Arm")
        self.eyes.until(lambda: self.eyes.safety.state == SafetyStatus.ARMED)
        person.see("POLICY DRIVES", 60)
        return f"not armed, then armed; {person.band()}"

    def paused(self) -> str:
        event = time.monotonic()
        self.visit.person.tap("KeyP")
        self.eyes.until(lambda: self.eyes.actor.paused)
        self.visit.person.see("the operator paused it")
        held = self.visit.holds_since(event)
        self.visit.person.tap("KeyP")
        self.eyes.until(lambda: not self.eyes.actor.paused)
        return f"{held}, then went on"

    def reset(self) -> str:
        epoch = self.eyes.robot.epoch
        self.visit.person.press_button("Reset")
        self.eyes.until(lambda: self.eyes.robot.epoch > epoch)
        self.eyes.until(lambda: self.eyes.episodes[-1].truncated)
        return f"a new world; episode {self.eyes.episodes[-1].episode} cut after {self.eyes.episodes[-1].steps} steps"


class Modes:
    """Evaluate, replay, free drive."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.eyes = visit, visit.eyes

    def evaluated(self) -> str:
        self.visit.person.write_number(1)
        self.visit.person.press_button("Evaluate")
        self.eyes.until(lambda: self.eyes.actor.mode == EVALUATE, 60)
        self.eyes.until(lambda: self.eyes.episodes[-1].mode == EVALUATE and self.eyes.actor.mode == IDLE, 120)
        episode = self.eyes.episodes[-1]
        return f"one episode, {'success' if episode.success else 'failure'} after {episode.steps} steps, not recorded"

    def done_again(self) -> str:
        """The robot does the first demonstration again, which ended as a success."""
        tab = self.visit.person.tab
        row = "[...document.querySelectorAll('.q-table tbody tr')].find((r) => /demonstrate\\s+0\\b/.test(r.innerText))"
        while not tab.ask(f"Boolean({row})"):
            self.visit.person.press_button("chevron_right")
        self.visit.person.click(row)
        tab.until("document.querySelector('.player').offsetHeight > 0")
        self.visit.person.press_button("Robot: do it again")
        self.eyes.until(lambda: self.eyes.actor.mode == REPLAY, 60)
        highest = 0.0
        while self.eyes.actor.mode == REPLAY:
            highest = max(highest, self.eyes.cube[2])
            self.eyes.listen(0.02)
        if highest < CARRIED:
            raise Failed(f"the cube rose to {highest:.2f} m only")
        return f"the cube rose to {highest:.2f} m again"

    def driven_freely(self) -> str:
        eyes, epoch = self.eyes, self.eyes.robot.epoch
        self.visit.person.press_button("Free drive")
        eyes.until(lambda: eyes.actor.mode == DRIVE and epoch < eyes.actor.epoch == eyes.robot.epoch)
        steps, jump = self.eyes.actor.robot_steps, self.visit.person.take_over()
        moved = self.visit.person.push("ArrowLeft", 5)
        if moved < 0.05 or self.eyes.actor.robot_steps != steps:
            raise Failed(f"moved {moved:.2f} m, {self.eyes.actor.robot_steps - steps} steps recorded")
        latency = self.visit.person.tab.ask("[...document.querySelectorAll('.figures > *')].at(-3).innerText")
        return f"{moved:.2f} m, nothing recorded; key to robot command {latency}; first step {1e3 * jump:.0f} mm"


class Watching:
    """The second visitor, and what becomes of the robot when the first one is gone."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.eyes = visit, visit.eyes
        self.other: Person = visit.person

    def watched(self) -> str:
        self.other = self.visit.visitor()
        self.other.tab.until("teleop.state.holder && !teleop.state.mine")
        self.other.tab.until("document.querySelector('#seat-words').innerText.includes('You watch')")
        words = self.other.text("#seat-words")
        said = len(self.eyes.said)
        self.other.tap("Space")
        self.other.hold("ArrowUp")
        self.other.press_button("Take the seat")
        self.other.tab.until("document.querySelector('#refused').innerText.includes('must leave first')")
        self.other.hold()
        if self.other.tab.ask("teleop.state.mine") or any(np.any(w.motion) for w in self.eyes.said[said:]):
            raise Failed("the second visitor drove")
        return f"{words} Its keys move nothing, the seat is refused"

    def played(self) -> str:
        """The film of the newest episode."""
        tab = self.other.tab
        tab.until("document.querySelectorAll('.q-table tbody tr').length > 1")
        self.other.click("document.querySelector('.q-table tbody tr')")
        tab.until("document.querySelector('.player') && document.querySelector('.player').offsetHeight > 0")
        picture = "document.querySelector('.player ~ .cameras img')"
        tab.until(f"{picture}.complete && {picture}.naturalWidth > 0")
        wide = tab.ask(f"{picture}.naturalWidth")
        self.other.press_button("Play")
        tab.until(f"Number({picture}.src.match(/(\\d+).jpg/)[1]) > 4")
        return f"{self.other.text('.player div')}: its pictures run, {wide} pixels wide"

    def watcher_stops(self) -> str:
        self.other.press_button("STOP")
        self.eyes.until(lambda: self.eyes.safety.state == SafetyStatus.STOPPED)
        self.visit.person.see("STOPPED")
        said = self.visit.person.band()
        Stopping(self.visit).cleared()
        return said

    def closed(self) -> str:
        """The driver's page is closed with a key held."""
        self.visit.person.hold("ArrowRight")
        since = self.eyes.count
        self.eyes.until(lambda: self.eyes.count > since + 2)
        event = time.monotonic()
        self.visit.person.tab.close()
        self.visit.person, self.visit.sits = self.other, False
        held = self.visit.holds_since(event)
        self.eyes.until(lambda: "while it drove" in self.eyes.actor.reason)
        self.visit.person.see("HOLDING")
        return f"{held}; the other page: {self.visit.person.band()}"

    def goes_on(self) -> str:
        Teaching(self.visit).seated()
        self.visit.person.take_over()
        self.visit.person.see("PERSON DRIVES")
        return f"took the seat and over: {self.visit.person.band()}, moved {self.visit.person.push('ArrowUp', 3):.2f} m"

    def on_a_phone(self) -> str:
        tab = self.visit.person.tab
        self.visit.person.hand_back()
        tab.do("Emulation.setDeviceMetricsOverride", width=PHONE[0], height=PHONE[1], deviceScaleFactor=1, mobile=True)
        tab.until(f"document.documentElement.clientWidth === {PHONE[0]}")
        wide = tab.ask("document.documentElement.scrollWidth")
        small = tab.ask(
            "[...document.querySelectorAll('.q-btn')].filter((b) => b.offsetWidth && b.offsetHeight < 32).length"
        )
        if wide > PHONE[0]:
            raise Failed(f"{wide} pixels wide")
        return f"{wide} pixels wide, nothing cut off; {small} buttons under 32 pixels"
