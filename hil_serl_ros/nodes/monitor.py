"""Node ``monitor``: counts the run, says how far it is, and ends it with one plain line.

It writes ``episodes.csv`` and the learning curve to the run folder, and ends when the schedule is done. Of several
robots it counts the steps of all, and waits for each.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor
from rclpy.node import Node

from hil_serl_ros.data.curve import draw_curve
from hil_serl_ros.data.metrics import EPISODE_COLUMNS, EpisodeWriter, evaluation_line
from hil_serl_ros.env.modes import NAMES
from hil_serl_ros.msg import ActorStatus, EpisodeSummary, LearnerStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.run import turn
from hil_serl_ros.settings import setting

RECENT = 20  # episodes of the running success rate


@dataclass
class MonitorSettings:
    run: str = setting("run", "Name of the run.", name=True)
    run_folder: str = setting("runs/run", "Folder of the run.")
    started: float = setting(0.0, "When the run was started (seconds since 1970); 0: when this node did.", unit="s")
    train_steps: int = setting(0, "Robot steps until which is trained, for the progress.", unit="steps", minimum=0)
    recorded_steps: int = setting(
        0, "Robot steps recorded before this run, for the classifier; the result counts them.", unit="steps", minimum=0
    )
    collect_episodes: int = setting(
        0, "Episodes for the reward classifier, for the progress.", unit="episodes", minimum=0
    )
    demonstrations: int = setting(0, "Demonstrations, for the progress.", unit="episodes", minimum=0)
    evaluate_episodes: int = setting(0, "Episodes of the evaluation, for the progress.", unit="episodes", minimum=0)
    restarts: int = setting(0, "How often it was killed and started again in this run.", minimum=0)
    interactive: bool = setting(False, "A person decides when the run ends; then the result is said too.")
    robots: list[str] = setting([""], "Namespaces of several robots; one empty name: one robot in the monitor's own.")


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
        self.actors: dict[str, ActorStatus] = {}  # by namespace
        self.steps: dict[str, tuple[int, int]] = {}  # of each robot, and those of them that the operator drove
        self.recent: deque[bool] = deque(maxlen=RECENT)
        # By robot and number: an actor that was killed evaluates from its first again.
        self.evaluated: dict[tuple[str, int], EpisodeSummary] = {}
        self.shown = 0  # episodes of the operator that count
        self.finished = False
        # What a killed monitor wrote, and what the actor tells anew.
        rows = self.table.rows()
        numbers = ("episode", "weights_version")
        self.written = {(row["mode"], row["robot"], *(int(row[name]) for name in numbers)) for row in rows}
        if self.settings.restarts:
            self.remember(rows)

        # -------------------- interfaces --------------------
        for robot in self.settings.robots:
            space = f"{robot}/" if robot else ""
            self.create_subscription(EpisodeSummary, f"{space}episodes", self.on_episode, qos.EPISODES)
            self.create_subscription(ActorStatus, f"{space}actor_status", partial(self.on_actor, robot), qos.LATCHED)
        self.create_subscription(LearnerStatus, "learner_status", self.on_learner, qos.LATCHED)
        self.diagnostics = Diagnostics(self)
        self.create_timer(1.0, self.show, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -------------------- callbacks --------------------
    def on_actor(self, space: str, status: ActorStatus) -> None:
        """Follow an actor's mode and steps."""
        if status.run != self.settings.run:
            return
        before, self.actors[space] = self.actors.get(space), status
        self.steps[status.robot] = status.robot_steps, status.operator_steps
        if status.mode == ActorStatus.MODE_EVALUATE and (before is None or before.mode != ActorStatus.MODE_EVALUATE):
            self.evaluation_started = self.evaluation_started or time.time()
            if before is not None:  # else it may go on with what a killed monitor counted
                self.evaluated = {key: one for key, one in self.evaluated.items() if key[0] != status.robot}
                self.evaluation_started = self.evaluation_started if self.evaluated else time.time()
        self.finish_if_done()

    def on_learner(self, status: LearnerStatus) -> None:
        """Training is over when the weights hold every step and no update is owed."""
        over = self.all_are(lambda actor: actor.mode == ActorStatus.MODE_EVALUATE or actor.finished)
        if over and self.trained_at is None and not status.owed and status.weights_version >= self.robot_steps:
            self.trained_at = time.time()

    def on_episode(self, episode: EpisodeSummary) -> None:
        """Count a finished episode."""
        if episode.run != self.settings.run:
            return
        mode = NAMES[episode.mode]
        if (key := (mode, episode.robot, episode.episode, episode.weights_version)) not in self.written:
            self.written.add(key)
            self.count(episode)
            row = {name: getattr(episode, name) for name in EPISODE_COLUMNS} | {"mode": mode}
            self.table.add(row | {"robot_steps": self.robot_steps, "operator_steps_total": self.operator_steps})
        if episode.mode == ActorStatus.MODE_EVALUATE:
            self.evaluated[episode.robot, episode.episode] = episode
        self.finish_if_done()

    def remember(self, rows: list[dict[str, str]]) -> None:
        """Count what a killed monitor had counted; each robot's own steps the robot says again."""
        modes = {name: mode for mode, name in NAMES.items()}
        for row in rows:
            whole = {n: int(row[n]) for n in ("episode", "steps", "robot_steps", "operator_steps_total")}
            episode = EpisodeSummary(mode=modes[row["mode"]], success=row["success"] == "True", **whole)
            episode.episode_return, episode.robot = float(row["episode_return"]), row["robot"]
            self.count(episode)
            if episode.mode == ActorStatus.MODE_EVALUATE:
                self.evaluated[episode.robot, episode.episode] = episode
        if len(self.settings.robots) > 1:
            self.steps.clear()  # the rows count all robots' together

    def count(self, episode: EpisodeSummary) -> None:
        """Count an episode for the progress."""
        self.steps[episode.robot] = episode.robot_steps, episode.operator_steps_total
        if episode.mode == ActorStatus.MODE_TRAIN:
            self.recent.append(episode.success)
        elif episode.mode != ActorStatus.MODE_EVALUATE:
            self.shown += episode.mode == ActorStatus.MODE_COLLECT or episode.success

    def finish_if_done(self) -> None:
        """The schedule is done when each actor says so and each evaluated episode has arrived."""
        if self.all_are(lambda actor: actor.finished):
            self.finished = len(self.evaluated) >= self.settings.evaluate_episodes

    # -------------------- all robots --------------------
    @property
    def robot_steps(self) -> int:
        """Of all robots together."""
        return sum(steps for steps, _ in self.steps.values())

    @property
    def operator_steps(self) -> int:
        """Those of them that an operator drove."""
        return sum(driven for _, driven in self.steps.values())

    def all_are(self, so: Callable[[ActorStatus], bool]) -> bool:
        """Each robot has been heard of, and its actor is so."""
        return len(self.actors) == len(self.settings.robots) and all(so(actor) for actor in self.actors.values())

    # -------------------- words --------------------
    def show(self) -> None:
        """One line of progress: done, of how many, and how it goes."""
        modes = [actor.mode for actor in self.actors.values()]
        if self.evaluated or (modes and all(mode == ActorStatus.MODE_EVALUATE for mode in modes)):
            good = sum(e.success for e in self.evaluated.values())
            self.say(len(self.evaluated), self.settings.evaluate_episodes, f"evaluate: {good} succeeded")
        elif modes:
            rate = f"{100 * sum(self.recent) / len(self.recent):.0f} %" if self.recent else "-"
            names = "/".join(dict.fromkeys(NAMES[mode] for mode in modes))
            text = f"{names}: success {rate}, operator {self.operator_steps} steps"
            if self.settings.train_steps:
                self.say(self.robot_steps, self.settings.train_steps, text)
            else:
                self.say(self.shown, self.settings.collect_episodes + self.settings.demonstrations, text)

    def say(self, done: int, of: int, text: str) -> None:
        """Print one line that a person and ``hil-serl``'s progress bar can read."""
        print(f"progress: {done} {of} {text}", flush=True)

    def run(self, executor: Executor) -> None:
        """Watch until the schedule is done, or the person ends it, then say how it ended."""
        while self.context.ok() and not self.finished:
            turn(executor, self, 0.5)
        if self.finished or (self.settings.interactive and self.robot_steps):
            self.show()
            self.conclude()

    def conclude(self) -> None:
        """Draw the curve and say the result."""
        draw_curve(self.folder / "episodes.csv", self.folder / "curve.png")
        wall = (self.trained_at or time.time()) - self.started
        evaluated = list(self.evaluated.values())
        done = f"success={sum(e.success for e in evaluated)}/{len(evaluated)}"
        if evaluated:
            seconds = (time.time() - self.evaluation_started) / len(evaluated)
            mean = sum(e.episode_return for e in evaluated) / len(evaluated)
            print(evaluation_line(mean, sum(e.success for e in evaluated) / len(evaluated), seconds), flush=True)
        elif not self.settings.train_steps and not self.settings.evaluate_episodes:
            done = f"recorded={self.shown}"
        print(f"curve: {self.folder / 'curve.png'}", flush=True)
        print(
            f"result: {done} "
            f"robot_steps={self.robot_steps + self.settings.recorded_steps} "
            f"operator_steps={self.operator_steps + self.settings.recorded_steps} wall_s={wall:.0f}",
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
