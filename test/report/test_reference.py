"""The reference pages in docs/ are what the sources say now."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.report.declared import nodes
from hil_serl_ros.report.reference import message_page, parameter_page
from hil_serl_ros.settings import default_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "page"), [("parameters", parameter_page), ("messages", message_page)])
def test_a_committed_page_is_what_its_command_prints(name, page):
    if not (ROOT / "docs").is_dir():
        pytest.skip("the docs are not beside these tests")
    written = (ROOT / "docs" / f"{name}.md").read_text()
    assert written == page(), f"make it again: hil-serl {name} > docs/{name}.md"


def test_every_node_is_on_the_page_with_what_it_declares():
    found = {node.name: dict(field for group in node.groups for field in group.fields) for node in nodes()}
    files = {file.stem for file in (ROOT / "hil_serl_ros" / "nodes").glob("[a-z]*.py")}
    assert found.keys() == files
    for field in dataclasses.fields(LearnerSettings):
        assert default_of(found["learner"][field.name]) == default_of(field)
        assert found["learner"][field.name].metadata == field.metadata


def test_an_inherited_setting_and_one_by_a_constants_name_are_found():
    found = {node.name: dict(field for group in node.groups for field in group.fields) for node in nodes()}
    assert "weights_period" in found["learner"]
    assert found["mujoco_bridge"]["render_quality"].metadata["choices"] == ("fast", "full")
