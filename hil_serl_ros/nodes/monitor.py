"""Node ``monitor``: counts the run, says how far it is, and ends it with one plain line.

It writes ``episodes.csv`` and the learning curve to the run folder, and ends when the schedule is done.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.data.curve import draw_curve
from hil_serl_ros.data.metrics import EPISODE_COLUMNS, EpisodeWriter, evaluation_line
from hil_serl_ros.msg import ActorStatus, EpisodeSummary, LearnerStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import setting

MODES = {
    ActorStatus.MODE_IDLE: "idle",
    ActorStatus.MODE_DEMONSTRATE: "demonstrate",
    ActorStatus.MODE_TRAIN: "train",
    ActorStatus.MODE_EVALUATE: "evaluate",
}
RECENT = 20  # episodes of the running success rate


@dataclass
class MonitorSettings:
    run: str = setting("run", "Name of the run.")
    run_folder: str = setting("runs/run", "Folder of the run.")
    started: float = setting(0.0, "When the run was started (seconds since 1970); 0: when this node did.", unit="s")
    train_steps: int = setting(0, "Robot steps until which is trained, for the progress.", unit="steps", minimum=0)
    evaluate_episodes: int = setting(0, "Episodes of the evaluation, for the progress.", unit="episodes", minimum=0)


class Monitor(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("monitor")

        # -------------------- parameters --------------------
        self.settings = declare(self, MonitorSettings)

        # -------------------- state --------------------
        self.folder = Path(self.settings.run_folder)
        self.table = EpisodeWriter(self.folder)
        self.started = self.settings.started or time.time()
        self.trained_at: float | None = None
        self.evaluation_started = 0.0
        self.actor: ActorStatus | None = None
        self.recent: deque[bool] = deque(maxlen=RECENT)
        self.evaluated: list[EpisodeSummary] = []
        self.robot_steps = self.operator_steps = 0
        self.finished = False

        # -------------------- interfaces --------------------
        self.create_subscription(EpisodeSummary, "episodes", self.on_episode, qos.EPISODES)
        self.create_subscription(ActorStatus, "actor_status", self.on_actor, qos.LATCHED)
        self.create_subscription(LearnerStatus, "learner_status", self.on_learner, qos.LATCHED)
        self.diagnostics = Diagnostics(self)
        self.create_timer(1.0, self.show, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -------------------- callbacks --------------------
    def on_actor(self, status: ActorStatus) -> None:
        """Follow the actor's mode and steps."""
        if status.run != self.settings.run:
            return
        self.actor = status
        self.robot_steps, self.operator_steps = status.robot_steps, status.operator_steps
        if status.mode == ActorStatus.MODE_EVALUATE and not self.evaluation_started:
            self.evaluation_started = time.time()
        self.finish_if_done()

    def on_learner(self, status: LearnerStatus) -> None:
        """Training is over when the weights hold every step and no update is owed."""
        over = self.actor is not None and (self.evaluation_started or self.actor.finished)
        if over and self.trained_at is None and not status.owed and status.weights_version >= self.robot_steps:
            self.trained_at = time.time()

    def on_episode(self, episode: EpisodeSummary) -> None:
        """Count a finished episode."""
        if episode.run != self.settings.run:
            return
        row = {name: getattr(episode, name) for name in EPISODE_COLUMNS}
        self.table.add(row | {"mode": MODES[episode.mode]})
        self.robot_steps, self.operator_steps = episode.robot_steps, episode.operator_steps_total
        if episode.mode == ActorStatus.MODE_EVALUATE:
            self.evaluated.append(episode)
        elif episode.mode == ActorStatus.MODE_TRAIN:
            self.recent.append(episode.success)
        self.finish_if_done()

    def finish_if_done(self) -> None:
        """The schedule is done when the actor says so and each evaluated episode has arrived."""
        if self.actor is not None and self.actor.finished:
            self.finished = len(self.evaluated) >= self.settings.evaluate_episodes

    # -------------------- words --------------------
    def show(self) -> None:
        """One line of progress: done, of how many, and how it goes."""
        if self.evaluation_started:
            good = sum(e.success for e in self.evaluated)
            self.say(len(self.evaluated), self.settings.evaluate_episodes, f"evaluate: {good} succeeded")
        elif self.actor is not None:
            rate = f"{100 * sum(self.recent) / len(self.recent):.0f} %" if self.recent else "-"
            text = f"{MODES[self.actor.mode]}: success {rate}, operator {self.operator_steps} steps"
            self.say(self.robot_steps, self.settings.train_steps, text)

    def say(self, done: int, of: int, text: str) -> None:
        """Print one line that a person and ``hil-serl``'s progress bar can read."""
        print(f"progress: {done} {of} {text}", flush=True)

    def run(self, executor: Executor) -> None:
        """Watch until the schedule is done, then say how it ended."""
        while self.context.ok() and not self.finished:
            executor.spin_once(timeout_sec=0.5)
        if not self.finished:
            return
        self.show()
        draw_curve(self.folder / "episodes.csv", self.folder / "curve.png")
        wall = (self.trained_at or time.time()) - self.started
        evaluated = self.evaluated
        if evaluated:
            seconds = (time.time() - self.evaluation_started) / len(evaluated)
            mean = sum(e.episode_return for e in evaluated) / len(evaluated)
            good = sum(e.success for e in evaluated)
            print(evaluation_line(mean, good / len(evaluated), seconds), flush=True)
        print(f"curve: {self.folder / 'curve.png'}", flush=True)
        print(
            f"result: success={sum(e.success for e in evaluated)}/{len(evaluated)} "
            f"robot_steps={self.robot_steps} operator_steps={self.operator_steps} wall_s={wall:.0f}",
            flush=True,
        )

    def close(self) -> None:
        """Leave the table whole."""
        self.table.close()


def main() -> None:
    """Run the node."""
    run_node(Monitor)


if __name__ == "__main__":
    main()
