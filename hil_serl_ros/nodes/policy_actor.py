"""Node ``policy_actor``: the episode loop. It observes, acts, merges the human, commands, labels, sends.

It reads like a textbook's loop around a Gymnasium environment; all else is in ``env`` and ``ros``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.env.acting import Acting
from hil_serl_ros.env.link import LinkLost, RobotLink
from hil_serl_ros.env.ros_env import RosEnv
from hil_serl_ros.env.schedule import Progress, Schedule, Tally
from hil_serl_ros.env.seeds import episode_seed
from hil_serl_ros.env.teleop import NOBODY, OperatorAction, Teleop
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.msg import ActorStatus, EpisodeSummary, RobotCommand, TeleopAction, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.outbox import Outbox
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.srv import SetMode

IDLE, DEMONSTRATE = ActorStatus.MODE_IDLE, ActorStatus.MODE_DEMONSTRATE
TRAIN, EVALUATE = ActorStatus.MODE_TRAIN, ActorStatus.MODE_EVALUATE
LEARNER_PATIENCE = 600.0  # s; it may be compiling, or catching up after a restart, and the world stands still meanwhile


@dataclass
class ActorSettings:
    task: str = setting("pick_cube", "Task, by which the layout and the time limit are chosen.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    run: str = setting("run", "Name of the run; the learner must have the same.")
    run_folder: str = setting("runs/run", "Folder of the run; the actor keeps its journal in it.")
    robot: str = setting("robot", "Name of this robot among those of one learner.")
    seed: int = setting(0, "Seed of the episodes and of exploration.", minimum=0)
    demonstrations: int = setting(0, "Good demonstrations to record first.", unit="episodes", minimum=0)
    train_steps: int = setting(
        0, "Robot steps, demonstrations included, until which to train then.", unit="steps", minimum=0
    )
    evaluate_episodes: int = setting(0, "Greedy episodes to evaluate at the end.", unit="episodes", minimum=0)
    max_episode_steps: int = setting(0, "Time limit of an episode; 0: the task's own.", unit="steps", minimum=0)
    gripper_penalty: float = setting(-0.02, "Reward for a change of the gripper's state.", maximum=0.0)
    operator: bool = setting(True, "In lockstep, wait for the operator's word on each observation.")
    checkpoint: str = setting("", "Folder of a pretrained_model to act with; empty: the learner's weights.")


class PolicyActor(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("policy_actor")

        # -------------------- parameters --------------------
        self.settings = declare(self, ActorSettings)
        settings = self.settings
        try:
            task = task_named(settings.task)
        except ValueError as error:
            raise SettingError(str(error)) from None
        self.lockstep = settings.clock == "lockstep"
        self.layout = panda_layout(task.name)

        # -------------------- state --------------------
        # First, so that a checkpoint that cannot be used leaves nothing written.
        self.acting = Acting(self, self.layout, run=settings.run, exact=self.lockstep, checkpoint=settings.checkpoint)
        self.limit = settings.max_episode_steps or task.max_episode_steps
        self.journal = Journal(Path(settings.run_folder) / "journal" / settings.robot)
        self.tally = Tally(Path(settings.run_folder) / "journal" / settings.robot / "tally.json")
        missing = max(0, settings.demonstrations - self.tally.demonstrations)
        self.schedule = Schedule(missing, settings.train_steps, settings.evaluate_episodes)
        self.teleop = Teleop()
        self.epoch = 0

        # -------------------- interfaces --------------------
        self.outbox = Outbox(self, self.journal, settings.robot, settings.run)
        self.status = self.create_publisher(ActorStatus, "actor_status", qos.LATCHED)
        self.episodes = self.create_publisher(EpisodeSummary, "episodes", qos.EPISODES)
        self.create_subscription(TeleopAction, "teleop", self.teleop.on_message, qos.TELEOP)
        self.create_service(SetMode, "set_mode", self.on_mode)
        self.diagnostics = Diagnostics(
            self,
            lambda: {
                "steps": self.outbox.sent,
                "not held by the learner": self.outbox.sent - self.outbox.held,
                "sent again": self.outbox.resent,
                "weights version": self.acting.version,
            },
        )

    def on_mode(self, request: SetMode.Request, response: SetMode.Response) -> SetMode.Response:
        """See SetMode.srv."""
        try:
            self.schedule.ask(request.mode, request.episodes, request.steps)
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response

    # -------------------- the loop --------------------
    def run(self, executor: Executor) -> None:
        """Do the schedule, then idle until asked for more."""
        self.link = RobotLink(self, executor, lockstep=self.lockstep)
        self.env = RosEnv(self.link, self.layout, self.limit, self.settings.gripper_penalty)
        while self.context.ok():
            mode = self.schedule.mode(self.outbox.sent)
            if mode == IDLE:
                self.publish_status(mode, finished=True)
                while self.schedule.mode(self.outbox.sent) == IDLE:
                    self.link.spin_once(0.5)
                continue
            try:
                self.schedule.done(self.episode(mode))
            except LinkLost as lost:
                self.diagnostics.fault("link lost", f"{lost}; the episode is cut and tried anew")
            except ValueError as error:
                self.diagnostics.fault("bad observation", f"{error}; the episode is cut and tried anew")

    def episode(self, mode: int) -> Progress:
        """One episode in ``mode``: reset, then observe, act, wait one period, observe, until it ends."""
        number = self.tally.begin(mode)
        seed = episode_seed(self.settings.seed, mode, number)
        self.acting.begin(seed, greedy=mode == EVALUATE)
        if mode != DEMONSTRATE:
            self.wait_for_weights(mode)  # before the observation, which would grow stale meanwhile
        observation, info = self.env.reset(seed=seed)
        self.epoch = info["epoch"]
        message = self.env.message
        self.publish_status(mode, message.header.stamp, number)
        self.teleop.take_events()
        summary = EpisodeSummary(robot=self.settings.robot, run=self.settings.run, mode=mode, episode=number, seed=seed)
        while True:
            operator = self.operator_at(nanoseconds(message.header.stamp), mode)
            action = operator.action
            if mode != DEMONSTRATE:
                self.wait_for_weights(mode)
                action = self.acting.act(observation)
            if operator.intervening:
                action = operator.action
            self.env.source = RobotCommand.SOURCE_HUMAN if operator.intervening else RobotCommand.SOURCE_POLICY
            after, reward, terminated, truncated, info = self.env.step(action)
            success = info["is_success"]
            # A step that safety held was nobody's: there is nothing in it to imitate.
            driven = operator.intervening and info["verdict"] != RobotCommand.VERDICT_HELD
            if self.lockstep and not (terminated or truncated):
                # A label is about what the person sees: in lockstep their word on it is waited for.
                self.operator_at(nanoseconds(self.env.message.header.stamp), mode)
            for event in self.teleop.take_events():
                reward, terminated, truncated, success = label(event, reward, terminated, truncated, success)
            truncated = truncated or (self.schedule.interrupted and not terminated)
            transition = Transition(header=message.header, robot=self.settings.robot, run=self.settings.run, mode=mode)
            transition.observation, transition.layout, transition.seed = message, self.layout.hash, seed
            transition.episode, transition.step = self.tally.total, summary.steps
            transition.action, transition.reward = info["executed_action"], reward
            transition.discrete_penalty = info["discrete_penalty"]
            transition.terminated, transition.truncated, transition.success = terminated, truncated, success
            transition.intervention = driven
            transition.weights_version = self.acting.version
            if terminated or truncated:
                transition.final_observation = [self.env.message]
            if mode != EVALUATE:
                now = time.time_ns()
                transition.sent.sec, transition.sent.nanosec = divmod(now, 1_000_000_000)
                self.outbox.send(transition)
                self.tally.operator_steps += driven
            summary.steps += 1
            summary.operator_steps += driven
            summary.episode_return += reward
            self.diagnostics.event("steps")
            observation, message = after, self.env.message
            if terminated or truncated:
                break
        summary.header = message.header
        summary.success, summary.truncated = success, truncated
        self.tally.demonstrations += mode == DEMONSTRATE and success
        self.finish(summary)
        return Progress(mode, summary.success)

    # -------------------- parts of it --------------------
    def operator_at(self, stamp: int, mode: int) -> OperatorAction:
        """The operator's word on the observation of ``stamp``; in lockstep it is waited for."""
        if not self.settings.operator or mode == EVALUATE:
            return NOBODY
        if not self.lockstep:
            return self.teleop.latest()
        missing = "word of the operator (joy_teleop and its joystick)"
        return self.link.wait(lambda: self.teleop.at(stamp), missing, self.link.ask_again)

    def wait_for_weights(self, mode: int) -> None:
        """Take the weights for the next step: exact ones in lockstep, the last ones to evaluate, else the newest."""
        sent, learner = self.outbox.sent, self.outbox.learner
        if self.settings.checkpoint:
            return
        if mode == EVALUATE:
            self.link.wait(
                lambda: self.acting.take(sent) or None, "last weights of the learner", patience=LEARNER_PATIENCE
            )
        elif not self.lockstep:
            # The first ones are waited for, holding; later ones act as they come.
            self.link.wait(
                lambda: self.acting.take_newest() or None, "weights of the learner", patience=LEARNER_PATIENCE
            )
        else:
            while learner is None:
                learner = self.link.wait(lambda: self.outbox.learner, "word of the learner", patience=LEARNER_PATIENCE)
            period = learner.weights_period
            needed = max(0, sent - period) // period * period
            self.link.wait(
                lambda: self.acting.take(needed) or None, f"weights of step {needed}", patience=LEARNER_PATIENCE
            )

    def finish(self, summary: EpisodeSummary) -> None:
        """Count the episode, and tell."""
        self.tally.save()
        summary.robot_steps = self.outbox.sent
        summary.operator_steps_total = self.tally.operator_steps
        summary.weights_version = self.acting.version
        self.episodes.publish(summary)

    def publish_status(self, mode: int, stamp: object = None, number: int = 0, *, finished: bool = False) -> None:
        """Tell who acts in which epoch."""
        status = ActorStatus(robot=self.settings.robot, run=self.settings.run, mode=mode, epoch=self.epoch)
        if stamp is not None:
            status.header.stamp = stamp
        status.episode, status.finished = number, finished
        status.robot_steps, status.operator_steps = self.outbox.sent, self.tally.operator_steps
        status.weights_version = self.acting.version
        self.status.publish(status)

    def close(self) -> None:
        """Leave the journal whole."""
        self.journal.close()


def label(
    event: int, reward: float, terminated: bool, truncated: bool, success: bool
) -> tuple[float, bool, bool, bool]:
    """The step's reward, terminated, truncated and success after the operator's label ``event``."""
    if event == TeleopAction.EVENT_SUCCESS:
        return 1.0, True, False, True
    if event == TeleopAction.EVENT_FAILURE:
        return 0.0, True, False, False
    if event == TeleopAction.EVENT_AGAIN:
        return reward, False, True, False
    return reward, terminated, truncated, success


def main() -> None:
    """Run the node."""
    run_node(PolicyActor)


if __name__ == "__main__":
    main()
