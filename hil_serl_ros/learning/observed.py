"""What the policy observes, as parameters that the nodes which observe, act and learn share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hil_serl_ros.learning.layout import Layout, panda_layout
from hil_serl_ros.settings import SettingError, setting

WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass
class ObservationSettings:
    """The choice of features; everything else of a layout is the robot's."""

    environment_state: bool = setting(True, "Observe the first object's position (simulation's ground truth).")
    # ROS cannot tell the type of an empty list, hence the empty name.
    cameras: list[str] = setting([""], "Cameras that the policy sees, by the prefix of their topics; [''] is none.")
    image_width: int = setting(
        128, "Width of the pictures that the policy sees.", unit="pixels", minimum=8, maximum=4096
    )
    image_height: int = setting(
        128, "Height of the pictures that the policy sees.", unit="pixels", minimum=8, maximum=4096
    )
    crops: list[float] = setting(
        [0.0],
        "What is kept of each picture, 4 fractions per camera: left, top, right, bottom; [0.0] is all of it.",
        minimum=0.0,
        maximum=1.0,
    )

    def layout(self, task: str) -> Layout:
        """The Panda's layout with these features.

        Raises:
            SettingError: cameras or crops that make no sense.
        """
        names = camera_names(self.cameras)
        images = dict.fromkeys(names, (3, self.image_height, self.image_width))
        crops = {name: crop for name, crop in crops_of(self.crops, names).items() if crop != WHOLE}
        return panda_layout(task, environment_state=self.environment_state, images=images, crops=crops)


def camera_names(names: list[str]) -> list[str]:
    """The cameras of a parameter; ``[""]`` is none.

    Raises:
        SettingError: a name that cannot be a topic's, or one that comes twice.
    """
    if names in ([""], []):
        return []
    for name in names:
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            raise SettingError(f"cameras = {names!r}: {name!r} must be small letters, digits and _ (a topic's name)")
    if len(set(names)) < len(names):
        raise SettingError(f"cameras = {names!r} has a name twice")
    return names


def crops_of(crops: list[float], cameras: list[str]) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right, bottom of each camera's region, out of 4 numbers each; ``[0.0]`` is the whole picture.

    Raises:
        SettingError: another count, or numbers that enclose nothing of the picture.
    """
    if crops in ([0.0], []):
        return dict.fromkeys(cameras, WHOLE)
    if len(crops) != 4 * len(cameras):
        raise SettingError(
            f"crops has {len(crops)} numbers for {len(cameras)} cameras; it must be 4 for each (left, top, right, "
            f"bottom, as fractions of the picture), or [0.0] for whole pictures"
        )
    found = {}
    for index, camera in enumerate(cameras):
        left, top, right, bottom = crops[4 * index : 4 * index + 4]
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise SettingError(
                f"crops of {camera} = {[left, top, right, bottom]} enclose nothing of the picture; they are left, top, "
                f"right, bottom with 0 <= left < right <= 1 and 0 <= top < bottom <= 1"
            )
        found[camera] = (left, top, right, bottom)
    return found
