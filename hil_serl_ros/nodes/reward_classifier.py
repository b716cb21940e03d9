"""Node ``reward_classifier``: success probability and reward of each `Observation`, from a trained classifier.

Pictures that it was not trained for are refused and get no reward at all: the actor waits, and the arm holds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rclpy.node import Node

from hil_serl_ros.data.classifier_folder import load
from hil_serl_ros.learning.classifier import ClassifierError
from hil_serl_ros.learning.classifier_verdict import Verdict
from hil_serl_ros.learning.layout import STATE, panda_layout
from hil_serl_ros.msg import Observation, Reward
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, observation_pictures
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import SettingError, setting


@dataclass
class RewardClassifierSettings:
    classifier: str = setting("classifier", "Folder that hil-serl classifier train made.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    threshold: float = setting(
        0.0, "Probability from which it is a success; 0: the classifier's own.", minimum=0.0, maximum=1.0
    )
    consecutive: int = setting(2, "Observations in a row that make a success.", minimum=1, maximum=100)
    condition_element: str = setting(
        "", "Element of the robot's state that must lie in a range too, as tool_z or gripper_command; empty: none."
    )
    condition_minimum: float = setting(-1e9, "Least value of that element, in its own unit.")
    condition_maximum: float = setting(1e9, "Largest value of that element, in its own unit.")
    device: str = setting("cpu", "Where the encoder runs: cpu or cuda.")


class RewardClassifierNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("reward_classifier")

        # -------------------- parameters --------------------
        self.settings = declare(self, RewardClassifierSettings)
        settings = self.settings
        names = panda_layout().vectors[STATE].names
        if settings.condition_element and settings.condition_element not in names:
            raise SettingError(f"there is no state {settings.condition_element}; choose one of {', '.join(names)}")
        if settings.condition_minimum > settings.condition_maximum:
            raise SettingError("condition_minimum is above condition_maximum")
        self.element = names.index(settings.condition_element) if settings.condition_element else None
        torch.set_num_threads(1)
        try:
            self.classifier = load(Path(settings.classifier), settings.device)
        except ClassifierError as error:
            raise SettingError(str(error)) from None
        self.threshold = settings.threshold or self.classifier.threshold

        # -------------------- state --------------------
        self.verdict = Verdict(settings.consecutive)
        self.answered: tuple[int, int, Reward] | None = None  # epoch, stamp and answer
        self.refused = False
        self.probability = self.distance = self.seconds = 0.0

        # -------------------- interfaces --------------------
        lockstep = settings.clock == "lockstep"
        self.publisher = self.create_publisher(Reward, "reward", qos.REWARD)
        state = qos.receive_state(lockstep=lockstep)
        self.create_subscription(Observation, "observation", self.on_observation, state)
        self.diagnostics = Diagnostics(
            self,
            lambda: {
                "probability": round(self.probability, 4),
                "threshold": round(self.threshold, 4),
                "distance to the training data": round(self.distance, 3),
                "distance that is unlike it": round(self.classifier.familiar.limit, 3),
                "seconds per observation": round(self.seconds, 4),
            },
        )
        claim(self, declare(self, UrgencySettings), realtime=not lockstep)

    # -------------------- callbacks --------------------
    def on_observation(self, message: Observation) -> None:
        """Judge one observation; a repeated one gets the same answer."""
        stamp = nanoseconds(message.header.stamp)
        if self.answered is not None and self.answered[:2] == (message.epoch, stamp):
            self.publisher.publish(self.answered[2])
            return
        started = time.perf_counter()
        try:
            pictures = observation_pictures(message, dict.fromkeys(self.classifier.cameras, self.classifier.picture))
            self.probability, self.distance = self.classifier(pictures)
        except ValueError as error:
            self.refuse(str(error))
            return
        self.seconds = time.perf_counter() - started
        answer = self.judge(message, stamp)
        self.answered = (message.epoch, stamp, answer)
        self.publisher.publish(answer)
        self.diagnostics.event("observations")

    def judge(self, message: Observation, stamp: int) -> Reward:
        """The reward of an observation whose probability is known."""
        strange = self.distance > self.classifier.familiar.limit
        if strange:
            self.diagnostics.fault(
                "unlike the training data",
                f"what the cameras see is unlike the classifier's training data ({self.distance:.2f}, "
                f"at most {self.classifier.familiar.limit:.2f} is like it); it is not taken for a success",
            )
        success = self.verdict.update(message.epoch, stamp, self.probability >= self.threshold and not strange)
        success = success and self.holds(message)
        return Reward(
            header=message.header,
            reward=float(success),
            probability=self.probability,
            success=success,
            terminated=success,
        )

    def holds(self, message: Observation) -> bool:
        """Whether the robot's state is as the condition says."""
        if self.element is None:
            return True
        if self.element >= len(message.state):
            self.diagnostics.fault("short state", f"the state has no {self.settings.condition_element}; no success")
            return False
        value = message.state[self.element]
        return bool(self.settings.condition_minimum <= value <= self.settings.condition_maximum)

    def refuse(self, sentence: str) -> None:
        """No answer: the actor waits for one, and nothing is learned."""
        if not self.refused:
            self.get_logger().error(f"{sentence}; no reward is published")
        self.refused = True
        self.diagnostics.fault("refused", f"observation refused: {sentence}")


def main() -> None:
    """Run the node."""
    run_node(RewardClassifierNode)


if __name__ == "__main__":
    main()
