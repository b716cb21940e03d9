"""Node ``learner``: takes transitions in, updates, publishes weights, keeps log and checkpoints.

One thread serves ROS (log, acknowledge), the main thread learns, so that a step is on disk at once.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import queue
import threading
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

import torch
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from std_msgs.msg import Header

from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.data.checkpoint import Checkpoints, newest, with_saved_encoder
from hil_serl_ros.data.demonstrations import DemonstrationsError, read_demonstrations
from hil_serl_ros.data.feature_file import FeatureFile
from hil_serl_ros.data.metrics import MetricsWriter
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.run_settings import LearningSettings
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.agreement import configuration, differences
from hil_serl_ros.learning.encoder import EncoderError
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.learning.weights import pack
from hil_serl_ros.msg import Held, LearnerStatus, Transition, Weights
from hil_serl_ros.robots import check_robots
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.inbox import Inbox
from hil_serl_ros.ros.lessons import Lessons
from hil_serl_ros.ros.pace import Pace
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.restoring import restore
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.run import spin
from hil_serl_ros.scheduling import yield_processor
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.tasks import name_of

IDLE_SECONDS = 0.1  # without a step before the weights are published out of turn
REPEAT = 0.5  # s after which a status that says nothing new is said again: a robot counts on it
AT_MOST = 64  # steps taken in between two updates that are owed: robots that flood it do not end its learning
REST_SECONDS = 1.0  # without a step before a checkpoint is saved out of turn: training may be over


@dataclass
class LearnerNodeSettings(LearningSettings):
    run_folder: str = setting("runs/run", "Folder of the run: log, checkpoints, metrics.")
    resume: bool = setting(False, "Go on with the run in run_folder as if nothing had happened.")
    restarts: int = setting(0, "How often it was killed and started again in this run; it resumes then.", minimum=0)
    niceness: int = setting(
        19, "How far the learner yields the processor to the control path; realtime only.", minimum=0, maximum=19
    )
    save_freq: int = setting(1000, "Updates between two checkpoints.", unit="updates", minimum=1, dynamic=True)
    robots: list[str] = setting([""], "Namespaces of several robots; one empty name: one robot in the learner's own.")


class Learner(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("learner")

        # -------------------- parameters --------------------
        self.settings = declare(self, LearnerNodeSettings)
        self.learning = declare(self, LearnerSettings)
        settings = self.settings
        check_robots(settings.robots, settings.clock)
        self.layout = declare(self, ObservationSettings).layout(name_of(settings.task))
        # Before this thread yields: what a robot sent is logged and acknowledged at once, however much is learned.
        self.given: queue.SimpleQueue[Executor | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.serve, name="ros", daemon=True)
        self.thread.start()
        if settings.clock == "realtime":
            yield_processor(settings.niceness)  # before the threads that learn are started
        torch.set_num_threads(self.learning.threads)
        self.folder = Path(settings.run_folder)
        self.configuration = configuration(self.layout, settings.clock)
        self.lockstep = settings.clock == "lockstep"

        # -------------------- state --------------------
        given = self.given_demonstrations()  # before what is slow, and before anything is written
        self.diagnostics = Diagnostics(self, self.figures)
        self.resumes = settings.resume or settings.restarts > 0
        saved = newest(self.folder / "checkpoints", self.on_damage) if self.resumes else None
        if self.layout.images and saved is not None:
            self.learning = with_saved_encoder(self.learning, saved)
        try:
            self.trainer = Trainer(self.layout, self.learning)
        except EncoderError as error:
            raise SettingError(f"vision_encoder: {error}") from None
        except (AssertionError, RuntimeError) as error:
            # torch's words for a device that is not there.
            if self.learning.device == "cpu":
                raise
            raise SettingError(f"device {self.learning.device} cannot be used: {str(error).splitlines()[0]}") from None
        self.features: FeatureFile | None = None
        if (vision := self.trainer.replay.vision) is not None and vision.cached:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.features = FeatureFile(self.folder / "features.bin", vision.identity, vision.record_shape())
            vision.kept = self.features
        self.lessons = Lessons(
            self.trainer,
            lockstep=self.lockstep,
            weights_period=settings.weights_period,
            updated=self.on_update,
            due=self.publish_weights,
            rejected=lambda why: self.diagnostics.fault("rejected", why),
        )
        self.lessons.show(given)
        self.log = TransitionLog(self.folder / "log")
        self.checkpoints = Checkpoints(self.folder / "checkpoints", self.layout, self.learning)
        self.metrics = MetricsWriter(self.folder)
        self.settings_text = json.dumps(dataclasses.asdict(self.learning))
        self.version = -1  # of the weights published last
        self.saved = -1  # updates of the checkpoint saved last
        self.state = "waiting"
        self.failure: Exception | None = None
        self.told, self.told_at = LearnerStatus(), 0.0  # the status published last, without its stamp, and when, s

        # -------------------- interfaces --------------------
        self.weights = self.create_publisher(Weights, "weights", qos.WEIGHTS)
        self.pace = Pace(self.weights, self.diagnostics)
        self.status = self.create_publisher(LearnerStatus, "learner_status", qos.LATCHED)
        self.inbox = Inbox(
            self, self.log, settings.run, self.layout.hash, self.configuration, self.diagnostics, settings.robots
        )
        self.load_run(saved)
        self.create_timer(0.05, self.publish_status, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.create_timer(1.0, self.inbox.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -------------------- memory --------------------
    def given_demonstrations(self) -> list[Transition]:
        """The steps in the folder of demonstrations, if one is named.

        Raises:
            SettingError: there are none, or of another layout.
        """
        folder = self.settings.demonstrations_folder
        try:
            data = list(read_demonstrations(Path(folder))) if folder else []
        except DemonstrationsError as error:
            raise SettingError(str(error)) from None
        messages = [deserialize_message(one, Transition) for one in data]
        if any(message.layout != self.layout.hash for message in messages):
            raise SettingError(f"the demonstrations in {folder} have another layout")
        return messages

    def load_run(self, saved: Path | None) -> None:
        """On resume, the checkpoint ``saved`` and the log.

        Raises:
            SettingError: there is a log though nothing is resumed, or what is there is of another configuration.
        """
        if not self.resumes and next(self.log.read(), None) is not None:
            raise SettingError(f"{self.folder} holds a run already; choose another folder, or resume it")
        self.agree_with_log()
        if self.resumes:
            restore(saved, self.log.read(), self.lessons, self.inbox)
            self.saved = self.trainer.sac.updates if saved is not None else -1

    def on_damage(self, sentence: str) -> None:
        """A file that is not as it was written."""
        self.diagnostics.fault("damaged checkpoint", sentence)

    def agree_with_log(self) -> None:
        """Keep the layout beside the log.

        Raises:
            SettingError: the log was made for another one.
        """
        file = self.folder / LAYOUT
        if file.exists():
            logged = configuration(Layout.from_json(file.read_text()), self.settings.clock)
            if different := differences(self.configuration, logged):
                raise SettingError(f"the log in {self.folder} is of another configuration: {'; '.join(different)}")
        else:
            write_file(file, self.layout.to_json())

    # -------------------- learning --------------------
    def run(self, executor: Executor) -> None:
        """Learn in this thread while another one serves ROS."""
        self.state = "warming up"
        self.given.put(executor)
        self.trainer.warm_up()
        self.publish_weights()
        taken = 0
        while self.context.ok():
            if self.failure is not None:
                raise RuntimeError("the thread that serves ROS has ended") from self.failure
            owed = self.trainer.owed
            message = None if owed and taken >= AT_MOST else self.inbox.take(0.0 if owed else IDLE_SECONDS)
            taken = 0 if message is None else taken + 1
            if message is not None:
                self.lessons.take(message, learn=True)
            elif owed:
                self.lessons.update()
            else:
                self.rest()

    def rest(self) -> None:
        """Nothing is to be learned: do what is due."""
        self.state = "waiting" if self.checkpoints.prepared else "warming up"
        if self.version != self.learned_from and (self.lockstep or self.pace.may_follow(0.0)):
            self.publish_weights()
        elif not self.checkpoints.prepared:
            self.checkpoints.prepare()  # slow; while nothing else is to be done
        elif self.unsaved and self.pace.seconds > REST_SECONDS:
            self.save()

    def serve(self) -> None:
        """Serve ROS once an executor is given: log steps, acknowledge them, report."""
        if (executor := self.given.get()) is None:
            return
        try:
            spin(executor, self)
        except Exception as error:
            # A signal may end the context in the middle of a callback; what then fails is no fault.
            if self.context.ok():
                # A learner that does not log or acknowledge must not look alive.
                self.failure = error
                raise

    def on_update(self) -> None:
        """What is due after an update."""
        self.state = "learning"
        updates = self.trainer.sac.updates
        if updates % self.settings.log_freq == 0:
            self.metrics.training(self.trainer.figures(), self.learning.batch_size, self.lessons.episodes)
        if updates % self.settings.save_freq == 0:
            self.save()
        period = self.settings.weights_period * self.layout.control_period
        if not self.lockstep and self.pace.may_follow(period):
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
        message.encoder = self.trainer.encoder_hash
        message.data = array("B", data)
        self.weights.publish(message)
        self.pace.left(len(data))
        self.version = message.version

    def publish_status(self) -> None:
        """Say what is held and how learning goes."""
        trainer = self.trainer
        message = LearnerStatus(run=self.settings.run, configuration=self.configuration, state=self.state)
        message.held = [Held(robot=robot, count=count) for robot, count in self.inbox.held.items()]
        message.transitions, message.updates, message.owed = trainer.transitions, trainer.sac.updates, trainer.owed
        message.weights_version, message.weights_period = max(self.version, 0), self.settings.weights_period
        message.rejected, message.closed = trainer.rejected, trainer.replay.lost
        message.replay_steps, message.demonstration_steps = len(trainer.replay.online), len(trainer.replay.offline)
        message.update_seconds, message.training = trainer.update_seconds, self.inbox.training
        now = time.monotonic()
        if message == self.told and now - self.told_at < REPEAT:
            return
        self.told, self.told_at = copy.copy(message), now
        message.header = Header(stamp=self.get_clock().now().to_msg())
        self.status.publish(message)

    def figures(self) -> dict[str, object]:
        """What is waiting and what was left out, for the diagnostics."""
        figures: dict[str, object] = {"owed updates": self.trainer.owed, "queue": len(self.inbox)}
        if self.features is not None:
            figures |= {"features kept": self.features.failed or "all"}
        figures |= {"steps of bad demonstrations": self.lessons.demonstrations.dropped}
        return figures | self.inbox.figures()

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
        self.given.put(None)
        self.thread.join(2.0)
        if self.unsaved:
            self.save()
        self.log.close()
        self.metrics.close()
        if self.features is not None:
            self.features.close()


def main() -> None:
    """Run the node."""
    run_node(Learner)


if __name__ == "__main__":
    main()
