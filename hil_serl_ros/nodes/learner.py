"""Node ``learner``: takes transitions in, updates, publishes weights, keeps log and checkpoints.

One thread serves ROS (log, acknowledge), the main thread learns, so that a step is on disk at once.
"""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

import torch
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.checkpoint import LAST, CheckpointError, Checkpoints, resume
from hil_serl_ros.data.demonstrations import DemonstrationsError, read_demonstrations, whole_episodes
from hil_serl_ros.data.metrics import MetricsWriter
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.learning.weights import pack
from hil_serl_ros.msg import Held, LearnerStatus, Transition, Weights
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.inbox import Inbox
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.steps import step_of
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.tasks import task_named

IDLE_SECONDS = 0.1  # without a step before the weights are published out of turn
REST_SECONDS = 1.0  # without a step before a checkpoint is saved out of turn: training may be over


@dataclass
class LearnerNodeSettings:
    task: str = setting("pick_cube", "Task, by which the layout is chosen.")
    clock: str = setting("lockstep", "lockstep: so many updates per step exactly.", choices=("lockstep", "realtime"))
    run: str = setting("run", "Name of the run; transitions of another are refused.")
    run_folder: str = setting("runs/run", "Folder of the run: log, checkpoints, metrics.")
    resume: bool = setting(False, "Go on with the run in run_folder as if nothing had happened.")
    demonstrations_folder: str = setting("", "Folder with a log of demonstrations to start from; empty: none.")
    weights_period: int = setting(5, "Steps between two publications of weights.", unit="steps", minimum=1)
    save_freq: int = setting(1000, "Updates between two checkpoints.", unit="updates", minimum=1)
    log_freq: int = setting(250, "Updates between two lines of metrics.", unit="updates", minimum=1)


