"""Node ``rerunner``: runs a logged episode again, from the same start of the world, under weights of a run.

It reads like the actor's loop without all that a person needs: observe, act, wait one period, observe, over the same
``RosEnv``, `safety` and robot. It writes ``path.csv`` and ``actions.csv`` to its folder, and ends with the episode.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.env.link import LinkLost, RobotLink
from hil_serl_ros.env.ros_env import RosEnv
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.msg import Observation, RobotCommand, Transition
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.paths import compare_paths
from hil_serl_ros.ros.recorded import recorded_steps
from hil_serl_ros.ros.relearned import FOLDER, Versions
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.tasks import task_named


@dataclass
class RerunnerSettings:
    task: str = setting("pick_cube", "Task, by which the layout and the time limit are chosen.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    run_folder: str = setting("runs/run", "Folder with the log that holds the episode, and with the weights.")
    robot: str = setting("robot", "Whose episode.", name=True)
    episode: int = setting(0, "Transition.episode of the episode.", minimum=0)
    version: int = setting(-1, "Version of the weights that act; -1: those that acted, step by step.", minimum=-1)
    greedy: bool = setting(False, "Take the mean action; else the episode's own exploration is made again.")
    hands: bool = setting(True, "Do the person's steps as they were recorded; else the policy acts in them too.")
    max_episode_steps: int = setting(0, "Time limit of an episode; 0: the task's own.", unit="steps", minimum=0)
    gripper_penalty: float = setting(-0.02, "Reward for a change of the gripper's state.", maximum=0.0)


class Rerunner(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("rerunner")

        # -------------------- parameters --------------------
        self.settings = declare(self, RerunnerSettings)
        settings = self.settings
        task = task_named(settings.task)
        self.folder = Path(settings.run_folder)
        self.layout = declare(self, ObservationSettings).layout(task.name)

        # -------------------- state --------------------
        try:
            self.recorded: list[Transition] = recorded_steps(log_index(self.folder), settings.robot, settings.episode)
        except ValueError as error:
            raise SettingError(str(error)) from None
        self.versions = Versions(self.folder / FOLDER, self.layout)
        self.limit = settings.max_episode_steps or task.max_episode_steps

        # -------------------- interfaces --------------------
        self.diagnostics = Diagnostics(self)

    # -------------------- the episode --------------------
    def run(self, executor: Executor) -> None:
        """One episode, and how it went.

        Raises:
            SettingError: the robot is silent.
        """
        settings, recorded = self.settings, self.recorded
        # What a person ended, nobody ends now.
        limit = len(recorded) if settings.version < 0 else self.limit
        link = RobotLink(self, executor, lockstep=settings.clock == "lockstep")
        env = RosEnv(link, self.layout, limit, settings.gripper_penalty)
        policy = self.versions.policy
        policy.random = np.random.default_rng(recorded[0].seed)
        actions: list[np.ndarray] = []
        success, total = False, 0.0
        try:
            observation, _ = env.reset(seed=recorded[0].seed)
            seen = [env.message]
            over = False
            while not over:
                then = recorded[len(actions)] if len(actions) < len(recorded) else None
                self.versions.use(settings.version if then is None or settings.version >= 0 else then.weights_version)
                # Asked at each step, as the actor does: exploration goes on while a person drives.
                action = policy.act(observation, deterministic=settings.greedy)
                by_hand = settings.hands and then is not None and then.intervention
                if by_hand and then is not None:
                    action = np.array(then.action, np.float32)
                env.source = RobotCommand.SOURCE_HUMAN if by_hand else RobotCommand.SOURCE_POLICY
                observation, reward, terminated, truncated, info = env.step(action)
                seen.append(env.message)
                actions.append(info["executed_action"])
                success, total = info["is_success"], total + reward
                over = terminated or truncated
                print(f"progress: {len(actions)} {limit} rerun", flush=True)
        except LinkLost as lost:
            raise SettingError(f"{lost}; the episode is not whole") from None
        self.conclude(seen, actions, success=success, total=total)

    # -------------------- words --------------------
    def conclude(self, seen: list[Observation], actions: list[np.ndarray], *, success: bool, total: float) -> None:
        """Write path and actions, and say the result."""
        recorded, path = self.recorded, self.folder / "path.csv"
        largest, _ = compare_paths(path, recorded, seen, self.layout)
        same = sum(
            np.array_equal(action, np.array(step.action, np.float32))
            for action, step in zip(actions, recorded, strict=False)
        )
        with (self.folder / "actions.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["step", "weights_version", "intervention", *(f"recorded_{i}" for i in range(4)), *range(4)])
            for number, action in enumerate(actions):
                step = recorded[number] if number < len(recorded) else None
                then = list(step.action) if step is not None else [""] * 4
                version = self.settings.version
                if version < 0 and step is not None:
                    version = step.weights_version
                table.writerow([number, version, step is not None and step.intervention, *then, *action.tolist()])
        print(f"path: {path}", flush=True)
        print(
            f"result: success={success} return={total:.3f} steps={len(actions)} same_actions={same}/{len(recorded)} "
            f"path_max_m={largest:.6f} recorded_success={recorded[-1].success} recorded_steps={len(recorded)}",
            flush=True,
        )


def main() -> None:
    """Run the node."""
    run_node(Rerunner)


if __name__ == "__main__":
    main()
