"""All parameters of a run beside their defaults, out of its files and the sources: no node is loaded for it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.data.run_settings import CONFIG, PARAMETERS

PACKAGE = Path(__file__).parent.parent
BOOKKEEPING = {"run", "run_folder", "started", "resume"}  # of each run its own: no choice of anybody
UNSAID = object()


@dataclass(frozen=True)
class Parameter:
    """One parameter of a run; ``where`` names the nodes that have it where those are not all, ``default`` as text."""

    name: str
    where: str
    value: str
    default: str
    description: str

    @property
    def differs(self) -> bool:
        """It is not the node's own default."""
        return self.value != self.default


def parameters_of(folder: Path) -> list[Parameter]:
    """What the run's files say, those that differ from the nodes' defaults first.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is no parameter file.
    """
    found: dict[tuple[str, str], Any] = {}
    for name in (CONFIG, PARAMETERS):
        try:
            content = yaml.safe_load((folder / name).read_text()) or {}
            for whose, part in content.items():
                where = whose.removeprefix("/**").strip("/")
                found |= {(key, where): value for key, value in (part.get("ros__parameters") or {}).items()}
        except (yaml.YAMLError, AttributeError) as error:
            raise ValueError(f"{folder / name} is not a ROS parameter file: {' '.join(str(error).split())}") from None
    declared = defaults()
    rows = []
    for (name, where), value in found.items():
        default, description = declared.get(name, (UNSAID, ""))
        same = value == default or (isinstance(default, float) and value == float(default))
        words = _text(value)
        rows.append(Parameter(name, where, words, words if same else _text(default), description))
    rows = [row for row in rows if row.name not in BOOKKEEPING]
    return sorted(rows, key=lambda row: (not row.differs, row.name))


def unchanged(rows: list[Parameter]) -> list[Parameter]:
    """The parameters that the run's files do not name: all have their defaults."""
    named = {row.name for row in rows} | BOOKKEEPING
    return [
        Parameter(name, "", _text(default), _text(default), description)
        for name, (default, description) in sorted(defaults().items())
        if name not in named
    ]


@cache
def defaults() -> dict[str, tuple[Any, str]]:
    """Default and description of every parameter of a node.

    These are the fields made by ``setting(...)`` in dataclasses that some node declares; commands have settings of
    their own under the same names.
    """
    trees = [ast.parse(file.read_text()) for file in sorted(PACKAGE.rglob("*.py"))]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    declared = {
        call.args[1].id
        for call in nodes
        if isinstance(call, ast.Call) and _name(call.func) == "declare" and isinstance(call.args[1], ast.Name)
    }
    found: dict[str, tuple[Any, str]] = {}
    for kind in nodes:
        if not (isinstance(kind, ast.ClassDef) and kind.name in declared):
            continue
        for line in kind.body:
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.value, ast.Call)
                and _name(line.value.func) == "setting"
            ):
                default, description = [*map(_literal, line.value.args), UNSAID, UNSAID][:2]
                words = description if isinstance(description, str) else ""
                found.setdefault(_name(line.target), (default, words))
    return found


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return UNSAID


def _text(value: Any) -> str:
    if value is UNSAID:
        return "?"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or '""'
    return f"{value:g}" if isinstance(value, float) else str(value)
