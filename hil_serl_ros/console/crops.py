"""Crop regions drawn on pictures, and the parameters that they become. Pixels and fractions, no page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.env.images import Region

LEAST = 4  # pixels: a smaller rectangle is a slip of the mouse
DIGITS = 4  # of a fraction: a tenth of a pixel in a picture of 1000


class CropFileError(ValueError):
    """A file that the parameters cannot be written to; the message is one sentence."""


def region_of(start: tuple[float, float], end: tuple[float, float], width: int, height: int) -> Region | None:
    """The region between two corners in pixels, in any order, cut at the picture's edge; None if it is a slip.

    Args:
        start, end: x and y from the left upper corner, px.
        width, height: of the picture, px.
    """
    left, right = sorted(min(max(x, 0), width) for x in (start[0], end[0]))
    top, bottom = sorted(min(max(y, 0), height) for y in (start[1], end[1]))
    if right - left < LEAST or bottom - top < LEAST:
        return None
    return Region(*(round(value, DIGITS) for value in (left / width, top / height, right / width, bottom / height)))


def parameters_of(regions: Mapping[str, Region]) -> dict[str, list[Any]]:
    """``cameras`` and ``crops`` as node ``state`` declares them: left, top, right, bottom of each camera."""
    crops = [value for r in regions.values() for value in (r.left, r.top, r.right, r.bottom)]
    return {"cameras": list(regions), "crops": [float(value) for value in crops]}


def text_of(regions: Mapping[str, Region]) -> str:
    """The parameters as two lines to paste into a parameter file."""
    return yaml.safe_dump(parameters_of(regions), default_flow_style=None, sort_keys=False, width=1000)


def write_parameters(path: Path, regions: Mapping[str, Region]) -> None:
    """Set ``cameras`` and ``crops`` in the ROS parameter file at ``path`` (made if need be), for all nodes (``/**``).

    Other parameters stay; comments of the file do not.

    Raises:
        CropFileError: it is there and no parameter file, or the disk refuses; it is left as it is.
    """
    content: Any = {}
    try:
        if path.exists():
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        parameters = content.setdefault("/**", {}).setdefault("ros__parameters", {})
        parameters.update(parameters_of(regions))
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError):
        raise CropFileError(f"{path} is there and is not a ROS parameter file (/**: ros__parameters:)") from None
    except OSError as error:
        raise CropFileError(f"{path} cannot be read: {error.strerror}") from None
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(yaml.safe_dump(content, default_flow_style=None, sort_keys=False, width=1000))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise CropFileError(f"{path} cannot be written: {error.strerror}") from None
