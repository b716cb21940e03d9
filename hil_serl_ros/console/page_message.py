"""What a page says about its hands, one JSON object a message, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LARGEST = 4096  # characters of a message
MOST_KEYS, LONGEST_CODE = 32, 32
MOST_AXES, MOST_BUTTONS = 16, 32
MOST = 1e15  # any number
PRESSABLE = ("success", "failure", "again", "pause", "resume", "stop", "reset", "demonstrate")


class MalformedError(ValueError):
    """No message of our page."""


@dataclass(frozen=True)
class Pad:
    """A gamepad as the browser sees it (W3C standard mapping): axes in [-1, 1], buttons in [0, 1]."""

    axes: tuple[float, ...]
    buttons: tuple[float, ...]


@dataclass(frozen=True)
class PageMessage:
    """One message: the keys held now (``KeyboardEvent.code``), the gamepad now, the buttons pressed since the last.

    ``seat`` is "take", "leave" or empty; ``away`` says that nobody looks at the page; ``sent`` is the page's clock
    (ms), None if it wants no echo.
    """

    session: str
    number: int
    held: tuple[str, ...] = ()
    pad: Pad | None = None
    pressed: tuple[str, ...] = ()
    seat: str = ""
    away: bool = False
    sent: float | None = None


def parse(text: str) -> PageMessage:
    """Read one message.

    Raises:
        MalformedError: it is none, or one of its fields is not what it must be.
    """
    if len(text) > LARGEST:
        raise MalformedError("too long")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError("no JSON") from None
    if not isinstance(values, dict) or not set(values) <= set(PageMessage.__dataclass_fields__):
        raise MalformedError("no message of this page")
    number, seat, sent = values.get("number"), values.get("seat", ""), values.get("sent")
    pressed = _texts(values.get("pressed", []))
    return PageMessage(
        session=_need(values.get("session"), isinstance(values.get("session"), str), "session"),
        number=_need(number, type(number) is int and number >= 0, "number"),
        held=_texts(values.get("held", [])),
        pad=_pad(values.get("pad")),
        pressed=_need(pressed, set(pressed) <= set(PRESSABLE), "pressed"),
        seat=_need(seat, seat in ("", "take", "leave"), "seat"),
        away=_need(values.get("away", False), type(values.get("away", False)) is bool, "away"),
        sent=_need(sent, sent is None or _is_number(sent), "sent"),
    )


def _need(value: Any, holds: bool, name: str) -> Any:
    if not holds:
        raise MalformedError(f"bad {name}")
    return value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < MOST  # NaN and integers of any length are not


def _texts(values: Any) -> tuple[str, ...]:
    holds = isinstance(values, list) and len(values) <= MOST_KEYS
    _need(values, holds and all(isinstance(v, str) and len(v) <= LONGEST_CODE for v in values), "keys")
    return tuple(values)


def _pad(values: Any) -> Pad | None:
    if values is None:
        return None
    _need(values, isinstance(values, dict) and set(values) == {"axes", "buttons"}, "pad")
    for name, most in (("axes", MOST_AXES), ("buttons", MOST_BUTTONS)):
        numbers = values[name]
        holds = isinstance(numbers, list) and len(numbers) <= most
        _need(numbers, holds and all(_is_number(v) and -1 <= v <= 1 for v in numbers), name)
    return Pad(tuple(map(float, values["axes"])), tuple(map(float, values["buttons"])))
