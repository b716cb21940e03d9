"""Node ``recorder``: each episode as one rosbag2 bag (MCAP) in the run's folder, the messages' own bytes.

It never stops the run: where there is no room, or the disk refuses, it says so and records no more.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.bag_audit import Done
from hil_serl_ros.data.bag_episodes import EpisodeBags
from hil_serl_ros.data.bag_mend import mend_bag
from hil_serl_ros.data.bag_open import DISCARD, Begun, Ended
from hil_serl_ros.data.bag_room import GB, Room
from hil_serl_ros.data.bag_topics import ACTOR, EPISODES, KNOWN, Heard
from hil_serl_ros.data.bags import BAGS, folders
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.data.versions import versions
from hil_serl_ros.env.modes import EVALUATE, NAMES, RECORDED
from hil_serl_ros.learning.layout import Layout, LayoutError
from hil_serl_ros.msg import ActorStatus, EpisodeSummary
from hil_serl_ros.ros.bag_listening import Listening
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.run import turn
from hil_serl_ros.scheduling import yield_processor
from hil_serl_ros.settings import SettingError, setting

CONFIG, PARAMETERS = "config.yaml", "parameters.yaml"  # of the run
NICENESS = 5  # after the control path, before the learner
NAP = 0.05  # s
PERIOD = 0.25  # s between two looks at what has appeared, what is due, and the disk


@dataclass
class RecorderSettings:
    run: str = setting("run", "Name of the run.", name=True)
    run_folder: str = setting("runs/run", "Folder of the run; the bags go into its folder bags.")
    robot: str = setting("robot", "Name of the robot whose episodes are recorded.", name=True)
    task: str = setting("pick_cube", "Task, for the bags' descriptions.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    record: bool = setting(True, "Record each episode as a bag; false: the node is not started.")
    cameras: list[str] = setting([""], "Cameras that are waited for; others are recorded from when they are found.")
    leave_out: list[str] = setting(
        [
            "observation",
            "weights",
            "clock",
            "diagnostics",
            "rosout",
            "parameter_events",
            "markers",
            "*/points",
            "shown_joint_states",
        ],
        "Topics that are not recorded, patterns with * allowed. Transitions hold the observations.",
    )
    disk_budget: float = setting(
        20.0, "What all bags of the run may have together; the oldest discarded ones go first.", unit="GB", minimum=0.0
    )
    least_free: float = setting(1.0, "Free disk below which no more is recorded.", unit="GB", minimum=0.0)


class Recorder(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("recorder")

        # -------------------- parameters --------------------
        self.settings = declare(self, RecorderSettings)
        settings = self.settings
        self.folder = Path(settings.run_folder)

        # -------------------- state --------------------
        self.begun_epoch = -1
        self.taken = 0  # messages
        self.said = ""  # the trouble that was told
        self.mended = self.torn = 0
        self.mend()
        self.facts = self.common_facts()
        lockstep = settings.clock == "lockstep"
        room = Room(self.folder, settings.disk_budget * GB, settings.least_free * GB)
        self.bags = EpisodeBags(self.folder, settings.robot, lockstep=lockstep, room=room, facts=self.facts_of)

        # -------------------- interfaces --------------------
        self.diagnostics = Diagnostics(self, self.figures, lambda: self.bags.trouble)
        self.listening = Listening(
            self, self.on_message, lockstep=lockstep, cameras=settings.cameras, leave_out=settings.leave_out
        )
        for heard in self.listening.heard.values():
            self.know(heard)
        self.create_timer(PERIOD, self.on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
        if not lockstep:
            yield_processor(NICENESS)

    # -------------------- start --------------------
    def mend(self) -> None:
        """End what a kill left open; a folder that cannot be written ends the node with a sentence."""
        try:
            (self.folder / BAGS).mkdir(parents=True, exist_ok=True)
            probe = self.folder / BAGS / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SettingError(f"{self.folder / BAGS} cannot be written: {error.strerror}") from None
        for bag in folders(self.folder):
            try:
                mended = mend_bag(bag)
            except LogError as error:
                self.get_logger().error(str(error))
                continue
            self.mended += mended.changed
            self.torn += mended.torn > 0
        if self.mended:
            self.get_logger().info(f"{self.mended} bags were left open by a kill and are ended now, {self.torn} torn")

    def common_facts(self) -> dict[str, str]:
        """What is true of all episodes of this run."""
        settings = self.settings
        facts = {"run": settings.run, "robot": settings.robot, "task": settings.task, "clock": settings.clock}
        facts["versions"] = yaml.safe_dump(versions(), sort_keys=False)
        for name in (CONFIG, PARAMETERS):
            path = self.folder / name
            if path.is_file():
                facts[name] = path.read_text()
        return facts

    def facts_of(self, mode: int) -> dict[str, str]:
        """What is known of an episode in ``mode`` when it begins."""
        if LAYOUT not in self.facts:  # the learner writes it at its start
            with contextlib.suppress(OSError, LayoutError):
                text = (self.folder / LAYOUT).read_text()
                self.facts |= {"layout": Layout.from_json(text).hash, LAYOUT: text}
        return {"mode": NAMES[mode], **self.facts}

    def know(self, heard: Heard) -> None:
        """Audit a topic that will be heard."""
        self.bags.know(heard, needed=heard.picture or bool(heard.role) and KNOWN[heard.role].needed)

    # -------------------- callbacks --------------------
    def run(self, executor: Executor) -> None:
        """Wait for a message, let some more gather, take all: to be woken by each costs more than to write it.

        Meanwhile messages lie in the middleware's queues with the time that they came.
        """
        while self.context.ok():
            turn(executor, self, 0.5)
            time.sleep(NAP)
            before = -1
            while self.taken != before:
                before = self.taken
                executor.spin_once(timeout_sec=0.0)

    def on_message(self, heard: Heard, data: bytes, now: int, sent: int) -> None:
        """Write one message; what the actor says of episodes is read, too."""
        self.taken += 1
        if heard.role == EPISODES:
            self.on_summary(heard, data, now)
            return
        if heard.role == ACTOR:
            self.on_actor(data, now)
        self.bags.hear(heard, data, now, sent)

    def on_actor(self, data: bytes, now: int) -> None:
        """An episode begins with a new epoch; it is in none that is recorded before it has said where it is."""
        status: ActorStatus = deserialize_message(data, ActorStatus)
        if (status.run, status.robot) != (self.settings.run, self.settings.robot):
            return
        stamp, recorded = nanoseconds(status.header.stamp), status.mode in (*RECORDED, EVALUATE)
        if not recorded or not stamp:
            self.bags.leave(now)
        elif status.epoch != self.begun_epoch:
            self.begun_epoch = status.epoch
            self.bags.begin(Begun(status.mode, status.episode, status.epoch, stamp, status.weights_version), now)
        self.bags.pause(status.paused)

    def on_summary(self, heard: Heard, data: bytes, now: int) -> None:
        """An episode has ended."""
        summary: EpisodeSummary = deserialize_message(data, EpisodeSummary)
        if (summary.run, summary.robot) == (self.settings.run, self.settings.robot):
            self.bags.end(ended_of(summary), heard, data, now)

    def on_timer(self) -> None:
        """Look for new topics, close what is due, tell what went wrong."""
        for heard in self.listening.discover():
            self.know(heard)
        for name in list(self.listening.unknown):
            if sentence := self.listening.unknown[name]:
                self.diagnostics.fault("not recorded", sentence)
                self.listening.unknown[name] = ""
        self.bags.tick(time.time_ns())
        self.tell()

    def tell(self) -> None:
        """Say what was found since the last time."""
        while self.bags.said:
            self.diagnostics.fault("not whole", self.bags.said.popleft())
        if self.bags.trouble != self.said:
            self.said = self.bags.trouble
            if self.said:
                self.get_logger().error(self.said)

    def figures(self) -> dict[str, object]:
        """For the diagnostics."""
        return {"topics": len(self.listening.heard), "mended": self.mended, "torn": self.torn, **self.bags.counts}

    def close(self) -> None:
        """End the open bags."""
        self.bags.close()
        self.tell()


def ended_of(summary: EpisodeSummary) -> Ended:
    """A summary in the bags' terms."""
    recorded, stamp = summary.mode in RECORDED, nanoseconds(summary.header.stamp)
    result = "success" if summary.success else "truncated" if summary.truncated else "failure"
    info = {
        "result": DISCARD if summary.discarded else result,
        "success": str(summary.success).lower(),
        "recorded": str(summary.recorded),
        "seed": str(summary.seed),
        "steps": str(summary.steps),
        "operator_steps": str(summary.operator_steps),
        "return": f"{summary.episode_return:g}",
        "weights_last": str(summary.weights_version),
    }
    done = Done(summary.steps, recorded, stamp)
    return Ended(summary.mode, summary.episode, done, stamp, summary.discarded, info)


def main() -> None:
    """Run the node."""
    run_node(Recorder)


if __name__ == "__main__":
    main()
