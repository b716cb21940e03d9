"""The names of all parameters, out of the sources: to import every node would load torch for a spelling check."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hil_serl_ros.settings import SettingError

ROS = {"use_sim_time"}  # every node's


@cache
def parameters() -> frozenset[str]:
    """Fields of every dataclass in the package that are made with ``setting(...)``."""
    names = set(ROS)
    for file in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.AnnAssign)
                and isinstance(node.target, ast.Name)
                and isinstance(node.value, ast.Call)
                and isinstance(node.value.func, ast.Name)
                and node.value.func.id == "setting"
            ):
                names.add(node.target.id)
    return frozenset(names)


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse parameters that no node has.

    Raises:
        SettingError: naming the first one and what is spelt alike.
    """
    for name in names:
        if name not in parameters():
            alike = difflib.get_close_matches(name, parameters(), n=3)
            hint = f"; is it {' or '.join(alike)}?" if alike else ""
            raise SettingError(f"{where}: no node has a parameter {name}{hint}")
