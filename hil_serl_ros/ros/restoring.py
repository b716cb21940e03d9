"""A learner's memory after a restart: the last whole checkpoint, and the log, which rebuilds both buffers."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from pathlib import Path

from rclpy.serialization import deserialize_message

from hil_serl_ros.data.checkpoint import CheckpointError, resume
from hil_serl_ros.data.segments import Record
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.inbox import Inbox
from hil_serl_ros.ros.lessons import Lessons
from hil_serl_ros.settings import SettingError


def restore(path: Path | None, log: Iterable[Record], lessons: Lessons, inbox: Inbox) -> None:
    """Bring ``lessons`` to where the checkpoint ``path`` was, and queue in ``inbox`` what it had not learned from yet.

    The queue is learned from as it would have been, so the weights are what they would have become. Without a
    checkpoint all of the log is in the queue.

    Raises:
        SettingError: the checkpoint or the log is of another configuration, or a robot's steps have a gap.
    """
    trainer = lessons.trainer
    try:
        saved = resume(path, trainer.sac) if path is not None else None
    except CheckpointError as error:
        raise SettingError(str(error)) from None
    learned = saved.counters["transitions"] if saved is not None else 0
    gc.disable()  # nothing here is garbage in cycles, and to look for it takes a fifth of the time
    for record in log:
        message = deserialize_message(record.data, Transition)
        inbox.logged(message, record.data)
        if trainer.transitions < learned:
            lessons.take(message, learn=False)
        else:
            inbox.put(message)
    gc.enable()
    if trainer.transitions < learned:
        raise SettingError(
            f"the log has {trainer.transitions} steps, but {path} had learned from {learned}: it is of another run, or "
            "files of the log are missing"
        )
    if saved is not None:
        trainer.replay.set_random_state(saved.sampler)
        lessons.catch_up()  # the rest of what the checkpoint's last step owed
