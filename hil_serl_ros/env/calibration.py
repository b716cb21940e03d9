"""A camera's intrinsics from the YAML file that ROS's `camera_calibration` writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.settings import SettingError


@dataclass(frozen=True)
class Calibration:
    """Numbers of `sensor_msgs/CameraInfo`, under its names. K and P in px; a K of zeros: not known."""

    width: int = 0  # px; 0: of no certain size
    height: int = 0  # px
    model: str = ""
    d: list[float] = field(default_factory=list)
    k: list[float] = field(default_factory=lambda: [0.0] * 9)
    r: list[float] = field(default_factory=lambda: [0.0] * 9)
    p: list[float] = field(default_factory=lambda: [0.0] * 12)


def read_calibration(path: str) -> Calibration:
    """The calibration of a file; an empty path is one that is not known.

    Raises:
        SettingError: one sentence, for a file that is not there or is no calibration.
    """
    if not path:
        return Calibration()
    try:
        content: dict[str, Any] = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        calibration = Calibration(
            int(content["image_width"]),
            int(content["image_height"]),
            str(content["distortion_model"]),
            _numbers(content, "distortion_coefficients", None),
            _numbers(content, "camera_matrix", 9),
            _numbers(content, "rectification_matrix", 9),
            _numbers(content, "projection_matrix", 12),
        )
    except OSError as error:
        raise SettingError(f"camera_info = {path!r} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise SettingError(
            f"camera_info = {path!r} is not a calibration as ROS's camera_calibration writes it: {said}"
        ) from None
    return calibration


def _numbers(content: dict[str, Any], name: str, count: int | None) -> list[float]:
    numbers = [float(number) for number in content[name]["data"]]
    if count is not None and len(numbers) != count:
        raise ValueError(f"{name} has {len(numbers)} numbers, not {count}")
    return numbers
