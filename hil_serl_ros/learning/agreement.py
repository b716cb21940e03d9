"""What an actor and its learner must have in common, and where two of them differ."""

from __future__ import annotations

import json
from typing import Any

from hil_serl_ros.learning.layout import Layout

MOST = 100_000  # characters of a configuration


def configuration(layout: Layout, clock: str) -> str:
    """JSON text of one side: ``clock`` and the layout (task, features with shapes and units, actions, rate)."""
    return json.dumps({"clock": clock, "layout": json.loads(layout.to_json())}, sort_keys=True, separators=(",", ":"))


def differences(mine: str, theirs: str) -> list[str]:
    """Where two configurations differ, each as "what is this here, that there"; an empty one says nothing."""
    if not theirs:
        return []
    try:
        if len(theirs) > MOST:
            raise ValueError
        other = json.loads(theirs)
    except (ValueError, RecursionError):  # no JSON, or made to break a reader of it
        return ["the other side's configuration cannot be read: it is of another version"]
    return list(_differences("", json.loads(mine), other))


def _differences(path: str, mine: Any, theirs: Any) -> list[str]:
    if mine == theirs:
        return []
    if isinstance(mine, dict) and isinstance(theirs, dict):
        names = list(dict.fromkeys([*mine, *theirs]))
        inner = ((f"{path} {name}".removeprefix(" layout").strip(), mine.get(name), theirs.get(name)) for name in names)
        return [found for name, one, other in inner for found in _differences(name, one, other)]
    if isinstance(mine, list) and isinstance(theirs, list):
        if len(mine) != len(theirs):
            return [f"{path} has {len(mine)} elements here, {len(theirs)} there"]
        pairs = enumerate(zip(mine, theirs, strict=True))
        return [found for i, (one, other) in pairs for found in _differences(f"{path}[{i}]", one, other)]
    return [f"{path} is {_words(mine)} here, {_words(theirs)} there"]


def _words(value: Any) -> str:
    return "missing" if value is None else "there" if isinstance(value, dict) else str(value)
