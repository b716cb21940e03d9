"""Every node's parameters out of the sources: no node is imported, for some load torch and all want ROS."""

from __future__ import annotations

import ast
import builtins
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hil_serl_ros.settings import setting

NAME = "hil_serl_ros"
PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Group:
    """One dataclass of settings: ``fields`` are those that ``setting(...)`` makes, by name, inherited ones first."""

    module: str
    name: str
    text: str
    fields: tuple[tuple[str, dataclasses.Field[Any]], ...]


@dataclass(frozen=True)
class DeclaringNode:
    """One node: its module's text and what it declares."""

    name: str
    text: str
    groups: tuple[Group, ...]


@cache
def nodes() -> tuple[DeclaringNode, ...]:
    """All nodes by name, each with the groups of settings that its module hands to ``declare``."""
    found = []
    for file in sorted((PACKAGE / "nodes").glob("[a-z]*.py")):
        module = f"nodes.{file.stem}"
        names = [
            call.args[1].id
            for call in ast.walk(_tree(module))
            if isinstance(call, ast.Call) and _called(call) == "declare" and isinstance(call.args[1], ast.Name)
        ]
        groups = tuple(_group(*_defined(module, name)) for name in dict.fromkeys(names))
        found.append(DeclaringNode(file.stem, _text(_tree(module)), groups))
    return tuple(found)


@cache
def other_groups() -> tuple[Group, ...]:
    """Settings that no node declares: those of commands."""
    mine = {(group.module, group.name) for node in nodes() for group in node.groups}
    bases = {base for group in mine for base in _ancestors(*group)}
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        for kind in _tree(module).body:
            if isinstance(kind, ast.ClassDef) and (module, kind.name) not in mine | bases:
                found.append(_group(module, kind.name))
    return tuple(group for group in found if group.fields)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text())


def _defined(module: str, name: str) -> tuple[str, str]:
    """The module that ``name``, as ``module`` knows it, is written in."""
    for line in _tree(module).body:
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith(f"{NAME}."):
            for alias in line.names:
                if (alias.asname or alias.name) == name:
                    return _defined(str(line.module).removeprefix(f"{NAME}."), alias.name)
    return module, name


def _class(module: str, name: str) -> ast.ClassDef:
    (found,) = [line for line in _tree(module).body if isinstance(line, ast.ClassDef) and line.name == name]
    return found


def _ancestors(module: str, name: str) -> list[tuple[str, str]]:
    """The package's own classes that one inherits from, the first one first."""
    own = [_defined(module, base.id) for base in _class(module, name).bases if isinstance(base, ast.Name)]
    own = [(where, base) for where, base in own if any(_is_class(line, base) for line in _tree(where).body)]
    return [ancestor for base in own for ancestor in (*_ancestors(*base), base)]


def _is_class(line: ast.stmt, name: str) -> bool:
    return isinstance(line, ast.ClassDef) and line.name == name


@cache
def _group(module: str, name: str) -> Group:
    fields = {}
    for where, kind in (*_ancestors(module, name), (module, name)):
        for line in _class(where, kind).body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                call = line.value
                if isinstance(call, ast.Call) and _called(call) == "setting":
                    fields[line.target.id] = _value(where, call)
    return Group(module, name, _text(_class(module, name)), tuple(fields.items()))


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _value(module: str, expression: ast.expr) -> Any:
    """An expression of our own source, with the module's constants and nothing else."""
    code = compile(ast.Expression(expression), module, "eval")
    return eval(code, {"__builtins__": {}}, _Names(module))  # noqa: S307


class _Names(Mapping[str, Any]):
    """The constants of a module that a setting may name, worked out when they are asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getitem__(self, name: str) -> Any:
        if name in ("setting", "tuple", "list"):
            return setting if name == "setting" else getattr(builtins, name)
        where, wanted = _defined(self._module, name)
        for line in _tree(where).body:
            if isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
                targets = line.targets if isinstance(line, ast.Assign) else [line.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id == wanted:
                        return _value(where, line.value)
                    if isinstance(target, ast.Tuple):
                        names = [each.id for each in target.elts if isinstance(each, ast.Name)]
                        if wanted in names:
                            return _value(where, line.value)[names.index(wanted)]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _text(node: ast.Module | ast.ClassDef) -> str:
    """The first sentence of what is written about it."""
    paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
    return " ".join(paragraph.split())
