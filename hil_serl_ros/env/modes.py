"""What the episode loop does next: the one state machine of the modes."""

from __future__ import annotations

from dataclasses import dataclass

from hil_serl_ros.msg import ActorStatus

IDLE, DEMONSTRATE = ActorStatus.MODE_IDLE, ActorStatus.MODE_DEMONSTRATE
TRAIN, EVALUATE = ActorStatus.MODE_TRAIN, ActorStatus.MODE_EVALUATE
COLLECT, DRIVE, REPLAY = ActorStatus.MODE_COLLECT, ActorStatus.MODE_DRIVE, ActorStatus.MODE_REPLAY
NAMES = {
    IDLE: "idle",
    DEMONSTRATE: "demonstrate",
    TRAIN: "train",
    EVALUATE: "evaluate",
    COLLECT: "collect",
    DRIVE: "drive",
    REPLAY: "replay",
}
SHOWN = (DEMONSTRATE, COLLECT, DRIVE)  # the operator moves the arm, or it holds
POLICY = (TRAIN, EVALUATE)  # the policy moves the arm
RECORDED = (DEMONSTRATE, COLLECT, TRAIN)  # steps that go to the learner's log
ENDLESS = 2**62


@dataclass(frozen=True)
class Progress:
    """One episode done in ``mode``."""

    mode: int
    success: bool


class Schedule:
    """Collect for the classifier, demonstrate, train, evaluate, in that order; a request replaces what is left.

    Args:
        demonstrations: successful demonstrations to record first.
        train_steps: steps of the robot in all, demonstrations included, until which to train then.
        evaluate_episodes: greedy episodes at the end.
        collect_episodes: episodes that show success and failure, before all else.
    """

    def __init__(
        self, demonstrations: int, train_steps: int, evaluate_episodes: int, collect_episodes: int = 0
    ) -> None:
        self.interrupted = False
        self._left = {COLLECT: collect_episodes, DEMONSTRATE: demonstrations, TRAIN: ENDLESS}
        self._left |= {EVALUATE: evaluate_episodes, DRIVE: 0, REPLAY: 0}
        self._train_steps = train_steps
        self._more_steps = 0  # asked for by a request, from the next look on

    def ask(self, mode: int, episodes: int, steps: int) -> None:
        """Do ``episodes`` in ``mode`` (0: no limit; replay: once), training ``steps`` more steps (0: no limit).

        The present episode is cut.

        Raises:
            ValueError: an unknown mode.
        """
        if mode not in NAMES:
            known = ", ".join(f"{number} {name}" for number, name in NAMES.items())
            raise ValueError(f"mode {mode} is unknown; the modes are {known}")
        self._left = dict.fromkeys(self._left, 0)
        if mode != IDLE:
            self._left[mode] = episodes or (1 if mode == REPLAY else ENDLESS)
        self._train_steps = 0
        self._more_steps = (steps or ENDLESS) if mode == TRAIN else 0
        self.interrupted = True

    def demonstrate_next(self) -> None:
        """One demonstration more, before all that is left; the present episode is cut."""
        self._left[DEMONSTRATE] += 1
        self.interrupted = True

    def mode(self, robot_steps: int) -> int:
        """What to do next after ``robot_steps`` of demonstrations and training."""
        self.interrupted = False
        if self._more_steps:
            self._train_steps, self._more_steps = robot_steps + self._more_steps, 0
        for mode in (COLLECT, DEMONSTRATE, REPLAY, DRIVE):
            if self._left[mode] > 0:
                return mode
        if robot_steps < self._train_steps and self._left[TRAIN] > 0:
            return TRAIN
        return EVALUATE if self._left[EVALUATE] > 0 else IDLE

    def done(self, progress: Progress) -> None:
        """Count one finished episode; a demonstration that failed does not count, nor one that a request cut."""
        if not self.interrupted and (progress.success or progress.mode != DEMONSTRATE):
            self._left[progress.mode] -= 1
