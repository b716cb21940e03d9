"""Node ``replayer``: has the actor do a recorded episode again, and says how near the tool came to the recorded path.

It writes ``path.csv`` to the run folder, and ends when the episode is over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.msg import ActorStatus, Observation, Reward, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.paths import compare_paths
from hil_serl_ros.ros.recorded import recorded_steps
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.run import turn
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.tasks import name_of
from hil_serl_ros.srv import SetMode

PATIENCE = 60.0  # s without a step before the robot is given up; a person may have to arm it first
SETTLE = 0.5  # s that the judge's last word is waited for
SPACING = 0.75  # control periods between two observations that are steps


@dataclass
class ReplayerSettings:
    task: str = setting("pick_cube", "Task, by which the layout is chosen.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    run_folder: str = setting("runs/run", "Folder with the log that holds the episode; the path goes into it.")
    robot: str = setting("robot", "Whose episode.", name=True)
    episode: int = setting(0, "Transition.episode of the episode.", minimum=0)


class Replayer(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("replayer")

        # -------------------- parameters --------------------
        self.settings = declare(self, ReplayerSettings)
        settings = self.settings
        self.folder = Path(settings.run_folder)
        self.layout = declare(self, ObservationSettings).layout(name_of(settings.task))

        # -------------------- state --------------------
        try:
            self.recorded: list[Transition] = recorded_steps(log_index(self.folder), settings.robot, settings.episode)
        except ValueError as error:
            raise SettingError(str(error)) from None
        self.status = ActorStatus()
        self.asked = False
        self.epochs: list[int] = []  # that the actor replayed in
        self.observations: dict[int, dict[int, Observation]] = {}  # by epoch and stamp
        self.rewards: dict[int, Reward] = {}  # by stamp
        self.heard = time.monotonic()  # when something of the episode came last

        # -------------------- interfaces --------------------
        state = qos.receive_state(lockstep=settings.clock == "lockstep")
        self.create_subscription(Observation, "observation", self.on_observation, state)
        self.create_subscription(Reward, "ground_truth", self.on_reward, state)
        self.create_subscription(ActorStatus, "actor_status", self.on_status, qos.LATCHED)
        self.client = self.create_client(SetMode, "set_mode")
        self.diagnostics = Diagnostics(self)

    # -------------------- callbacks --------------------
    def on_status(self, status: ActorStatus) -> None:
        """Follow what the actor does."""
        if status.mode == ActorStatus.MODE_REPLAY and status.reason and status.reason != self.status.reason:
            print(f"the robot waits: {status.reason}", flush=True)
        if self.asked and status.epoch != self.status.epoch and status.mode == ActorStatus.MODE_REPLAY:
            self.epochs.append(status.epoch)
        self.status = status

    def on_observation(self, message: Observation) -> None:
        """Keep what was seen, apart from what a robot repeats and what lies between two steps."""
        seen = self.observations.setdefault(message.epoch, {})
        stamp = nanoseconds(message.header.stamp)
        due = round(SPACING * self.layout.control_period * 1e9) + max(seen, default=-(2**62))
        if stamp >= due:
            seen[stamp] = message
            self.heard = time.monotonic()

    def on_reward(self, message: Reward) -> None:
        """Keep the judge's words."""
        self.rewards[nanoseconds(message.header.stamp)] = message

    # -------------------- the episode --------------------
    def run(self, executor: Executor) -> None:
        """Ask for the episode, see it through, say how it went."""
        settings = self.settings
        self.until(executor, self.client.service_is_ready, "service set_mode (node policy_actor)")
        request = SetMode.Request(mode=ActorStatus.MODE_REPLAY, episodes=1, episode=settings.episode)
        self.asked = True
        future = self.client.call_async(request)
        self.until(executor, future.done, "answer of set_mode")
        answer = future.result()
        if not answer.success:
            raise SettingError(answer.message)
        self.until(executor, lambda: self.status.mode == ActorStatus.MODE_REPLAY, "episode")
        # The status tells its epoch with the first observation after the reset.
        before = self.status.epoch
        self.until(
            executor, lambda: self.status.epoch != before or self.status.mode != ActorStatus.MODE_REPLAY, "reset"
        )
        epoch, steps = self.status.epoch, len(self.recorded)

        def over() -> bool:
            done = len(self.observations.get(epoch, {})) - 1
            print(f"progress: {max(0, min(done, steps))} {steps} replay", flush=True)
            return self.status.mode != ActorStatus.MODE_REPLAY

        self.until(executor, over, "step")
        end = time.monotonic() + SETTLE
        while time.monotonic() < end:
            turn(executor, self, 0.05)
        self.conclude(list(self.observations.get(epoch, {}).items())[: steps + 1])

    def until(self, executor: Executor, ready: object, missing: str) -> None:
        """Serve callbacks until ``ready()``.

        Raises:
            SettingError: nothing has come for too long.
        """
        self.heard = time.monotonic()
        while self.context.ok() and not ready():  # type: ignore[operator]
            turn(executor, self, 0.2)
            if time.monotonic() - self.heard > PATIENCE:
                raise SettingError(f"no {missing} for {PATIENCE:.0f} s")

    def conclude(self, seen: list[tuple[int, Observation]]) -> None:
        """Write the path and say the result."""
        last = self.recorded[-1]
        file = self.folder / "path.csv"
        largest, mean = compare_paths(file, self.recorded, [message for _, message in seen], self.layout)
        done = f"{max(0, len(seen) - 1)}/{len(self.recorded)}"
        judged = [self.rewards[stamp] for stamp, _ in seen if stamp in self.rewards]
        success = str(any(reward.success for reward in judged)) if judged else "not judged"
        print(f"path: {file}", flush=True)
        print(
            f"result: path_max_m={largest:.6f} path_mean_m={mean:.6f} steps={done} "
            f"success={success} recorded_success={last.success}",
            flush=True,
        )


def main() -> None:
    """Run the node."""
    run_node(Replayer)


if __name__ == "__main__":
    main()
