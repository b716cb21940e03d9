"""What a person does on the operator's page, for ``console_drive.py``: each method says what it saw."""

from __future__ import annotations

import contextlib

from console_visit import Failed, Visit

from hil_serl_ros.env.modes import DEMONSTRATE, IDLE, TRAIN
from hil_serl_ros.msg import RobotCommand, SafetyStatus

LEARN = 240.0  # s until the first weights
PHONE = 390, 844
BANNER = "document.querySelector('.call').offsetHeight > 0 && !!document.querySelector('.band.policy')"
SHOWN = 1.0  # s until the page shows what the graph says
HELP = 60  # steps of a policy that gets nowhere until the person comes
CARRIED, LOW = 0.05, 0.03  # m of the cube above the floor: lifted, and on it


class Teaching:
    """From the first look at the page to a policy that learns."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.eyes = visit, visit.eyes
        self.call, self.pictured = "", False  # a call for help, and whether the page was seen with it

    def opened(self) -> str:
        person = self.visit.person
        person.see("HOLDING")
        person.tab.until("document.querySelectorAll('[data-camera]:not(.stale) img[src^=blob]').length === 2")
        return f"{person.band()}; 2 cameras live"

    def seated(self) -> str:
        self.visit.sits = True
        self.visit.person.sit()
        return self.visit.person.text("#seat-words")

    def asked_to_show(self, count: int) -> str:
        self.visit.person.write_number(count)
        self.visit.person.press_button("Demonstrate")
        self.eyes.until(lambda: self.eyes.actor.mode == DEMONSTRATE and self.eyes.actor.paused)
        self.visit.person.see("it begins when you take over")
        return f"{self.visit.person.text('.mode')}; {self.visit.person.band()}"

    def taken_over(self) -> str:
        jump = self.visit.person.take_over()
        if self.eyes.safety.state != SafetyStatus.ARMED:
            raise Failed("safety is not armed")
        self.visit.person.see("PERSON DRIVES")
        return f"{self.visit.person.band()}; the largest step {1e3 * jump:.0f} mm"

    def shown(self) -> str:
        """The whole task, until the simulator says that it is done."""
        episode = self.visit.person.finish()
        seen = f"{episode.operator_steps} of {episode.steps} steps the person's"  # the rest: safety held them
        if not episode.success or episode.operator_steps < episode.steps // 2:
            raise Failed(f"success {episode.success}, {seen}")
        return f"success, {seen}"

    def labelled(self, key: str) -> str:
        """The task until the cube is carried, then a label."""
        self.begin_episode()
        self.visit.person.work(lambda: self.eyes.cube[2] > CARRIED)
        if key == "Enter":
            self.visit.picture("demonstrate")
        episode = self.visit.person.label(key, driving=True)
        wanted = {"Enter": (True, False), "Backspace": (False, False), "KeyA": (False, True)}[key]
        if (episode.success, episode.discarded) != wanted:
            raise Failed(f"success {episode.success}, discarded {episode.discarded}")
        word = "discarded" if episode.discarded else "success" if episode.success else "failure"
        self.visit.person.tab.until(f"document.querySelector('.q-table tbody tr').innerText.includes('{word}')")
        return f"the table's first row says {word}"

    def begin_episode(self) -> None:
        """Take over in a fresh demonstration, unless the hands drive already."""
        eyes = self.eyes
        # The episode before may have ended with the cube in the air.
        eyes.until(lambda: not eyes.actor.driver or eyes.actor.mode == IDLE or self.is_fresh())
        self.visit.person.keep_driving()

    def is_fresh(self) -> bool:
        """A demonstration in a world that was reset for it."""
        eyes = self.eyes
        return eyes.actor.mode == DEMONSTRATE and eyes.robot.epoch == eyes.actor.epoch and eyes.cube[2] < LOW

    def all_shown(self, count: int) -> str:
        """Until there are enough good ones."""
        self.begin_episode()
        while self.eyes.actor.mode != IDLE:
            self.visit.person.finish()
            self.begin_episode()
        good = sum(e.success and not e.discarded for e in self.eyes.episodes if e.mode == DEMONSTRATE)
        if good != count:
            raise Failed(f"{good} good ones, {count} asked for")
        self.visit.person.see("Choose what comes next")
        return f"{good} good ones; then {self.visit.person.band()}"

    def trains(self) -> str:
        self.visit.person.press_button("Train")
        self.eyes.until(lambda: self.eyes.actor.mode == TRAIN, LEARN)
        if self.eyes.actor.driver:
            self.visit.person.hand_back()
        self.eyes.until(lambda: self.eyes.last.source == RobotCommand.SOURCE_POLICY, LEARN)
        self.visit.person.see("POLICY DRIVES", LEARN)
        moved = self.eyes.moved_by(RobotCommand.SOURCE_POLICY, 10)
        return f"{self.visit.person.band()}; {moved:.2f} m in 10 steps"

    def corrected(self) -> str:
        jump = self.visit.person.take_over()
        self.visit.person.see("PERSON DRIVES")
        self.visit.person.work(lambda since=self.eyes.count: self.eyes.count - since >= 5)
        back = self.visit.person.hand_back()
        self.visit.person.see("POLICY DRIVES")
        return f"person, then policy again; steps of {1e3 * jump:.0f} and {1e3 * back:.0f} mm, 43 is the limit"

    def labelled_in_training(self) -> str:
        episode = self.visit.person.label("Backspace", driving=False)
        if episode.mode != TRAIN or episode.success or episode.truncated:
            raise Failed(f"mode {episode.mode}, success {episode.success}, truncated {episode.truncated}")
        return f"training episode {episode.episode} ended as a failure after {episode.steps} steps"

    def learns(self, episodes: int) -> str:
        """Training episodes, the person coming where the policy gets nowhere."""
        eyes = self.eyes
        first = len(eyes.episodes)
        while len(eyes.episodes) < first + episodes:
            at = len(eyes.episodes)
            eyes.until(lambda at=at: len(eyes.episodes) > at or self.wants_help() or eyes.lost, 60)
            if eyes.lost:
                self.visit.person.recover()
            elif len(eyes.episodes) == at:
                self.note_call()
                self.help()
        done = eyes.episodes[first:]
        eyes.until(lambda: eyes.learner.updates > 0, LEARN)
        success, aided = sum(e.success for e in done), sum(e.operator_steps > 0 for e in done)
        self.visit.person.tab.until("document.querySelector('.chart canvas')")
        eyes.until(lambda: 3 < eyes.steps_of_episode < 8 and eyes.last.source == RobotCommand.SOURCE_POLICY, 60)
        self.visit.person.see("POLICY DRIVES")
        self.visit.picture("train")
        return f"{success} of {len(done)} a success, {aided} with help; {eyes.learner.updates} updates"

    def help(self) -> None:
        """Do the rest for the policy; where it cannot be done any more, a new start."""
        person = self.visit.person
        person.take_over()
        try:
            person.finish()
        except TimeoutError:
            person.press_button("Reset")
        person.hand_back()

    def note_call(self) -> None:
        """What the banner says when the policy asks for help."""
        if self.pictured or not self.is_called():
            return
        tab = self.visit.person.tab
        with contextlib.suppress(TimeoutError):  # the call may be over by now
            tab.until(BANNER, SHOWN)
            self.call = self.visit.person.text(".call")
            self.visit.picture("called")
            self.pictured = tab.ask(BANNER)

    def wants_help(self) -> bool:
        """The policy asks, or gets nowhere."""
        return self.is_called() or self.eyes.steps_of_episode > HELP

    def is_called(self) -> bool:
        """The policy asks for help in this very episode."""
        policy = self.eyes.policy
        return policy.called and policy.epoch == self.eyes.robot.epoch

    def called(self) -> str:
        if not self.call:
            raise Failed("it never did")
        return self.call
