"""docs/graph.svg shows the graph as config/security/policies.xml has it."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as Xml
from typing import Any

import pytest
from doc_pages import ROOT

from hil_serl_ros.graph import JOBS

TOOL, PICTURE = ROOT / "tools" / "draw_graph.py", ROOT / "docs" / "graph.svg"
pytestmark = pytest.mark.skipif(not PICTURE.is_file(), reason="the docs are not beside these tests")
AGAIN = ("replayer", "rerunner")  # they do one recorded episode; no job of learning has them


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(TOOL))


def test_the_picture_is_what_the_policy_file_gives(tool):
    assert PICTURE.read_text() == tool["picture"](), "make it again: python tools/draw_graph.py > docs/graph.svg"


def test_every_node_of_every_job_is_in_the_picture(tool):
    shown = {"".join(text.itertext()) for text in Xml.parse(PICTURE).getroot().iter("{http://www.w3.org/2000/svg}text")}
    names = {name for job in JOBS.values() for name in job} - {*tool["WATCHERS"], *AGAIN}
    assert names - shown == set()


def test_what_is_said_of_nodes_that_the_policy_file_lacks_is_in_their_sources(tool):
    sources = {path.stem: path.read_text() for path in (ROOT / "hil_serl_ros" / "nodes").glob("*.py")}
    env = "".join(path.read_text() for path in (ROOT / "hil_serl_ros" / "env").glob("*.py"))
    for name, kinds in tool["MORE"].items():
        code = sources[name] + (env if name == "policy_actor" else "")
        assert [topic for topics in kinds.values() for topic in topics if f'"{topic}"' not in code] == []


def test_a_node_without_a_box_is_no_picture(tool, monkeypatch):
    monkeypatch.delitem(tool["BOXES"], "learner")
    with pytest.raises(KeyError, match="no box in BOXES has learner"):
        tool["picture"]()
