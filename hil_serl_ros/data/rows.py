"""The tables of a run, read back."""

from __future__ import annotations

import csv
from pathlib import Path


def read_rows(table: Path) -> list[dict[str, str]]:
    """The whole rows of a CSV file, values as text by column; empty: there is no such file, or no row in it.

    Half a row that a kill left at the end is no row.
    """
    try:
        text = table.read_text(errors="replace")
    except FileNotFoundError:
        return []
    whole = text[: text.rfind("\n") + 1].splitlines()
    return [row for row in csv.DictReader(whole) if None not in row.values() and None not in row]
