"""A `Transition` message as the replay's step."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.learning.step import Step
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.convert import observation_arrays


def step_of(message: Transition) -> Step:
    """The step in ``message``.

    Raises:
        ValueError: an image or an observation that cannot be read.
    """
    final = observation_arrays(message.final_observation[0]) if message.final_observation else None
    return Step(
        index=message.index,
        episode=message.episode,
        step=message.step,
        observation=observation_arrays(message.observation),
        action=np.array(message.action, np.float32),
        reward=message.reward,
        terminated=message.terminated,
        truncated=message.truncated,
        intervention=message.intervention,
        demonstration=message.mode == Transition.MODE_DEMONSTRATE,
        discrete_penalty=message.discrete_penalty,
        final_observation=final,
        robot=message.robot,
    )
