"""The reference pages of the docs, made from the sources: parameters from the settings, messages from their files."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

from hil_serl_ros.report.declared import DeclaringNode, Group, nodes, other_groups
from hil_serl_ros.settings import default_of

TYPES = {bool: "switch", int: "whole number", float: "number", str: "text"}
HEAD = ("parameter", "type", "default", "unit", "allowed", "what it is", "changes")
ABOUT = """# Parameters

Made from the code by `hil-serl parameters`; change the code, not this page.

Any of these can be set for one run with `--set NAME=VALUE`, for all runs in a parameter file (`--config FILE`, see
`config/`), or as ROS does it (`--ros-args -p NAME:=VALUE`). `ros2 param describe /NODE NAME` says what this page says.
A name that no node has, another type or a value out of bounds ends the node with one sentence and exit code 2. A
parameter that several nodes have must be the same in all of them: put it under `/**`. Those marked *live* change while
the node runs (`ros2 param set`); all others are read once.
"""
COMMANDS = """## Settings of commands

No node has these; the commands that use them take them by `--set NAME=VALUE`.
"""


def parameter_page() -> str:
    """The page of all parameters, Markdown."""
    every = nodes()
    users = Counter((group.module, group.name) for node in every for group in node.groups)
    shared = {
        (group.module, group.name): group
        for node in every
        for group in node.groups
        if users[group.module, group.name] > 1
    }
    parts = [ABOUT, "Nodes: " + ", ".join(f"[{node.name}](#{node.name})" for node in every) + ".\n"]
    parts += [_node(node, shared) for node in every]
    parts.append("## Shared by several nodes\n")
    for key, group in shared.items():
        who = ", ".join(f"`{node.name}`" for node in every if key in {(g.module, g.name) for g in node.groups})
        parts.append(f"### {group.name}\n\n{_sentence(group)}Of {who}.\n\n{_table(group.fields)}")
    if commands := [group for group in other_groups() if group.text or group.fields]:
        parts.append(COMMANDS)
        parts += [
            f"### {group.name}\n\n{_sentence(group)}In `{group.module.replace('.', '/')}.py`.\n\n{_table(group.fields)}"
            for group in commands
        ]
    return "\n".join(parts)


def _node(node: DeclaringNode, shared: dict[tuple[str, str], Group]) -> str:
    own = [field for group in node.groups if (group.module, group.name) not in shared for field in group.fields]
    also = [group.name for group in node.groups if (group.module, group.name) in shared]
    lines = [f"## {node.name}\n", f"{_cell(node.text)}\n"]
    if own:
        lines.append(_table(own))
    if also:
        links = ", ".join(f"[{name}](#{name.lower()})" for name in also)
        lines.append(f"{'Also' if own else 'Only'} those of {links}.\n")
    return "\n".join(lines)


def _sentence(group: Group) -> str:
    # A dataclass without words of its own gets its signature for them.
    return f"{_cell(group.text)} " if group.text and not group.text.startswith(f"{group.name}(") else ""


def _table(fields: Any) -> str:
    rows = [HEAD, ("---",) * len(HEAD), *(_row(name, field) for name, field in fields)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _row(name: str, field: dataclasses.Field[Any]) -> tuple[str, ...]:
    default, about = default_of(field), field.metadata
    kind = TYPES[type(default[0])] if isinstance(default, list) else TYPES[type(default)]
    return (
        f"`{name}`",
        f"list: {kind}" if isinstance(default, list) else kind,
        f"`{_value(default)}`",
        about["unit"],
        _allowed(field),
        _cell(about["description"]),
        "live" if about["dynamic"] else "",
    )


def _allowed(field: dataclasses.Field[Any]) -> str:
    low, high, choices = (field.metadata[name] for name in ("minimum", "maximum", "choices"))
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if low is not None and high is not None:
        return f"{_value(low)} to {_value(high)}"
    if low is not None:
        return f"from {_value(low)}"
    return f"to {_value(high)}" if high is not None else ""


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("<", "&lt;")


# -------------------- messages --------------------
MESSAGES = """# Messages

Made from `msg/` and `srv/` by `hil-serl messages`; change those files, not this page. `ros2 interface show
hil_serl_ros/msg/NAME` says the same.

Lengths are m, angles rad, times s unless a field says otherwise; stamps are instants of the robot's clock unless a
field says that they are the wall clock's. Topic names are relative: a namespace holds a robot. Which node speaks and
hears is drawn in [how it works](how_it_works.md#the-graph); how each is sent (reliable or not, kept for who comes late
or not) is in `ros/qos.py`.
"""


def interface_folder() -> Path:
    """Where ``msg`` and ``srv`` are: beside the sources, or installed.

    Raises:
        FileNotFoundError: they are in neither place.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent, *(parent / "share" / package.name for parent in package.parents)):
        if (folder / "msg" / "Transition.msg").is_file():
            return folder
    raise FileNotFoundError("the message files of hil_serl_ros are not installed; install the package again")


def message_page() -> str:
    """The page of all messages and services, Markdown."""
    files = [file for kind in ("msg", "srv") for file in sorted((interface_folder() / kind).glob(f"*.{kind}"))]
    links = ", ".join(f"[{file.stem}](#{file.stem.lower()})" for file in files)
    return "\n".join([MESSAGES, f"{links}.\n", *(_interface(file) for file in files)])


def _interface(file: Path) -> str:
    head, *body = file.read_text().strip().split("\n\n", 1)
    about = " ".join(line.removeprefix("#").strip() for line in head.splitlines())
    # A service's second half is its answer.
    halves = "".join(body).split("---\n")
    titles = ("",) if len(halves) == 1 else ("Asked:\n", "Answered:\n")
    lines = [f"## {file.stem}\n", f"`hil_serl_ros/{file.parent.name}/{file.stem}`: {_cell(about)}\n"]
    for title, half in zip(titles, halves, strict=True):
        lines += [title] * bool(title) + [_fields(half)]
    return "\n".join(lines)


def _fields(text: str) -> str:
    lines = ["| field | type | what it is |", "| --- | --- | --- |"]
    above = ""
    for line in text.strip().splitlines():
        declaration, _, comment = (part.strip() for part in line.partition("#"))
        if not declaration:
            above = comment  # of the group below it
            continue
        kind, name = declaration.split(maxsplit=1)
        words = " ".join(filter(None, (above, comment)))
        lines.append(f"| `{name}` | {_cell(kind)} | {_cell(words)} |")
        above = ""
    return "\n".join(lines) + "\n"
