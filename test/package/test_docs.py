"""What the docs quote of the code is in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how_it_learns.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not beside these tests")
def test_each_excerpt_in_how_it_learns_stands_in_the_code():
    files = [ROOT / "hil_serl_ros" / "learning" / f"{name}.py" for name in ("losses", "replay")]
    code = "\n".join(line.strip() for file in files for line in file.read_text().splitlines())
    quoted = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(quoted) >= 6
    lines = ["\n".join(line.strip() for line in part.strip().splitlines()) for part in quoted]
    assert [part for part in lines if part not in code] == []


@pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not beside these tests")
def test_every_relative_link_in_the_docs_leads_to_a_file():
    missing = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in link and not (page.parent / link).exists():
                missing.append(f"{page.name}: {link}")
    assert missing == []
