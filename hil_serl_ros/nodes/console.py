"""Node ``console``: the operator's web page. ROS on one side, `hil_serl_ros.console` on the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import cv2
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.console.desk import HOLDING, PERSON, POLICY, Actor, Desk, Episode, Learner, Policy, Safety
from hil_serl_ros.console.gate import Gate, GateSettings
from hil_serl_ros.console.operator_page import OperatorPage
from hil_serl_ros.console.seat import Seat
from hil_serl_ros.console.serving import Server
from hil_serl_ros.console.teleop_socket import TeleopSocket
from hil_serl_ros.console.web import PortTaken
from hil_serl_ros.env.frames import frame_of
from hil_serl_ros.env.images import BadFrame, pixels_of
from hil_serl_ros.env.modes import NAMES
from hil_serl_ros.learning.observed import camera_names
from hil_serl_ros.msg import (
    ActorStatus,
    EpisodeSummary,
    LearnerStatus,
    PolicyState,
    Reward,
    RobotCommand,
    SafetyStatus,
    TeleopAction,
)
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.srv import SetMode

DRIVERS = {
    RobotCommand.SOURCE_HOLD: HOLDING,
    RobotCommand.SOURCE_POLICY: POLICY,
    RobotCommand.SOURCE_HUMAN: PERSON,
}
JUDGE_SILENT = 2.0  # s without the classifier's word after which the simulator's is shown
NOBODY_THERE = "{} does not answer: its node is not running"


@dataclass
class ConsoleSettings:
    clock: str = setting("realtime", "The robot's clock.", choices=("lockstep", "realtime"))
    cameras: list[str] = setting([""], "Cameras to show, by the prefix of their topics; [''] is none.")
    jpeg_quality: int = setting(80, "Quality of the pictures shown, 1 to 100.", minimum=1, maximum=100, dynamic=True)


class Console(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("console")

        # -------------------- parameters --------------------
        self.settings = declare(self, ConsoleSettings)
        cameras = camera_names(self.settings.cameras)
        gate = Gate(declare(self, GateSettings))

        # -------------------- state --------------------
        self.desk = Desk()
        self.wish: tuple[object, ...] = ()  # of the page's hands, as published last
        self.judged_at = 0.0  # s, monotonic, of the classifier's latest word

        # -------------------- interfaces --------------------
        self.teleop = self.create_publisher(TeleopAction, "teleop", qos.TELEOP)
        lockstep = self.settings.clock == "lockstep"
        state = qos.receive_state(lockstep=lockstep)
        for kind, topic, callback, profile in (
            (ActorStatus, "actor_status", self.on_actor, qos.LATCHED),
            (SafetyStatus, "safety_status", self.on_safety, qos.LATCHED),
            (EpisodeSummary, "episodes", self.on_episode, qos.EPISODES),
            (LearnerStatus, "learner_status", self.on_learner, qos.LATCHED),
            (PolicyState, "policy_state", self.on_policy, qos.POLICY_STATE),
            (RobotCommand, "command_executed", self.on_executed, qos.COMMAND),
            (Reward, "ground_truth", self.on_truth, state),
            (Reward, "reward", self.on_reward, qos.REWARD),
        ):
            self.create_subscription(kind, topic, callback, profile)
        for camera in cameras:
            topic = f"{camera}/image_raw"
            self.create_subscription(Image, topic, lambda image, camera=camera: self.on_image(camera, image), state)
        self.asked = {
            name: self.create_client(kind, name)
            for name, kind in (
                ("arm", SetBool),
                ("clear_stop", Trigger),
                ("set_mode", SetMode),
            )
        }
        seat = Seat()
        self.socket = TeleopSocket(self.on_hands, seat, lambda: self.get_clock().now().to_msg())
        self.page = OperatorPage(self.desk, cameras, self.ask, seat)
        self.server = Server(self.page.show, "hil_serl_ros", gate)
        self.socket.add_to(self.server.app)
        self.page.add_to(self.server.app)
        self.diagnostics = Diagnostics(self, self.figures)
        try:
            self.server.start()
        except PortTaken as error:
            raise SettingError(str(error)) from None
        self.get_logger().info(f"the operator's page: {self.server.gate.address}")

    # -------------------- from the page --------------------
    def on_hands(self, action: TeleopAction) -> None:
        """Publish what the page's hands do; called in the server's thread."""
        if action.source == self.socket.source:
            wish = (action.intervening, *action.motion, action.gripper)
            if action.intervening and wish != self.wish:
                self.desk.on_hand()
            self.wish = wish
        self.teleop.publish(action)

    def ask(self, name: str, done: Callable[[str], None], **request: Any) -> None:
        """Call the service ``name``; ``done`` gets why it was refused, or "". Called in the server's thread."""
        client = self.asked[name]
        if not client.service_is_ready():
            done(NOBODY_THERE.format(name))
            return
        future: Future = client.call_async(client.srv_type.Request(**request))

        def answered(future: Any) -> None:
            answer = future.result()
            done("" if answer.success else answer.message or f"{name} was refused")

        future.add_done_callback(answered)

    # -------------------- from the graph --------------------
    def on_actor(self, status: ActorStatus) -> None:
        """Follow the loop."""
        self.socket.paused = status.paused
        self.desk.on_actor(
            Actor(
                NAMES.get(status.mode, "?"),
                status.paused,
                status.reason,
                status.takeover,
                status.driver,
                status.episode,
                status.epoch,
                status.robot_steps,
                status.operator_steps,
            )
        )

    def on_safety(self, status: SafetyStatus) -> None:
        """Follow safety."""
        armed, stopped = status.state == SafetyStatus.ARMED, status.state == SafetyStatus.STOPPED
        self.desk.on_safety(Safety(armed, stopped, status.reason, DRIVERS.get(status.driver, HOLDING)))

    def on_episode(self, episode: EpisodeSummary) -> None:
        """Keep a finished episode."""
        self.desk.on_episode(
            Episode(
                NAMES.get(episode.mode, "?"),
                episode.episode,
                episode.recorded,
                episode.success,
                episode.discarded,
                episode.steps,
                episode.operator_steps,
                episode.episode_return,
            )
        )

    def on_learner(self, status: LearnerStatus) -> None:
        """Follow the learner."""
        self.desk.on_learner(
            Learner(
                status.state,
                status.updates,
                status.owed,
                status.weights_version,
                status.replay_steps,
                status.demonstration_steps,
                status.update_seconds,
            )
        )

    def on_policy(self, state: PolicyState) -> None:
        """Follow what the policy thinks."""
        self.desk.policy = Policy(state.step, state.value, state.disagreement, state.called, state.reason)

    def on_reward(self, reward: Reward) -> None:
        """Follow the judge."""
        self.judged_at = time.monotonic()
        self.desk.probability = reward.probability

    def on_truth(self, reward: Reward) -> None:
        """Follow the simulator, where no classifier judges."""
        if time.monotonic() - self.judged_at > JUDGE_SILENT:
            self.desk.probability = reward.probability

    def on_executed(self, command: RobotCommand) -> None:
        """See the page's hands arrive at the robot."""
        self.desk.on_command()
        if command.source == RobotCommand.SOURCE_HUMAN:
            self.desk.on_human_command()

    def on_image(self, camera: str, image: Image) -> None:
        """Keep a camera's picture as JPEG, if somebody looks at it or a film is made of it."""
        if not (self.page.pictures.watching or self.desk.filming):
            return
        try:
            pixels = pixels_of(frame_of(image))
        except BadFrame as bad:
            self.diagnostics.fault(f"{camera}: {bad.kind}", f"camera {camera} cannot be shown: {bad}")
            return
        quality = [cv2.IMWRITE_JPEG_QUALITY, self.settings.jpeg_quality]
        done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality)
        if done:
            self.desk.on_frame(camera, jpeg.tobytes())
            self.diagnostics.event(f"{camera} frames")

    def figures(self) -> dict[str, object]:
        """Who is there, for the diagnostics."""
        figures: dict[str, object] = {"pages": self.socket.pages}
        return figures | {f"refused messages: {name}": count for name, count in self.socket.counts.items()}

    def close(self) -> None:
        """End the page."""
        self.server.stop()


def main() -> None:
    """Run the node."""
    run_node(Console)


if __name__ == "__main__":
    main()
