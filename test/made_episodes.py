"""Recorded episodes, made up: small ones with known pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message

from hil_serl_ros.data.dataset_episodes import Episodes
from hil_serl_ros.data.dataset_step import DEMONSTRATE, DatasetStep, Seen
from hil_serl_ros.data.dataset_writer import new_dataset
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, IMAGE_PREFIX, STATE, Layout, panda_layout
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.dataset_steps import transition_of

SIZE = 64
STATES = panda_layout()
PICTURES = panda_layout(environment_state=False, images={"front": (3, SIZE, SIZE), "wrist": (3, SIZE, SIZE)})


def seen(layout: Layout, seed: int) -> Seen:
    """Random numbers, and smooth pictures whose brightness tells the seed."""
    random = np.random.default_rng(seed)
    values = {STATE: random.normal(size=18).astype(np.float32)}
    if ENVIRONMENT_STATE in layout.vectors:
        values[ENVIRONMENT_STATE] = random.normal(size=3).astype(np.float32)
    for number, (name, shape) in enumerate(layout.images.items()):
        ramp = np.linspace(0, 60, shape[2])[None, None, :] + np.array([0, 30, 60])[:, None, None]
        values[name] = np.broadcast_to(ramp + (20 + 7 * seed + 40 * number) % 130, shape).astype(np.uint8)
    stamps = dict.fromkeys(layout.images, seed * 100000000 - 5)
    frames = {name: f"{name.removeprefix(IMAGE_PREFIX)}_optical" for name in layout.images}
    return Seen(values, seed * 100_000_000, "base", seed + 7, 3, stamps, frames)


def episode(
    layout: Layout = STATES,
    *,
    number: int = 0,
    length: int = 4,
    index: int = 0,
    start: int = 0,
    ends: str = "success",
    mode: int = DEMONSTRATE,
    robot: str = "arm",
    seed: int = 0,
) -> list[DatasetStep]:
    """Steps of one chain; ``ends`` is success, failure, cut (truncated), again (thrown away) or torn."""
    random = np.random.default_rng([seed, index])
    steps = []
    for i in range(length):
        last = i == length - 1
        steps.append(
            DatasetStep(
                robot=robot,
                run="run",
                index=index + i,
                episode=number,
                step=start + i,
                layout=layout.hash,
                mode=mode,
                observation=seen(layout, index + i),
                action=np.array([*random.uniform(-1, 1, 3), random.integers(3)], np.float32),
                reward=float(np.float32(last and ends == "success")),
                discrete_penalty=float(np.float32(-0.02 * random.integers(2))),
                terminated=last and ends in ("success", "failure"),
                truncated=last and ends in ("cut", "again"),
                discarded=last and ends == "again",
                success=last and ends == "success",
                intervention=bool(random.integers(2)),
                weights_version=index + i,
                seed=11,
                sent=1_700_000_000_000_000_000 + i,
                final=seen(layout, index + length) if last and ends != "torn" else None,
            )
        )
    return steps


def record(
    folder: Path,
    layout: Layout,
    steps: list[DatasetStep],
    change: Callable[[Transition], Transition] = lambda message: message,
) -> Path:
    """A run's folder with these steps in its log, each message changed by ``change``."""
    log = TransitionLog(folder / "log")
    for number, step in enumerate(steps):
        log.append(serialize_message(change(transition_of(step))), number, number)
    log.close()
    (folder / LAYOUT).write_text(layout.to_json())
    return folder


def export(path: Path, layout: Layout, steps: list[DatasetStep], *, videos: bool = False) -> Path:
    """The dataset of these steps."""
    episodes = Episodes()
    with new_dataset(path, layout, robot="panda", videos=videos) as writer:
        for found in [one for step in steps for one in episodes.add(step)] + episodes.end():
            writer.add(found)
    return path


def same(one: DatasetStep, other: DatasetStep) -> bool:
    """Whether two steps say the same, bit for bit."""
    return transition_of(one) == transition_of(other)
