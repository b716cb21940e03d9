"""`Transition` messages as a dataset's steps, and back."""

from __future__ import annotations

import numpy as np
from std_msgs.msg import Header

from hil_serl_ros.data.dataset_step import DatasetStep, Seen
from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, IMAGE_PREFIX, STATE
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.ros.camera_publisher import image_message
from hil_serl_ros.ros.convert import nanoseconds, observation_arrays, stamp_of


def dataset_step_of(message: Transition) -> DatasetStep:
    """All that ``message`` says.

    Raises:
        ValueError: an image or an observation that cannot be read.
    """
    return DatasetStep(
        robot=message.robot,
        run=message.run,
        index=message.index,
        episode=message.episode,
        step=message.step,
        layout=message.layout,
        mode=message.mode,
        observation=_seen(message.observation),
        action=np.array(message.action, np.float32),
        reward=message.reward,
        discrete_penalty=message.discrete_penalty,
        terminated=message.terminated,
        truncated=message.truncated,
        discarded=message.discarded,
        success=message.success,
        intervention=message.intervention,
        weights_version=message.weights_version,
        seed=message.seed,
        sent=nanoseconds(message.sent),
        final=_seen(message.final_observation[0]) if message.final_observation else None,
    )


def transition_of(step: DatasetStep) -> Transition:
    """The message that ``step`` was made from."""
    message = Transition(
        robot=step.robot,
        run=step.run,
        index=step.index,
        episode=step.episode,
        step=step.step,
        layout=step.layout,
        mode=step.mode,
        observation=_observation(step.observation),
        action=step.action,
        reward=float(step.reward),
        discrete_penalty=float(step.discrete_penalty),
        terminated=step.terminated,
        truncated=step.truncated,
        discarded=step.discarded,
        success=step.success,
        intervention=step.intervention,
        weights_version=step.weights_version,
        seed=step.seed,
        sent=stamp_of(step.sent),
        final_observation=[] if step.final is None else [_observation(step.final)],
    )
    message.header = message.observation.header
    return message


def _seen(message: Observation) -> Seen:
    values = observation_arrays(message)
    names = [IMAGE_PREFIX + name for name in message.image_names]
    pictures = [*message.images, *message.compressed_images]  # of one kind
    return Seen(
        values=values,
        stamp=nanoseconds(message.header.stamp),
        frame=message.header.frame_id,
        sequence=message.sequence,
        epoch=message.epoch,
        image_stamps={n: nanoseconds(i.header.stamp) for n, i in zip(names, pictures, strict=True)},
        image_frames={n: i.header.frame_id for n, i in zip(names, pictures, strict=True)},
    )


def _observation(seen: Seen) -> Observation:
    message = Observation(sequence=seen.sequence, epoch=seen.epoch)
    message.header.stamp, message.header.frame_id = stamp_of(seen.stamp), seen.frame
    message.state = seen.values[STATE]
    if ENVIRONMENT_STATE in seen.values:
        message.environment_state = seen.values[ENVIRONMENT_STATE]
    for name in sorted(key for key in seen.values if key.startswith(IMAGE_PREFIX)):
        header = Header(frame_id=seen.image_frames.get(name, ""))
        header.stamp = stamp_of(seen.image_stamps.get(name, seen.stamp))
        message.image_names.append(name.removeprefix(IMAGE_PREFIX))
        message.images.append(image_message(header, seen.values[name].transpose(1, 2, 0)))
    return message
