"""Each sentence that docs/troubleshooting.md explains is one that the code says."""

from __future__ import annotations

import ast
import re

import pytest
from doc_pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "troubleshooting.md")
pytestmark = pytest.mark.skipif(not PAGE.path.is_file(), reason="the docs are not beside these tests")
HOLE = "\0"  # what differs: a value in an f-string
NO_SENTENCE = {"/dev/shm"}


def texts() -> list[str]:
    """All constant texts of the package, and the set-up script."""
    found = [(ROOT / "tools" / "set_up.sh").read_text()]
    for file in sorted((ROOT / "hil_serl_ros").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
                found.append("".join(parts))
    return [re.sub(r"\$\w+", HOLE, text) for text in found]


def quoted() -> list[str]:
    """What stands in backticks in the first column of the tables."""
    rows = re.findall(r"^\| (.*?) \|", PAGE.prose, re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row) if code not in NO_SENTENCE]


def pattern(sentence: str) -> str:
    """A regular expression; ``...`` stands for anything, a value in the code for anything too."""
    pieces = [piece.strip() for piece in sentence.split("...")]
    return "[^\n]*".join(re.escape(piece) for piece in pieces if piece)


def test_every_sentence_that_is_explained_is_said_by_the_code():
    said = "\n".join(text.replace("\n", " ") for text in texts())
    sentences = quoted()
    assert len(sentences) > 50
    assert [s for s in sentences if not re.search(pattern(s), said)] == []
