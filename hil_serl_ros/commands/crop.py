"""``hil-serl crop``: pick the cameras' crop regions by eye, in a browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from hil_serl_ros.console.crop_page import CropPage
from hil_serl_ros.console.crops import text_of
from hil_serl_ros.console.filmstrip import FilmError, pictures, transitions
from hil_serl_ros.console.serving import PortTaken, serve
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.learning.observed import camera_names
from hil_serl_ros.settings import SettingError

WAIT = 5.0  # s for each camera's first picture


class NoPicture(ValueError):
    """A source that gives no picture; the message is one sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--cameras", nargs="+", default=["front", "wrist"], metavar="NAME", help="live cameras (default: front wrist)"
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="picture files (named as their cameras, front.png) or one run's folder, instead of the live topics",
    )
    parser.add_argument("--output", type=Path, metavar="YAML", help="parameter file that the page's button writes")
    parser.add_argument("--size", type=int, default=128, help="side of what the policy sees, px (default: 128)")
    parser.add_argument("--port", type=int, default=8082, help="of the page, on this machine only (default: 8082)")
    parser.add_argument("--open", action="store_true", help="open a browser too")


def run(arguments: argparse.Namespace) -> int:
    """Show the page until it is done; the exit code."""
    try:
        if arguments.size < 1:
            raise SettingError(f"--size {arguments.size} must be at least 1")
        found, note = take(arguments.source, arguments.cameras)
        camera_names(list(found))
        page = CropPage(found, arguments.output, arguments.size, arguments.size, note)
        serve(page.show, "Crop", arguments.port, open_browser=arguments.open)
    except (DemonstrationsError, FilmError, LogError, NoPicture, PortTaken, SettingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(text_of(page.regions), end="")
    return 0


def take(source: list[Path] | None, cameras: list[str]) -> tuple[dict[str, np.ndarray], str]:
    """A picture, uint8 (height, width, 3), red first, of each camera, and where they are from.

    Raises:
        NoPicture: a file that is no picture, or a camera that sends none.
        SettingError: a name that cannot be a camera's.
        DemonstrationsError, FilmError, LogError: a run's folder without pictures.
    """
    if source is None:
        return _live(camera_names(cameras)), f"live from {', '.join(f'{camera}/image_raw' for camera in cameras)}"
    if len(source) == 1 and source[0].is_dir():
        # The log has what the policy saw. Said aloud: a crop of a crop is not what anybody wants.
        return pictures(next(transitions(source[0])).observation), "from a log: the run's own crops are in it already"
    found = {}
    for path in source:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
        if picture is None:
            raise NoPicture(f"{path} is no picture that can be read")
        if path.stem in found:
            raise NoPicture(f"{path}: there are two pictures of a camera {path.stem}")
        found[path.stem] = np.ascontiguousarray(picture[:, :, ::-1])
    return found, f"from {', '.join(str(path) for path in source)}"


def _live(cameras: list[str]) -> dict[str, np.ndarray]:
    """The next picture of each camera's topic."""
    import rclpy
    from rclpy.wait_for_message import wait_for_message
    from sensor_msgs.msg import Image

    from hil_serl_ros.env.frames import frame_of
    from hil_serl_ros.env.images import BadFrame, pixels_of
    from hil_serl_ros.ros import qos

    found = {}
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        node = rclpy.create_node("crop", context=context)
        # Best effort hears both kinds of publisher, and cannot hold a lockstep one up.
        profile = qos.receive_state(lockstep=False)
        for camera in cameras:
            topic = f"{camera}/image_raw"
            came, message = wait_for_message(Image, node, topic, qos_profile=profile, time_to_wait=WAIT)
            if not came:
                raise NoPicture(f"no picture came on {topic} within {WAIT:.0f} s; start the camera, or use --from")
            try:
                found[camera] = pixels_of(frame_of(message)).copy()
            except BadFrame as bad:
                raise NoPicture(f"the picture of {topic} cannot be read: {bad}") from None
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
    return found
