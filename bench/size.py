"""Bytes of one transition on the wire and in the replay, state only and with two cameras: two tables.

Run ``python bench/size.py`` (a minute). lerobot's replay buffer, which keeps each next observation as a second copy
unless told otherwise, stands beside ours. The second table is of pictures, raw and compressed: rendered ones of a few
episodes, whole and as ``config/pick_cube_pixels.yaml`` crops them, and a photograph, which is what a real camera sees.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported

import cv2
import numpy as np
import yaml
from matplotlib import cbook
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from hil_serl_ros.env.actions import Target, target_of
from hil_serl_ros.env.images import Region, fit
from hil_serl_ros.graph import config_file
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.nodes.state import StateSettings
from hil_serl_ros.ros.compression import FORMATS, encode
from hil_serl_ros.ros.convert import observation_pictures
from hil_serl_ros.sim.operator import Expert
from hil_serl_ros.sim.rendering import Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import GRIPPER_RANGE, World

T = TypeVar("T")
CAPACITY = 1000
SIDE = 128
RENDERED = 256  # pixels, before they are cropped and resized
CAMERAS = ("front", "wrist")
EPISODES = 3
RATE = 10  # Hz
QUALITY = StateSettings().compression_quality


def transition(cameras: tuple[str, ...]) -> Transition:
    """A step as the actor sends it in the middle of an episode."""
    message = Transition(robot="robot", run="pick_cube-20261122-120000", layout=panda_layout().hash)
    message.observation = Observation(state=[0.0] * 18, environment_state=[] if cameras else [0.0] * 3)
    message.observation.header.frame_id = "panda_link0"
    for name in cameras:
        image = Image(height=SIDE, width=SIDE, encoding="rgb8", step=3 * SIDE)
        image.data = np.zeros(3 * SIDE * SIDE, np.uint8).tobytes()
        message.observation.image_names.append(name)
        message.observation.images.append(image)
    message.action = [0.0] * 4
    return message


def in_memory(cameras: tuple[str, ...], **changes: object) -> float:
    """Bytes of the replay's arrays per step that it can hold."""
    layout = panda_layout(environment_state=not cameras, images=dict.fromkeys(cameras, (3, SIDE, SIDE)))
    settings = LearnerSettings(online_buffer_capacity=CAPACITY, offline_buffer_capacity=16)
    return Replay(layout, dataclasses.replace(settings, **changes)).nbytes / (CAPACITY + 16)  # type: ignore[arg-type]


def episodes() -> Iterator[dict[str, np.ndarray]]:
    """What the two cameras see while the scripted operator lifts the cube, uint8 (RENDERED, RENDERED, 3)."""
    world = World(task_named("pick_cube"))
    renderer = Renderer(world, CAMERAS, RENDERED, RENDERED)
    for seed in range(EPISODES):
        world.reset(seed)
        expert = Expert(world.task)
        quaternion, held = world.target_quaternion_wxyz, Target(world.target_position, 0.0)
        while not world.outcome().terminated:
            yield {camera: renderer.picture(camera).copy() for camera in CAMERAS}
            things = (world.object_positions, world.goal_positions, world.target_position)
            action = expert.act(world.tool_position, world.gripper_command / GRIPPER_RANGE, *things)
            held = target_of(np.array([*action.delta, action.gripper], np.float32), held)
            world.set_target(held.position, quaternion, held.gripper)
            world.step()
    renderer.close()


