"""``hil-serl episodes``: the recorded episodes of a run, one bag each; label, rename, put aside."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from hil_serl_ros.data import bags
from hil_serl_ros.data.bag_mend import mend_bag
from hil_serl_ros.data.bags import Bag, BagsError
from hil_serl_ros.data.segments import LogError

COLUMNS = ("bag", "mode", "result", "steps", "by hand", "seconds", "MB", "state", "label", "folder")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run")
    one = "a bag is named by its number or its folder's name"
    parser.add_argument("--label", nargs="+", default=[], metavar="BAG=TEXT", help=f"say what it is; {one}")
    parser.add_argument("--rename", nargs="+", default=[], metavar="BAG=NAME", help="its number stays behind the name")
    parser.add_argument("--discard", nargs="+", default=[], metavar="BAG", help="put it out of sight, undeleted")
    parser.add_argument("--restore", nargs="+", default=[], metavar="BAG", help="take it back")
    parser.add_argument("--delete-discarded", action="store_true", help="delete all that were discarded")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked, then list the episodes; the exit code."""
    folder = arguments.folder
    if not folder.is_dir():
        print(f"error: there is no folder {folder}", file=sys.stderr)
        return 2
    try:
        _mend(folder)
        changed = _change(folder, arguments)
        print(_table(folder))
    except (BagsError, LogError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if changed:
        print(changed)
    return 0


def _mend(folder: Path) -> None:
    """End what a killed recorder left open; what is being recorded is left alone."""
    for path in bags.folders(folder):
        mended = mend_bag(path)
        if mended.changed and path.exists():
            print(f"{path.name} was left open by a kill and is ended now; {mended.torn} bytes of half a record are cut")


def _change(folder: Path, arguments: argparse.Namespace) -> str:
    """Do all changes, once it is known that each names a bag; one sentence on them."""
    labels = [_pair(folder, word) for word in arguments.label]
    names = [_pair(folder, word) for word in arguments.rename]
    aside = [bags.find(folder, word) for word in arguments.discard]
    back = [bags.find(folder, word) for word in arguments.restore]
    for path, text in labels:
        bags.label(path, text)
    for path in aside:
        bags.discard(path)
    for path in back:
        bags.restore(path)
    for path, name in names:
        # By its number: it may have been put aside a moment ago.
        bags.rename(bags.find(folder, path.name), name)
    deleted, size = 0, 0
    if arguments.delete_discarded:
        for path in [path for path in bags.folders(folder) if path.parent.name == bags.DISCARDED]:
            size += bags.delete(path)
            deleted += 1
    said = [
        f"{count} {word}"
        for word, count in (
            ("labelled", len(labels)),
            ("renamed", len(names)),
            ("discarded", len(aside)),
            ("restored", len(back)),
            (f"deleted ({size / 1e6:.1f} MB)", deleted),
        )
        if count
    ]
    return ", ".join(said)


def _pair(folder: Path, word: str) -> tuple[Path, str]:
    name, separator, text = word.partition("=")
    if not separator or not name:
        raise BagsError(f"{word} is not BAG=TEXT, as 12=success")
    return bags.find(folder, name), text.strip()


def _table(folder: Path) -> str:
    """All episodes, then what they are together; those that were discarded are only counted."""
    there, damaged = [], []
    for path in tqdm(bags.folders(folder), desc="read", unit=" bags", leave=False):
        try:
            there.append(bags.read_bag(path))
        except LogError as error:
            damaged.append(f"{error}")
    shown = [bag for bag in there if not bag.discarded]
    discarded = [bag for bag in there if bag.discarded]
    rows = [COLUMNS, *(_row(bag) for bag in shown)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    align: list[Callable[[str, int], str]] = [str.ljust if i in (1, 2, 7, 8, 9) else str.rjust for i in range(10)]
    lines = ["  ".join(put(cell, width) for put, cell, width in zip(align, row, widths, strict=True)) for row in rows]
    lines = [line.rstrip() for line in lines] if shown else []
    for bag in shown:
        if missing := bag.info.get("missing"):
            lines.append(f"bag {bag.number} lacks something: {missing}")
    lines += damaged
    size, seconds = sum(bag.size for bag in shown) / 1e6, sum(bag.duration for bag in shown)
    total = f"{len(shown)} episodes, {seconds:.0f} s, {size:.1f} MB"
    if discarded:
        total += f"; {len(discarded)} discarded ({sum(bag.size for bag in discarded) / 1e6:.1f} MB)"
    return "\n".join([*lines, total])


def _row(bag: Bag) -> tuple[str, ...]:
    info = bag.info
    known = (info.get("mode", ""), info.get("result", ""), info.get("steps", ""), info.get("operator_steps", ""))
    figures = (f"{bag.duration:.1f}", f"{bag.size / 1e6:.1f}", bag.state, info.get(bags.LABEL, ""))
    return (str(bag.number), *known, *figures, bag.path.name)
