"""Node ``policy_actor``: the episode loop. It observes, acts, merges the human, commands, labels, sends.

It reads like a textbook's loop around a Gymnasium environment; all else is in ``env`` and ``ros``. While the person
pauses it, `safety` is not armed or the hands that drive are lost, it commands nothing and the arm holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.env import modes
from hil_serl_ros.env.acting import Acting, EncoderSettings
from hil_serl_ros.env.actor_settings import TOPICS, ActorSettings
from hil_serl_ros.env.in_flight import fill
from hil_serl_ros.env.labels import collected, counted, label
from hil_serl_ros.env.link import LinkLost, RobotLink
from hil_serl_ros.env.modes import COLLECT, DEMONSTRATE, DRIVE, EVALUATE, IDLE, REPLAY, Progress, Schedule
from hil_serl_ros.env.person import Person
from hil_serl_ros.env.recording import Recording
from hil_serl_ros.env.ros_env import RosEnv
from hil_serl_ros.env.seeds import episode_seed
from hil_serl_ros.env.tally import Tally
from hil_serl_ros.env.teleop import NOBODY, OperatorAction
from hil_serl_ros.env.telling import Telling
from hil_serl_ros.learning.agreement import configuration
from hil_serl_ros.learning.help import HelpSettings
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.msg import EpisodeSummary, RobotCommand, SafetyStatus, TeleopAction, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.hands_listening import listen_to_hands
from hil_serl_ros.ros.outbox import Outbox
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.recorded import Recorded, recorded_episode
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.tasks import TASKS, name_of, time_limit
from hil_serl_ros.srv import SetMode

LEARNER_PATIENCE = 600.0  # s; it may be compiling, or catching up after a restart, and the world stands still meanwhile


class PolicyActor(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("policy_actor")

        # -------------------- parameters --------------------
        self.settings = declare(self, ActorSettings)
        settings = self.settings
        self.limit = settings.max_episode_steps or time_limit(settings.task)
        if self.limit == 0:
            raise SettingError(
                f"task {settings.task} is none of the simulated ones ({', '.join(TASKS)}); on a real robot set "
                "max_episode_steps, its time limit"
            )
        self.lockstep = settings.clock == "lockstep"
        self.layout = declare(self, ObservationSettings).layout(name_of(settings.task))

        # -------------------- state --------------------
        # First, so that a checkpoint that cannot be used leaves nothing written.
        self.acting = Acting(
            self,
            self.layout,
            run=settings.run,
            exact=self.lockstep,
            checkpoint=settings.checkpoint,
            encoder=declare(self, EncoderSettings),
        )
        folder = Path(settings.run_folder) / "journal" / settings.robot
        journal = Journal(folder)
        self.tally = Tally(folder / "tally.json")
        missing = max(0, settings.demonstrations - self.tally.demonstrations)
        collect = max(0, settings.collect_episodes - self.tally.of(COLLECT))
        self.schedule = Schedule(missing, settings.train_steps, settings.evaluate_episodes, collect)
        self.person = Person(self.schedule, None if self.lockstep else settings.max_operator_silence)
        self.asked: Recorded | None = None  # to replay next
        self.recorded: Recorded | None = None  # to replay in this episode

        # -------------------- interfaces --------------------
        agreed = configuration(self.layout, settings.clock)
        self.outbox = Outbox(self, journal, settings.robot, settings.run, agreed)
        self.recording = Recording(folder, journal, self.outbox, self.tally)
        help = declare(self, HelpSettings)
        self.tell = Telling(self, help, self.outbox, self.tally, self.acting, self.person.teleop)
        teleop = self.person.teleop
        listen_to_hands(self, teleop.on_word, teleop.on_event, lockstep=self.lockstep)
        self.create_subscription(SafetyStatus, "safety_status", self.person.on_safety, qos.LATCHED)
        self.create_service(SetMode, "set_mode", self.on_mode)
        self.diagnostics = Diagnostics(self, self.figures)
        claim(self, declare(self, UrgencySettings), realtime=not self.lockstep)

    def figures(self) -> dict[str, object]:
        """Steps and devices, for the diagnostics."""
        outbox, teleop = self.outbox, self.person.teleop
        figures: dict[str, object] = {"steps": outbox.sent, "not held by the learner": outbox.sent - outbox.held}
        figures |= {"sent again": outbox.resent, "weights version": self.acting.version}
        return figures | {"driver": teleop.driver or "nobody", "refused takeovers": teleop.refused}

    def on_mode(self, request: SetMode.Request, response: SetMode.Response) -> SetMode.Response:
        """See SetMode.srv."""
        try:
            if request.mode == REPLAY:
                settings = self.settings
                self.asked = recorded_episode(Path(settings.run_folder), settings.robot, request.episode)
            self.schedule.ask(request.mode, request.episodes, request.steps)
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response

    # -------------------- the loop --------------------
    def run(self, executor: Executor) -> None:
        """Do the schedule, then idle until asked for more."""
        settings = self.settings
        judges = dict.fromkeys(filter(None, (TOPICS[settings.reward], TOPICS[settings.evaluation_reward])))
        self.link = RobotLink(self, executor, lockstep=self.lockstep, rewards=tuple(judges))
        self.env = RosEnv(self.link, self.layout, self.limit, self.settings.gripper_penalty)
        self.env.leaving = self.recording.leaving
        self.link.resetting = lambda doing: self.tell(paused=True, reason=doing)
        self.complete()
        while self.context.ok():
            mode = self.schedule.mode(self.outbox.sent)
            try:
                if mode == IDLE:
                    self.idle()
                else:
                    self.schedule.done(self.episode(mode))
            except LinkLost as lost:
                self.cut("link lost", lost)
            except SettingError:
                raise
            except ValueError as error:
                self.cut("bad observation", error)

    def cut(self, fault: str, error: Exception) -> None:
        """End the episode before its time."""
        self.diagnostics.fault(fault, f"{error}; the episode is cut and tried anew")
        self.recording.cut(self.env)
        self.tell(paused=False, reason="")

    def complete(self) -> None:
        """Find out what became of the step that a killed actor had on its way."""
        if (left := self.recording.left()) is None:
            return
        self.link.judge = self.judge(left[0].mode)
        try:
            self.recording.complete(self.env, *left)
        except (LinkLost, ValueError) as error:
            self.diagnostics.fault("step unknown", f"what became of step {left[0].index} is not known: {error}")

    def idle(self) -> None:
        """Hold until the person or a service asks for something."""
        self.tell(mode=IDLE, finished=not self.settings.interactive)
        self.person.begin()
        while self.schedule.mode(self.outbox.sent) == IDLE:
            self.link.spin_once(0.1)
            self.person.attend()
            if self.person.cut:
                if not self.person.reason:  # the world is not moved under a stop
                    self.env.reset(seed=episode_seed(self.settings.seed, DRIVE, self.tally.begin(DRIVE)))
                    self.tell(paused=False, reason="")
                self.person.begin()
            self.tell()

    def episode(self, mode: int) -> Progress:
        """One episode in ``mode``: reset, then observe, act, wait one period, observe, until it ends."""
        number = self.tally.begin(mode) + (self.settings.evaluate_from if mode == EVALUATE else 0)
        seed = episode_seed(self.settings.seed, mode, number)
        self.recorded = self.asked if mode == REPLAY else None
        if self.recorded is not None:
            seed = self.recorded.seed
        self.acting.begin(seed, greedy=mode == EVALUATE)
        self.link.judge = self.judge(mode)
        self.env.max_episode_steps = modes.ENDLESS if mode == DRIVE else self.limit
        self.person.begin()
        self.tell(mode=mode, finished=False)
        if mode in modes.POLICY:
            self.wait_for_weights(mode)  # before the observation, which would grow stale meanwhile
        self.hold()
        while self.person.reason and not self.schedule.interrupted:
            self.person.begin()  # asked for a reset while the arm must hold: it goes on holding
            self.hold()
        if self.person.reason and self.schedule.interrupted:
            return Progress(mode, False)
        observation, info = self.env.reset(seed=seed)
        self.person.attend()  # a late label belongs to the episode before
        self.tell(stamp=self.env.message.header.stamp, episode=number, epoch=info["epoch"], paused=False, reason="")
        if mode in modes.SHOWN and mode != DRIVE and not self.lockstep:
            self.hold("it begins when you take over")
            self.person.attend()  # nor is there anything to label yet
            observation = self.env.look()
        self.tell.begin()
        labelled = False
        summary = EpisodeSummary(robot=self.settings.robot, run=self.settings.run, mode=mode, episode=number, seed=seed)
        over = self.person.leave
        while not over:
            message = self.env.message
            operator = self.operator_at(nanoseconds(message.header.stamp), mode)
            if operator.intervening and self.acting.plans:
                self.acting.forget()  # it plans anew from where the person leaves off
                action = operator.action
            else:
                action = self.action(mode, observation, summary.steps)
            if mode == modes.TRAIN:
                self.tell.chances(message.header, summary.steps, aided=operator.intervening)
            if operator.intervening:
                action = operator.action
            nobody = RobotCommand.SOURCE_HOLD if mode in modes.SHOWN else RobotCommand.SOURCE_POLICY
            self.env.source = RobotCommand.SOURCE_HUMAN if operator.intervening else nobody
            self.env.rotation = operator.rotation
            transition = Transition(header=message.header, mode=mode, episode=self.tally.total, step=summary.steps)
            transition.observation, transition.layout, transition.seed = message, self.layout.hash, seed
            transition.weights_version, transition.intervention = self.acting.version, operator.intervening
            self.recording.begin(transition)
            observation, reward, terminated, truncated, info = self.env.step(action)
            fill(transition, reward, info)
            success, driven = info["is_success"], transition.intervention
            if self.lockstep:
                # A label is about what the person sees: in lockstep their word is waited for, at a time limit too.
                self.operator_at(nanoseconds(self.env.message.header.stamp), mode)
            events = self.person.attend()
            if mode == COLLECT:
                # A label holds from its key on: success, until failure is said.
                success = labelled = collected(events, labelled)
            for event in counted(events, mode, self.link.judge):
                reward, terminated, truncated, success = label(event, reward, terminated, truncated, success)
            truncated = not terminated and (truncated or self.person.leave)
            over = terminated or truncated
            # While the loop waits the world goes on: the value does too, but the next step is not this one's.
            waits = not over and bool(self.person.reason)
            transition.reward = reward
            transition.terminated, transition.truncated, transition.success = terminated, truncated or waits, success
            transition.discarded = TeleopAction.EVENT_AGAIN in events
            if over or waits:
                transition.final_observation = [self.env.message]
            self.recording.end(transition)
            summary.steps += 1
            summary.operator_steps += driven
            summary.episode_return += reward
            summary.success, summary.truncated, summary.discarded = success, truncated, transition.discarded
            self.diagnostics.event("steps")
            if waits:
                self.hold()
                observation = self.env.look()
                over = summary.truncated = self.person.leave
                summary.discarded = over and TeleopAction.EVENT_AGAIN in self.person.attend()
            self.tell()
        self.tell.end(summary, self.env.message.header)
        return Progress(mode, summary.success and not summary.discarded)

    # -------------------- parts of it --------------------
    def hold(self, until_driven: str = "") -> None:
        """Command nothing while there is a reason not to; with a sentence, until the hands move."""
        teleop = self.person.teleop
        while not self.person.leave:
            self.person.wait()
            reason = self.person.reason or ("" if teleop.driver is not None else until_driven)
            if not reason:
                break
            self.tell(paused=True, reason=reason)
            self.link.spin_once(0.05)
        self.tell(paused=False, reason="")

    def action(self, mode: int, observation: dict[str, np.ndarray], step: int) -> np.ndarray:
        """What is done where the person does nothing."""
        if mode in modes.POLICY:
            self.wait_for_weights(mode)
            # Who leaves before the first weights have come executes one step of nothing.
            return self.acting.act(observation) if self.acting.ready else NOBODY.action
        if self.recorded is not None:
            if step + 1 >= len(self.recorded.actions):
                self.env.max_episode_steps = step + 1  # the record ends here
            return self.recorded.actions[step]
        return NOBODY.action

    def judge(self, mode: int) -> str:
        """Topic of the judge in ``mode``; where examples are made or nothing is recorded there is none."""
        if mode not in (DEMONSTRATE, *modes.POLICY):
            return ""
        return TOPICS[self.settings.evaluation_reward if mode == EVALUATE else self.settings.reward]

    def operator_at(self, stamp: int, mode: int) -> OperatorAction:
        """The operator's word on the observation of ``stamp``; in lockstep it is waited for."""
        if not self.settings.operator or mode == EVALUATE:
            return NOBODY
        if not self.lockstep:
            return self.person.teleop.take()
        missing = "word of the operator (joy_teleop and its joystick)"
        return self.link.wait(lambda: self.person.teleop.at(stamp), missing, self.link.ask_again)

    def wait_for_weights(self, mode: int) -> None:
        """Take the weights for the next step: exact ones in lockstep, the last ones to evaluate, else the newest."""
        sent = self.outbox.sent
        if self.settings.checkpoint:
            return
        if mode == EVALUATE:
            self.wait(lambda: self.last_weights(sent), "last weights of the learner")
        elif not self.lockstep:
            # The first ones are waited for, holding; later ones act as they come.
            self.wait(self.acting.take_newest, "weights of the learner")
        else:
            self.wait(lambda: self.outbox.learner is not None, "word of the learner")
            if self.outbox.learner is not None:
                period = self.outbox.learner.weights_period
                needed = max(0, sent - period) // period * period
                self.wait(lambda: self.acting.take(needed), f"weights of step {needed}")

    def last_weights(self, sent: int) -> bool:
        """Take those that are evaluated: of all robots' steps, unless a person decides when."""
        learner = self.outbox.learner
        if self.lockstep or self.settings.interactive or learner is None:
            return self.acting.take(sent)
        return learner.training == 0 and self.acting.take(max(sent, sum(held.count for held in learner.held)))

    def wait(self, ready: Callable[[], bool], missing: str) -> None:
        """Wait for the learner; a person need not."""

        def over() -> bool | None:
            if ready():
                return True
            self.person.wait()
            return self.person.leave or None

        self.link.wait(over, missing, patience=LEARNER_PATIENCE)

    def close(self) -> None:
        """Leave the journal whole."""
        self.recording.close()


def main() -> None:
    """Run the node."""
    run_node(PolicyActor)


if __name__ == "__main__":
    main()