def photograph() -> dict[str, np.ndarray]:
    """One for both cameras, the square around the face, uint8 (SIDE, SIDE, 3), red first."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    return dict.fromkeys(CAMERAS, fit(np.ascontiguousarray(pixels[:500, :500]), Region(), SIDE, SIDE))


def cropped(frames: list[dict[str, np.ndarray]], crops: list[float]) -> list[dict[str, np.ndarray]]:
    """As `state` does it: left, top, right, bottom of each camera's part."""
    regions = {camera: Region(*crops[4 * n : 4 * n + 4]) for n, camera in enumerate(CAMERAS)}
    return [{c: fit(pixels, regions[c], SIDE, SIDE) for c, pixels in frame.items()} for frame in frames]


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What ``work`` gives, and its processor time in ms."""
    started = time.process_time()
    made = work()
    return made, 1e3 * (time.process_time() - started)


class Compressed(NamedTuple):
    """One step: bytes of the whole transition, processor ms of both pictures, worse PSNR of the two in dB."""

    size: int
    encode: float
    decode: float
    psnr: float


def compressed(frame: dict[str, np.ndarray], kind: str) -> Compressed:
    """A step whose pictures are sent in this way."""
    message = transition(CAMERAS)
    seen = message.observation
    if kind == "raw":
        return Compressed(len(serialize_message(message)), 0.0, 0.0, np.inf)
    files, encoding = timed(lambda: [encode(frame[camera], kind, QUALITY) for camera in CAMERAS])
    seen.images, seen.compressed_images = [], [CompressedImage(format=kind, data=file) for file in files]
    pictures, decoding = timed(lambda: observation_pictures(seen))
    errors = [np.mean((pictures[c].transpose(1, 2, 0).astype(float) - frame[c]) ** 2) for c in CAMERAS]
    psnr = min(10 * np.log10(255**2 / error) if error else np.inf for error in errors)
    return Compressed(len(serialize_message(message)), encoding, decoding, psnr)


def print_pictures() -> None:
    """The second table."""
    frames = list(episodes())
    crops = yaml.safe_load(config_file("pick_cube_pixels").read_text())["/**"]["ros__parameters"]["crops"]
    scenes = {
        "rendered, whole": cropped(frames, [0.0, 0.0, 1.0, 1.0] * 2),
        "rendered, cropped": cropped(frames, crops),
        "a photograph, twice": [photograph()] * 20,
    }
    titles = (f"two {SIDE}x{SIDE} pictures", "sent", "bytes of one step", "largest", f"MB/s at {RATE} Hz")
    print(f"\n| {' | '.join((*titles, 'PSNR, worst', 'encode', 'decode'))} |")
    print("|---|---|---|---|---|---|---|---|")
    for scene, shown in scenes.items():
        for kind in ("raw", *FORMATS):
            steps = [compressed(frame, kind) for frame in shown]
            size, encoding, decoding = (np.mean([getattr(s, f) for s in steps]) for f in ("size", "encode", "decode"))
            psnr = min(step.psnr for step in steps)
            row = [scene, f"jpeg {QUALITY}" if kind == "jpeg" else kind, f"{size:,.0f}"]
            row += [f"{max(step.size for step in steps):,}", f"{RATE * size / 1e6:.3f}"]
            row += ["exact" if np.isinf(psnr) else f"{psnr:.1f} dB"]
            row += ["" if kind == "raw" else f"{ms:.2f} ms" for ms in (encoding, decoding)]
            print(f"| {' | '.join(row)} |")
    print(f"({len(frames)} frames of {EPISODES} episodes; times are processor time of both pictures)")


def main() -> None:
    """Measure and print."""
    print("| bytes of one step | on the wire | in the replay | lerobot's replay, next observation copied |")
    print("|---|---|---|---|")
    for label, cameras in (("state only", ()), ("two 128x128 cameras", ("front", "wrist"))):
        numbers = 18 + (0 if cameras else 3)
        images = len(cameras) * 3 * SIDE * SIDE
        # float32 vectors and images (lerobot's buffer is allocated in the dtype of the first transition: float32
        # images in its own learner), action 4, reward, done and truncated flags.
        theirs = 2 * (4 * numbers + 4 * images) + 4 * 4 + 4 + 2
        wire = len(serialize_message(transition(cameras)))
        print(f"| {label} | {wire:,} | {in_memory(cameras, feature_variants=0):,.0f} | {theirs:,} |")
    for encoder in ("small", "resnet10"):
        kept = in_memory(("front", "wrist"), vision_encoder=encoder)
        print(f"| the same, three variants of {encoder}'s features | {wire:,} | {kept:,.0f} | {theirs:,} |")
    print_pictures()


if __name__ == "__main__":
    main()
