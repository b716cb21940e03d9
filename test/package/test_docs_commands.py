"""Every command, file and parameter that the docs name exists."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex

import pytest
from doc_pages import ROOT, pages

from hil_serl_ros.cli import _parser
from hil_serl_ros.known import parameters

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the docs are not beside these tests")
CODE = ROOT / "hil_serl_ros"
FOLDERS = ("bench", "config", "docs", "hil_serl_ros", "launch", "msg", "requirements", "srv", "test", "tools")
LAYERS = tuple(path.name for path in CODE.iterdir() if path.is_dir() and path.name != "console")
NODES = {path.stem for path in (CODE / "nodes").glob("[a-z]*.py")}
OPEN = re.compile(r"[.…]{1,3}$|^[…<]")  # a word that stands for others
RECORDS = {"hil_serl_ros/episode"}  # names in MCAP files that look like files
NUMBER = "n"  # a word that stands for a number


def commands() -> list[tuple[str, str]]:
    """Name of the page, and command, of all pages."""
    return list(dict.fromkeys((page.name, command) for page in pages() for command in page.commands))


def words_after(command: str, program: str) -> list[str] | None:
    """The words that a line hands to ``program``; None: it does not call it."""
    found = re.search(rf"(?:^|[\s/]){program} (?![-=|])(.*)$", command)
    if found is None:
        return None
    with contextlib.suppress(ValueError):
        words = shlex.split(found[1].split("`")[0].split(" | ")[0], comments=True)
        ends = [i for i, word in enumerate(words) if word in ("&", "&&", "|", ";", "||") or word.endswith(";")]
        return words[: min(ends, default=len(words))]
    return []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_call_of_hil_serl_is_one_that_it_understands():
    wrong, seen = [], 0
    for page, command in commands():
        words = words_after(command, "hil-serl")
        if not words or not re.fullmatch(r"[a-z-]+", words[0]):
            continue
        # A command that is only named has no arguments; an option that is only named has no value.
        named = " ".join(words) in command and not any(word.startswith("-") for word in words)
        seen += 1
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
            _parser(words).parse_args(["1" if word == NUMBER else word for word in words if not OPEN.search(word)])
        message = said.getvalue().strip().rsplit("error: ", 1)[-1]
        if message and not (named and message.startswith("the following arguments are required")):
            wrong.append(f"{page}: {command}: {message}")
    assert seen > 50
    assert wrong == []


def test_every_target_of_make_exists():
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [(page, target) for page, command in commands() for target in re.findall(r"^make ([\w-]+)", command)]
    assert named
    assert [target for target in named if target[1] not in known] == []


def arguments_of(file: str) -> set[str]:
    """Names in ARGUMENTS and PARAMETERS of a module that imports launch, which the wheels have not."""
    tree = ast.parse((CODE / "ros" / file).read_text())
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    return {name for key in ("ARGUMENTS", "PARAMETERS") if key in values for name in ast.literal_eval(values[key])}


def test_every_launch_file_exists_and_has_the_arguments_that_it_is_given():
    wrong = []
    for page, command in commands():
        words = words_after(command, "ros2 launch hil_serl_ros")
        files = re.findall(r"\w+\.launch\.py", command)
        wrong += [f"{page}: {file}" for file in files if not (ROOT / "launch" / file).is_file()]
        if words:
            known = arguments_of("rviz_launching.py" if words[0] == "rviz.launch.py" else "launching.py")
            given = [word.split(":=")[0] for word in words[1:] if ":=" in word]
            wrong += [f"{page}: {words[0]} {name}" for name in given if name not in known]
    assert wrong == []


def test_every_configuration_that_is_named_is_installed_or_a_file_of_the_readers():
    wrong = []
    for page, command in commands():
        for name in re.findall(r"(?:--config |config:=)([\w.]+)", command):
            if not (name.isupper() or name.endswith(".yaml") or (ROOT / "config" / f"{name}.yaml").is_file()):
                wrong.append(f"{page}: {name}")
    assert wrong == []


def test_every_node_that_is_started_by_hand_exists():
    pattern = r"(?:python -m hil_serl_ros\.nodes\.|ros2 run hil_serl_ros )(\w+)"
    named = [(page, name) for page, command in commands() for name in re.findall(pattern, command)]
    assert named
    assert [one for one in named if one[1] not in NODES] == []


def test_every_parameter_that_is_set_in_a_command_exists():
    pattern = r"(?:--set (?=\w+=)|-p (?=\w+:=)|ros2 param (?:set|describe) /\w+ )(\w+)"
    named = [(page, name) for page, command in commands() for name in re.findall(pattern, command)]
    assert named
    assert [one for one in named if one[1] not in parameters() and not one[1].isupper()] == []


def exists(name: str) -> bool:
    """A path of this repository or its short form inside the package, a message's type, or a test's bare name."""
    path = name.rstrip("/")
    if type_name := re.fullmatch(r"hil_serl_ros/(msg|srv)/(\w+)", path):
        return (ROOT / type_name[1] / f"{type_name[2]}.{type_name[1]}").is_file()
    places = (ROOT, CODE, ROOT / "docs", ROOT / "config")
    return any((place / path).exists() for place in places) or ("/" not in path and any(ROOT.glob(f"test/**/{path}")))


def test_every_file_of_the_repository_that_is_named_is_there():
    named = []
    for page in pages():
        for code in page.inline:
            ours = code.split("/")[0] in (*FOLDERS, *LAYERS) and "/" in code
            if re.fullmatch(r"[\w./-]+", code) and (ours or re.fullmatch(r"test_\w+\.py", code)):
                named.append((page.name, code))
    for page, command in commands():
        named += [(page, file) for file in re.findall(r"\b(?:bench|tools)/\w+\.(?:py|sh)", command)]
    assert len(named) > 100
    assert [one for one in named if one[1] not in RECORDS and not exists(one[1])] == []
