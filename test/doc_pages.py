"""The docs and what they quote: links, headings, code, commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Relative to the repository."""
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """What is outside of fenced blocks."""
        return FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """Fenced blocks in one of these languages; an empty one is a block that names none."""
        return [code for language, code in FENCE.findall(self.text) if language in languages]

    @property
    def links(self) -> list[tuple[str, str]]:
        """File and anchor of each link that stays here; an empty file is this page."""
        found = re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)", self.prose)
        return [(file, anchor) for file, anchor in found if "://" not in file]

    @property
    def anchors(self) -> set[str]:
        """What a link may name after #: GitHub's form of each heading."""
        headings = re.findall(r"^#+ (.+?)$", self.prose, re.MULTILINE)
        plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
        return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}

    @property
    def inline(self) -> list[str]:
        """What stands in backticks in the prose, line breaks mended."""
        return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", self.prose)]

    @property
    def commands(self) -> list[str]:
        """Lines of code that a reader may type: fenced, indented or in backticks; continued ones joined."""
        fenced = "\n".join(self.blocks("", "bash", "sh"))
        indented = "\n".join(re.findall(r"^(?: {4,}|\| )(.*)$", self.prose, re.MULTILINE))
        lines = re.sub(r"\\\n\s*", " ", f"{fenced}\n{indented}").splitlines()
        return [line.strip().removeprefix("$ ") for line in lines] + self.inline


def pages() -> list[Page]:
    """README and all of docs."""
    return [Page(ROOT / "README.md"), *(Page(path) for path in sorted((ROOT / "docs").glob("*.md")))]
