"""Nothing that came over the network, or out of a file that somebody sent, is executed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hil_serl_ros

PACKAGE = Path(hil_serl_ros.__file__).parent
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {
    ("torch", "load"),
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("os", "system"),
    ("os", "popen"),
}
# Who starts processes beside the supervisor: probes of this package's own modules, never with words of a message.
STARTS_PROCESSES = {"discovery.py", "doctor.py", "probes.py"}
OWN_SOURCE = {"report/declared.py"}  # computes defaults out of this package's own source, for the docs


def offences(text: str) -> list[str]:
    """What a source does that is forbidden, one word each."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module or ""] if (node.module or "").split(".")[0] in FORBIDDEN_MODULES else []
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in FORBIDDEN_CALLS:
                found.append(called.id)
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                method = (called.value.id, called.attr)
                safe = any(isinstance(a, ast.Attribute) and a.attr.endswith("SafeLoader") for a in node.args)
                found += [".".join(method)] if method in FORBIDDEN_METHODS and not safe else []
            for option in node.keywords:
                value = option.value.value if isinstance(option.value, ast.Constant) else None
                if (option.arg, value) in {("allow_pickle", True), ("shell", True), ("trust_remote_code", True)}:
                    found.append(str(option.arg))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "torch.load('a')",
        "yaml.load('a')",
        "f(allow_pickle=True)",
        "f(trust_remote_code=True)",
    ],
)
def test_the_search_finds_what_it_looks_for(text):
    assert offences(text)


def test_no_source_unpickles_or_executes_data():
    found = {str(file.relative_to(PACKAGE)): offences(file.read_text()) for file in sorted(PACKAGE.rglob("*.py"))}
    assert {name for name, words in found.items() if words} <= OWN_SOURCE, found


def test_only_those_who_must_start_processes():
    users = {file.name for file in PACKAGE.rglob("*.py") if "import subprocess" in file.read_text()}
    assert users <= STARTS_PROCESSES
