"""How soon the arm holds after a stop, a dead actor, a dead camera and lost hands: real nodes, in realtime at 10 Hz.

Run ``python bench/stops.py`` (about twelve minutes; ``--trials 100 --deaths 5`` for two). The arm is driven to and fro
in free drive by a played device all the while; two busy processes load the machine. A time is from the event
to the last command executed after it that moved the target: the robot holds absolute targets, so nothing moves later
than what it was told. "told" is when `safety` has said that nobody drives. One table.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rclpy
from sensor_msgs.msg import Image
from std_msgs.msg import Empty
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.msg import ActorStatus, RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import position_array
from hil_serl_ros.ros.run import executor_of
from hil_serl_ros.srv import SetMode

DOMAIN = 94
PERIOD = 0.1  # s, of control
QUIET = 3 * PERIOD  # s of listening for a late motion
HOLD = RobotCommand.SOURCE_HOLD


class Rig:
    """The nodes, and one process that drives, stops and listens."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, {}
        os.environ["ROS_DOMAIN_ID"] = str(DOMAIN)
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=DOMAIN)
        self.node = rclpy.create_node("bench_stops", context=context)
        self.executor = executor_of(self.node)
        node = self.node
        self.moved = 0.0  # when the target moved last, s, monotonic
        self.target: np.ndarray | None = None
        self.safety, self.actor = SafetyStatus(), ActorStatus()
        self.held_at = 0.0  # when safety last said that nobody drives
        self.robot = RobotStatus()
        self.beating, self.seeing = True, True
        self.teleop = node.create_publisher(TeleopAction, "teleop", qos.TELEOP)
        self.topic = node.create_publisher(Empty, "stop", qos.TELEOP)
        self.frames = node.create_publisher(Image, "front/image_raw", qos.publish_state(lockstep=False))
        node.create_subscription(RobotCommand, "command_executed", self.on_executed, qos.COMMAND)
        node.create_subscription(SafetyStatus, "safety_status", self.on_safety, qos.LATCHED)
        node.create_subscription(ActorStatus, "actor_status", lambda m: setattr(self, "actor", m), qos.LATCHED)
        node.create_subscription(RobotStatus, "robot_status", self.on_robot, qos.receive_state(lockstep=False))
        self.clients = {
            name: node.create_client(kind, name)
            for name, kind in (
                ("emergency_stop", Trigger),
                ("clear_stop", Trigger),
                ("arm", SetBool),
                ("set_mode", SetMode),
            )
        }
        self.beat_at = 0.0
        for name in ("safety", "mujoco_bridge", "state", "policy_actor"):
            self.start(name)
        self.until(lambda: self.robot.control_period > 0, 60)

    def start(self, name: str) -> None:
        """Start a node."""
        own = {
            "safety": {"armed_at_start": True},
            "state": {"cameras": "[front]", "image_width": 64, "image_height": 64, "frozen_after": 0},
            "policy_actor": {"interactive": True, "run_folder": self.folder / "run", "environment_state": True},
        }.get(name, {})
        if name == "policy_actor":
            own |= {"cameras": "[front]", "image_width": 64, "image_height": 64}
        words = [w for key, value in ({"clock": "realtime"} | own).items() for w in ("-p", f"{key}:={_yaml(value)}")]
        command = [sys.executable, "-m", f"hil_serl_ros.nodes.{name}", "--ros-args", *words]
        log = (self.folder / f"{name}.txt").open("a")
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    # -------------------- hearing --------------------
    def on_executed(self, command: RobotCommand) -> None:
        position = position_array(command.target)
        if self.target is not None and (position != self.target).any() and command.verdict != RobotCommand.VERDICT_HELD:
            self.moved = time.monotonic()
        self.target = position

    def on_safety(self, status: SafetyStatus) -> None:
        if status.driver == HOLD and self.safety.driver != HOLD:
            self.held_at = time.monotonic()
        self.safety = status

    def on_robot(self, status: RobotStatus) -> None:
        self.robot = status
        if self.seeing:
            # A frame with each state, so that none is ever far from the joints.
            image = Image(header=status.header, width=64, height=64, step=192, encoding="rgb8")
            image.data = bytes(os.urandom(64 * 192))
            self.frames.publish(image)

    def spin(self) -> None:
        """Serve callbacks, and drive: one second forth, one second back, a word every 20 ms."""
        now = time.monotonic()
        if self.beating and now - self.beat_at > 0.02:
            self.beat_at = now
            self.teleop.publish(self.word())
        self.executor.spin_once(timeout_sec=0.005)

    def word(self, event: int = TeleopAction.EVENT_NONE) -> TeleopAction:
        """What the hands say."""
        word = TeleopAction(source="pad", connected=True, intervening=True, gripper=1, event=event)
        word.motion = np.array([0, 0.4 if time.monotonic() % 2 < 1 else -0.4, 0, 0, 0, 0], np.float32)
        return word

    def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Spin until it is so."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not so within {seconds} s; see {self.folder}")
            self.spin()

    def listen(self, seconds: float) -> None:
        """Spin for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.spin()

    def call(self, name: str, request: object) -> None:
        """Call a service."""
        client = self.clients[name]
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)

    # -------------------- trials --------------------
    def drive(self) -> None:
        """Until the arm moves in free drive."""
        if not self.beating:
            let_go = self.word()  # hands that were lost drive again only then
            let_go.intervening = False
            self.teleop.publish(let_go)
        self.beating = self.seeing = True
        self.until(lambda: self.actor.run, 60)
        if self.actor.mode != ActorStatus.MODE_DRIVE:
            self.call("set_mode", SetMode.Request(mode=ActorStatus.MODE_DRIVE))
        since = time.monotonic()
        self.until(lambda: self.moved > since and self.safety.driver != HOLD, 60)
        self.listen(float(np.random.default_rng().uniform(0, 2 * PERIOD)))

    def after(self, event: Callable[[], None]) -> tuple[float, float]:
        """Seconds from ``event`` to the last motion and to the word of safety that nobody drives."""
        before = time.monotonic()
        event()
        self.listen(QUIET + PERIOD)
        return max(0.0, self.moved - before), max(0.0, self.held_at - before) if self.held_at > before else np.nan

    def stops(self, trials: int) -> list[tuple[float, float]]:
        """The emergency stop, by topic, hands and service in turn."""
        routes = (
            lambda: self.topic.publish(Empty()),
            lambda: self.teleop.publish(self.word(TeleopAction.EVENT_STOP)),
            lambda: self.clients["emergency_stop"].call_async(Trigger.Request()),
        )
        times = []
        for _, route in zip(range(trials), itertools.cycle(routes), strict=False):
            self.drive()
            times.append(self.after(route))
            self.call("clear_stop", Trigger.Request())
            self.call("arm", SetBool.Request(data=True))
        return times

    def kill_actor(self) -> None:
        """As a power cut would."""
        self.processes["policy_actor"].send_signal(signal.SIGKILL)
        self.processes["policy_actor"].wait()

    def deaths(self, trials: int) -> dict[str, list[tuple[float, float]]]:
        """Each way to lose somebody who is needed."""
        times: dict[str, list[tuple[float, float]]] = {"actor killed": [], "camera stopped": [], "hands lost": []}
        for _ in range(trials):
            self.drive()
            times["camera stopped"].append(self.after(lambda: setattr(self, "seeing", False)))
            self.drive()
            times["hands lost"].append(self.after(lambda: setattr(self, "beating", False)))
            self.drive()
            times["actor killed"].append(self.after(self.kill_actor))
            self.actor = ActorStatus()
            self.start("policy_actor")
        return times

    def close(self) -> None:
        """End the nodes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="emergency stops")
    parser.add_argument("--deaths", type=int, default=20, help="times that each peer is lost")
    parser.add_argument("--load", type=int, default=2, help="busy processes beside it")
    arguments = parser.parse_args()
    load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(arguments.load)]
    with tempfile.TemporaryDirectory() as name:
        rig = Rig(Path(name))
        try:
            times = {"emergency stop": rig.stops(arguments.trials), **rig.deaths(arguments.deaths)}
        finally:
            rig.close()
            for process in load:
                process.kill()
    print(f"\nrealtime, 10 Hz, {arguments.load} busy processes beside it; ms\n")
    print("| event | trials | last motion: median | 99th percentile | largest | told: median | largest |")
    print("|---|---|---|---|---|---|---|")
    for event, pairs in times.items():
        motion, word = 1e3 * np.array(pairs).T
        figures = [np.median(motion), np.percentile(motion, 99), motion.max(), np.nanmedian(word), np.nanmax(word)]
        print(f"| {event} | {len(pairs)} | {' | '.join(f'{figure:.0f}' for figure in figures)} |")


if __name__ == "__main__":
    main()