class Learner(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("learner")

        # -------------------- parameters --------------------
        self.settings = declare(self, LearnerNodeSettings)
        self.learning = declare(self, LearnerSettings)
        settings = self.settings
        try:
            self.layout = panda_layout(task_named(settings.task).name)
        except ValueError as error:
            raise SettingError(str(error)) from None
        torch.set_num_threads(self.learning.threads)
        self.folder = Path(settings.run_folder)
        self.lockstep = settings.clock == "lockstep"

        # -------------------- state --------------------
        self.trainer = Trainer(self.layout, self.learning)
        self.load_demonstrations()  # before anything is written
        self.log = TransitionLog(self.folder / "log")
        self.checkpoints = Checkpoints(self.folder / "checkpoints", self.layout, self.learning)
        self.metrics = MetricsWriter(self.folder)
        self.settings_text = json.dumps(dataclasses.asdict(self.learning))
        self.episodes = 0
        self.version = -1  # of the weights published last
        self.saved = -1  # updates of the checkpoint saved last
        self.state = "waiting"
        self.failure: Exception | None = None
        self.thread: threading.Thread | None = None
        self.published = time.monotonic()

        # -------------------- interfaces --------------------
        self.diagnostics = Diagnostics(self, lambda: {"owed updates": self.trainer.owed, "queue": len(self.inbox)})
        self.weights = self.create_publisher(Weights, "weights", qos.WEIGHTS)
        self.status = self.create_publisher(LearnerStatus, "learner_status", qos.LATCHED)
        self.inbox = Inbox(self, self.log, settings.run, self.layout.hash, self.diagnostics)
        self.load_run()
        self.create_timer(0.05, self.publish_status, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -------------------- memory --------------------
    def load_demonstrations(self) -> None:
        """Demonstrations from a folder, if one is named."""
        if self.settings.demonstrations_folder:
            try:
                messages = [
                    deserialize_message(data, Transition)
                    for data in read_demonstrations(Path(self.settings.demonstrations_folder))
                ]
            except DemonstrationsError as error:
                raise SettingError(str(error)) from None
            # An episode that its robot did not end teaches nothing about its end.
            for message in whole_episodes(messages):
                if message.layout != self.layout.hash:
                    raise SettingError(
                        f"the demonstrations in {self.settings.demonstrations_folder} have another layout"
                    )
                if message.mode == Transition.MODE_DEMONSTRATE:
                    message.robot = "demonstrations"
                    self.trainer.replay.add(step_of(message))

    def load_run(self) -> None:
        """On resume, the checkpoint and the log.

        Raises:
            SettingError: there is a log though nothing is resumed, or what is there is of another configuration.
        """
        if not self.settings.resume:
            if next(self.log.read(), None) is not None:
                raise SettingError(f"{self.folder} holds a run already; choose another folder, or resume it")
            return
        saved = None
        if (self.folder / "checkpoints" / LAST).exists():
            try:
                saved = resume(self.folder / "checkpoints" / LAST, self.trainer.sac)
            except CheckpointError as error:
                raise SettingError(str(error)) from None
            self.saved = self.trainer.sac.updates
        # The log is the memory: it rebuilds both buffers. What the checkpoint has not learned from yet is
        # learned from now, step by step, as it would have been.
        learned = saved.counters["transitions"] if saved else 0
        for record in self.log.read():
            message = deserialize_message(record.data, Transition)
            if message.layout != self.layout.hash:
                raise SettingError(f"the log in {self.folder} was made for another layout (task, features or units)")
            self.inbox.held[message.robot] = message.index + 1
            if saved and self.trainer.transitions == learned:
                self.trainer.replay.set_random_state(saved.sampler)
            self.take(message, learn=self.trainer.transitions >= learned)
        if saved and self.trainer.transitions == learned:
            self.trainer.replay.set_random_state(saved.sampler)

    # -------------------- learning --------------------
    def run(self, executor: Executor) -> None:
        """Learn in this thread while another one serves ROS."""
        self.thread = threading.Thread(target=self.serve, args=(executor,), name="ros", daemon=True)
        self.state = "warming up"
        self.thread.start()
        # All that is slow and can be done before the first step of training, while demonstrations come in.
        self.checkpoints.prepare()
        self.trainer.warm_up()
        self.state = "waiting"
        self.publish_weights()
        while self.context.ok():
            if self.failure is not None:
                raise RuntimeError("the thread that serves ROS has ended") from self.failure
            message = self.inbox.take(IDLE_SECONDS if not self.trainer.owed else 0.0)
            if message is not None:
                self.take(message, learn=True)
            elif self.trainer.owed:
                self.update()
            elif self.version != self.learned_from:
                self.publish_weights()
                self.state = "waiting"
            elif self.unsaved and time.monotonic() - self.published > REST_SECONDS:
                self.save()

    def serve(self, executor: Executor) -> None:
        """Serve ROS: log steps, acknowledge them, report."""
        try:
            while self.context.ok():
                executor.spin_once(timeout_sec=0.5)
        except ExternalShutdownException:
            return
        except Exception as error:
            # A learner that does not log or acknowledge must not look alive.
            self.failure = error
            raise

    def take(self, message: Transition, *, learn: bool) -> None:
        """Learn from one step: in lockstep all that it owes before the next one is looked at."""
        try:
            self.trainer.add(step_of(message))
        except ValueError as error:
            self.diagnostics.fault("rejected", f"step {message.index} of {message.robot} is not learned from: {error}")
        self.episodes += bool(message.final_observation)
        if learn and self.lockstep:
            while self.trainer.owed:
                self.update()
            if self.trainer.transitions % self.settings.weights_period == 0:
                self.publish_weights()

    def update(self) -> None:
        """One update, and what is due after it."""
        self.state = "learning"
        stats = self.trainer.update()
        if not math.isfinite(stats.critic_loss + stats.actor_loss):
            # Before anything of it is published or saved.
            raise FloatingPointError(f"update {self.trainer.sac.updates} gave a loss that is not finite")
        updates = self.trainer.sac.updates
        if updates % self.settings.log_freq == 0:
            self.metrics.training(self.trainer.figures(), self.learning.batch_size, self.episodes)
        if updates % self.settings.save_freq == 0:
            self.save()
        period = self.settings.weights_period * self.layout.control_period
        if not self.lockstep and time.monotonic() - self.published > period:
            self.publish_weights()

    # -------------------- out --------------------
    @property
    def learned_from(self) -> int:
        """Steps whose updates are done."""
        return self.trainer.transitions - math.ceil(self.trainer.owed / self.learning.updates_per_step)

    def publish_weights(self) -> None:
        """Publish the trainable tensors under the number of steps that they were learned from."""
        sac = self.trainer.sac
        data, sha256 = pack(sac.trunk.values, sac.actor.values, sac.shape)
        message = Weights(run=self.settings.run, version=self.learned_from, updates=sac.updates)
        message.header.stamp = self.get_clock().now().to_msg()
        message.settings, message.layout, message.sha256 = self.settings_text, self.layout.hash, sha256
        message.data = array("B", data)
        self.weights.publish(message)
        self.version, self.published = message.version, time.monotonic()

    def publish_status(self) -> None:
        """Say what is held and how learning goes."""
        trainer = self.trainer
        message = LearnerStatus(run=self.settings.run, layout=self.layout.hash, state=self.state)
        message.header.stamp = self.get_clock().now().to_msg()
        message.held = [Held(robot=robot, count=count) for robot, count in list(self.inbox.held.items())]
        message.transitions, message.updates, message.owed = trainer.transitions, trainer.sac.updates, trainer.owed
        message.weights_version, message.weights_period = max(self.version, 0), self.settings.weights_period
        message.rejected, message.closed = trainer.rejected, trainer.replay.lost
        message.replay_steps, message.demonstration_steps = len(trainer.replay.online), len(trainer.replay.offline)
        message.update_seconds = trainer.update_seconds
        self.status.publish(message)

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        trainer = self.trainer
        counters = {"transitions": trainer.transitions, "training_steps": trainer.training_steps}
        self.checkpoints.save(trainer.sac.updates, trainer.sac, trainer.replay.random_state(), counters)
        self.saved = trainer.sac.updates

    @property
    def unsaved(self) -> bool:
        """There are updates that no checkpoint has."""
        return self.trainer.sac.updates not in (0, self.saved)

    def close(self) -> None:
        """Leave a checkpoint of the last update and a finished log."""
        # Nothing may be logged or acknowledged while the log is being ended.
        self.context.try_shutdown()
        if self.thread is not None:
            self.thread.join(2.0)
        if self.unsaved:
            self.save()
        self.log.close()
        self.metrics.close()


def main() -> None:
    """Run the node."""
    run_node(Learner)


if __name__ == "__main__":
    main()
