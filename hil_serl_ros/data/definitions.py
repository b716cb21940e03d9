"""Full text of a message definition, as MCAP readers want it, from the installed ``.msg`` files."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

SEPARATOR = "=" * 80
FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*", re.MULTILINE)
PRIMITIVES = frozenset(
    ["bool", "byte", "char", "float32", "float64", "string", "wstring"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


def definition_text(type_name: str) -> str:
    """The definition of ``package/msg/Name`` followed by those of all types in it (encoding ros2msg).

    Raises:
        FileNotFoundError: a definition is not installed.
    """
    texts: dict[str, str] = {}
    waiting = [type_name]
    while waiting:
        name = waiting.pop(0)
        if name in texts:
            continue
        texts[name] = _file(name).read_text()
        waiting += [part for part in _parts(name, texts[name]) if part not in texts]
    first, *rest = texts
    blocks = [texts[first]] + [f"MSG: {_short(name)}\n{texts[name]}" for name in rest]
    return f"\n{SEPARATOR}\n".join(blocks)


def type_hash(type_name: str) -> str:
    """The REP-2011 hash of an installed type (RIHS01_...), by which stock tools compare types; empty: not installed."""
    try:
        described = json.loads(_file(type_name).with_suffix(".json").read_text())
    except (OSError, ValueError):
        return ""
    hashes = {entry["type_name"]: str(entry["hash_string"]) for entry in described.get("type_hashes", [])}
    return hashes.get(type_name, "")


def is_installed(type_name: str, text: str) -> bool:
    """Whether ``text`` defines the same fields as the installed definition; a type that is not installed may be any."""
    try:
        return _bare(definition_text(type_name)) == _bare(text)
    except FileNotFoundError:
        return True


def _bare(text: str) -> list[str]:
    """Without comments, empty lines and the length of spaces."""
    lines = (" ".join(line.split("#", 1)[0].split()) for line in text.splitlines())
    return [line for line in lines if line]


def _short(name: str) -> str:
    package, _, kind = name.split("/")
    return f"{package}/{kind}"


def _parts(name: str, text: str) -> list[str]:
    package = name.split("/")[0]
    found = []
    for kind in FIELD.findall("\n".join(_bare(text))):
        if kind in PRIMITIVES:
            continue
        pieces = kind.split("/")
        found.append(f"{pieces[0]}/msg/{pieces[-1]}" if len(pieces) > 1 else f"{package}/msg/{kind}")
    return found


def _file(name: str) -> Path:
    package, _, kind = name.split("/")
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p] + [sys.prefix]
    for prefix in prefixes:
        path = Path(prefix) / "share" / package / "msg" / f"{kind}.msg"
        if path.is_file():
            return path
    raise FileNotFoundError(f"the definition of {name} is not installed under {' or '.join(prefixes)}")
