"""Node ``keyboard_teleop``: a person's hands on the keyboard of a terminal, also over SSH. Keys in, teleop actions out.

It reads its own terminal and nothing else: what is typed in other windows does not reach it.
"""

from __future__ import annotations

import signal
import termios
import time
from dataclasses import dataclass

from rclpy.duration import Duration
from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.env.hands import Hands, own_name
from hil_serl_ros.env.keys import HELP, LEAVE, KeyMap
from hil_serl_ros.env.modes import IDLE, NAMES
from hil_serl_ros.env.terminal_keys import PLAIN_HELP, HeldKeys
from hil_serl_ros.env.terminal_screen import TerminalScreen
from hil_serl_ros.msg import ActorStatus, RobotCommand, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.run import turn
from hil_serl_ros.settings import setting

SAFETY_SILENT = 2.5  # s without a word of safety, which speaks once a second


@dataclass
class KeyboardSettings:
    heartbeat: float = setting(
        0.02, "Time between two words while no key changes.", unit="s", minimum=0.005, maximum=0.1
    )
    hold: float = setting(
        0.15,
        "How long a typed key moves the arm, where the terminal does not tell of releases.",
        unit="s",
        minimum=0.05,
        maximum=0.5,
    )
    silence: float = setting(
        0.25,
        "Time without an answer of the terminal after which the line to it is lost.",
        unit="s",
        minimum=0.15,
        maximum=5.0,
    )


class KeyboardTeleop(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("keyboard_teleop")

        # -------------------- parameters --------------------
        self.settings = declare(self, KeyboardSettings)
        self.screen = TerminalScreen(self.settings.silence)

        # -------------------- state --------------------
        self.hands = Hands(own_name("keyboard"), toggle=True)
        self.keys = HeldKeys(self.screen.releases, self.settings.hold)
        self.map = KeyMap()
        self.due = 0.0  # of the next word, s
        self.left = False
        self.linked = True
        self.actor: ActorStatus | None = None
        self.safety: SafetyStatus | None = None
        self.safety_at = 0.0  # s, monotonic, of its latest word

        # -------------------- interfaces --------------------
        self.publisher = self.create_publisher(TeleopAction, "teleop", qos.TELEOP)
        self.create_subscription(ActorStatus, "actor_status", self.on_actor, qos.LATCHED)
        self.create_subscription(SafetyStatus, "safety_status", self.on_safety, qos.LATCHED)
        self.diagnostics = Diagnostics(self, lambda: {"terminal": self.linked})

    # -------------------- callbacks --------------------
    def on_actor(self, status: ActorStatus) -> None:
        """Know who drives, and what the pause key means."""
        self.actor, self.hands.paused = status, status.paused

    def on_safety(self, status: SafetyStatus) -> None:
        """Know whether the arm is stopped, and who moves it."""
        self.safety, self.safety_at = status, time.monotonic()
        self.hands.stopped = status.state == SafetyStatus.STOPPED

    # -------------------- the loop --------------------
    def run(self, executor: Executor) -> None:
        """Read keys until the person leaves or the terminal is gone."""
        signal.signal(signal.SIGHUP, lambda number, frame: self.leave())
        try:
            with self.screen.open():
                try:
                    while self.context.ok() and not self.left:
                        self.turn(executor)
                finally:
                    if self.context.ok():
                        self.publisher.publish(self.hands.gone())
                        # With the process goes what the middleware has not delivered yet.
                        self.publisher.wait_for_all_acked(Duration(seconds=0.5))
        except (EOFError, OSError, termios.error):
            self.diagnostics.fault("terminal lost", "the terminal is gone")

    def leave(self) -> None:
        """End after this turn."""
        self.left = True

    def turn(self, executor: Executor) -> None:
        """Read at most one key, say what the hands do, serve ROS, draw."""
        now = time.monotonic()
        stroke = self.screen.stroke(max(min(self.due - now, 0.01), 0.0), now)
        now = time.monotonic()
        if stroke is not None:
            self.take(stroke.code, stroke.released, now)
        if not self.screen.alive(now):
            # Nobody drives over a line that lags, but a stop is a stop.
            stop = self.map.read(self.keys.held(now)).stop
            for word in self.hands.only_stop(stop, self.get_clock().now().to_msg()):
                self.publisher.publish(word)
            self.lose()
        elif not self.left and (stroke is not None or now >= self.due):
            self.linked = True
            self.due = now + self.settings.heartbeat
            for word in self.hands.words(self.map.read(self.keys.held(now)), self.get_clock().now().to_msg()):
                self.publisher.publish(word)
            self.diagnostics.event("keys")
        turn(executor, self, 0.0)
        self.screen.draw(self.lines())

    def take(self, code: str, released: bool, now: float) -> None:
        """One key, or the window."""
        if code == "blur":
            self.keys.release_all()  # nobody would tell of their releases
        elif released:
            self.keys.released(code)
        elif code == LEAVE:
            self.publisher.publish(self.hands.release(self.get_clock().now().to_msg()))
            self.leave()
        else:
            self.keys.typed(code, now)

    def lose(self) -> None:
        """The line to the terminal is dead: nobody drives with it."""
        self.keys.release_all()
        if self.linked:
            self.linked = False
            self.publisher.publish(self.hands.gone())
            self.diagnostics.fault("terminal lost", "the terminal does not answer; whoever drove drives no more")

    # -------------------- the screen --------------------
    def lines(self) -> list[str]:
        """What is on the screen."""
        keys = HELP if self.screen.releases else PLAIN_HELP
        wide = max(len(key) for key, _ in keys)
        table = [f"  {key:{wide}}  {text}" for key, text in keys]
        return ["hil-serl keyboard", "", *self.driving(), "", *table]

    def driving(self) -> tuple[str, str]:
        """Who moves the arm, and why if that is nobody; as the page says it."""
        actor, safety = self.actor, self.safety
        if actor is None or safety is None:
            return self.screen.bold("no graph is heard"), "start one, in the same ROS domain"
        if time.monotonic() - self.safety_at > SAFETY_SILENT:
            return self.screen.bold("STOPPED"), "no word from safety: the arm holds"
        if safety.state == SafetyStatus.STOPPED:
            return self.screen.bold("STOPPED"), f"{safety.reason}; look at the arm, then clear the stop and arm (page)"
        if safety.state == SafetyStatus.DISARMED:
            return self.screen.bold("STOPPED"), safety.reason
        if safety.driver == RobotCommand.SOURCE_HUMAN:
            who = "YOU DRIVE" if actor.driver == self.hands.source else f"{actor.driver or 'a person'} drives"
            return self.screen.bold(who), ""
        if safety.driver == RobotCommand.SOURCE_POLICY:
            return self.screen.bold(f"the policy drives ({NAMES.get(actor.mode, 'unknown')})"), ""
        # An idle actor is silent: safety's word about that is no news.
        idle = "nothing is asked of the arm" if actor.mode == IDLE else safety.reason
        return self.screen.bold("HOLDING"), actor.reason or idle


def main() -> None:
    """Run the node."""
    run_node(KeyboardTeleop)


if __name__ == "__main__":
    main()
