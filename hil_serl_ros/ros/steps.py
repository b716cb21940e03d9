"""A `Transition` message as the replay's step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hil_serl_ros.learning.step import Step
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.convert import observation_arrays


def step_of(message: Transition, images: Mapping[str, tuple[int, int, int]] | None = None) -> Step:
    """The step in ``message``; ``images`` are the layout's, for :func:`observation_arrays`.

    Raises:
        ValueError: an image or an observation that cannot be read.
    """
    final = observation_arrays(message.final_observation[0], images) if message.final_observation else None
    return Step(
        index=message.index,
        episode=message.episode,
        step=message.step,
        observation=observation_arrays(message.observation, images),
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
