"""Settings that explain themselves: one dataclass field per parameter, declared once.

A field carries its default, unit, description and bounds; ``ros.parameters`` declares ROS
parameters from it, ``validate`` refuses bad values with one sentence, the docs are made from it.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

S = TypeVar("S")
LONGEST_NAME = 100  # characters


class SettingError(ValueError):
    """A setting with a value that it cannot have; the message is one sentence for the user."""


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    dynamic: bool = False,
    name: bool = False,
) -> Any:
    """Declare one dataclass field with what a person needs to know to set it.

    Args:
        default: the value when nothing is said; its type is the type of the setting. A list is
            copied for each instance.
        description: one sentence; it is shown by ``ros2 param describe``.
        unit: SI unit or noun ("s", "m", "steps"); empty for a pure number or a name.
        minimum: smallest value allowed, inclusive (each element of a list).
        maximum: largest value allowed, inclusive (each element of a list).
        choices: the only strings allowed.
        dynamic: it may be changed while the node runs.
        name: folders are called so: it must not lead anywhere else.
    """
    metadata = {
        "description": description,
        "unit": unit,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "dynamic": dynamic,
        "name": name,
    }
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default value of a dataclass field, also where it is made by a factory."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def validate(settings: S) -> S:
    """Return ``settings`` if every field has its type and lies in its bounds.

    Raises:
        SettingError: naming the field, its value and what it may be.
    """
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        check(field, getattr(settings, field.name))
    return settings


def check(field: dataclasses.Field[Any], value: Any) -> None:
    """Refuse ``value`` for ``field`` with a sentence if it is of another type or out of bounds."""
    default = default_of(field)
    if not _fits(value, default):
        kinds = {bool: "a switch (true or false)", int: "a whole number", float: "a number", str: "a text"}
        kind = (
            f"a list in which each is {kinds[type(default[0])]}" if isinstance(default, list) else kinds[type(default)]
        )
        raise SettingError(f"{field.name} = {value!r} is of another type; it must be {kind}, for example {default!r}")
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, float) and not math.isfinite(item):
            raise SettingError(f"{field.name} = {value!r} is not finite")
        if field.metadata.get("name") and not _is_name(item):
            raise SettingError(
                f"{field.name} = {value!r} cannot be a folder's name: at most {LONGEST_NAME} printable characters, no "
                "slash, no dot in front; a leading slash belongs to a namespace (-r __ns:=/...)"
            )
        low, high, choices = (field.metadata.get(k) for k in ("minimum", "maximum", "choices"))
        unit = f" {field.metadata['unit']}" if field.metadata.get("unit") else ""
        if low is not None and item < low:
            raise SettingError(f"{field.name} = {value!r} is too small; the least allowed is {low}{unit}")
        if high is not None and item > high:
            raise SettingError(f"{field.name} = {value!r} is too large; the most allowed is {high}{unit}")
        if choices is not None and item not in choices:
            raise SettingError(f"{field.name} = {value!r} is unknown; choose one of {', '.join(choices)}")


def _is_name(text: str) -> bool:
    plain = text.isprintable() and not set(text) & set("/\\")
    return plain and 0 < len(text) <= LONGEST_NAME and not text.startswith(".")


def _fits(value: Any, default: Any) -> bool:
    """Whether ``value`` has the type of ``default``; a whole number serves as a number, a switch does not."""
    if isinstance(default, list):
        return isinstance(value, list) and all(_fits(item, default[0]) for item in value)
    return type(value) is type(default) or (type(default) is float and type(value) is int)
