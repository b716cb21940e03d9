"""The episode bags of a run: numbered folders, listed, labelled, renamed, put aside.

<run>/bags/<robot>_episode_000012/          metadata.yaml and <the same name>.mcap
<run>/bags_discarded/<robot>_episode_.../   thrown away, by the operator in the run or by a person afterwards
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hil_serl_ros.data.bag_description import NAME, change_info, read_description
from hil_serl_ros.data.bag_mend import END, TORN
from hil_serl_ros.data.segments import SUFFIX, LogError

BAGS = "bags"
DISCARDED = "bags_discarded"  # beside the bags, so that who reads all bags of a run does not see them
LABEL = "label"
NUMBERED = re.compile(r"(.+)_(\d{6,})")
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
MOST_LABEL = 200  # characters
RECORDING = "recording"


class BagsError(ValueError):
    """Something that was asked of a run's bags and cannot be done; the message is one sentence."""


@dataclass(frozen=True)
class Bag:
    """One episode's bag.

    Attributes:
        path: its folder.
        number: of the episode among the run's bags; it stays when the bag is renamed.
        info: facts of the episode by name, see docs/record.md; empty while it is being recorded.
        duration: s.
        size: bytes of all its files.
    """

    path: Path
    number: int
    info: dict[str, str]
    duration: float
    size: int

    @property
    def discarded(self) -> bool:
        """It was put aside."""
        return self.path.parent.name == DISCARDED

    @property
    def state(self) -> str:
        """One word: complete, short (something is missing in it), cut, torn or recording."""
        if not self.info:
            return RECORDING
        end = self.info.get(END, TORN)
        if end != "done":
            return end.split(":")[0]
        return "short" if self.info.get("missing") else "complete"


def folders(run: Path) -> list[Path]:
    """Folders of all bags of a run in the order of their numbers, those put aside included."""
    found = [path for part in (BAGS, DISCARDED) for path in (run / part).glob("*_*") if path.is_dir()]
    numbered = [(int(match[2]), path) for path in found if (match := NUMBERED.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]


def next_number(run: Path) -> int:
    """A number that no bag of the run has."""
    return max((number_of(path) for path in folders(run)), default=-1) + 1


def number_of(path: Path) -> int:
    """The number in a bag's name."""
    match = NUMBERED.fullmatch(path.name)
    assert match is not None
    return int(match[2])


def size_of(folder: Path) -> int:
    """Bytes of a bag's files; one that is going away has none."""
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except FileNotFoundError:
        return 0


def read_bag(path: Path) -> Bag:
    """What is known of a bag without reading its messages.

    Raises:
        LogError: its description cannot be read.
    """
    size = size_of(path)
    if not (path / NAME).exists():
        return Bag(path, number_of(path), {}, 0.0, size)
    content = read_description(path)
    duration = content.get("duration", {}).get("nanoseconds", 0) * 1e-9
    return Bag(path, number_of(path), content["custom_data"], duration, size)


def find(run: Path, word: str) -> Path:
    """The bag that a person means: by its number, or by its full name.

    Raises:
        BagsError: there is none, or several robots have one of that number.
    """
    there = folders(run)
    fitting = [path for path in there if word == path.name or (word.isdigit() and int(word) == number_of(path))]
    if len(fitting) > 1:
        raise BagsError(f"there are several bags {word}: {', '.join(path.name for path in fitting)}; name one in full")
    if not fitting:
        numbers = f"its bags are {number_of(there[0])} to {number_of(there[-1])}" if there else "it has no bags"
        raise BagsError(f"{run} has no bag {word}; {numbers}")
    return fitting[0]


def label(path: Path, text: str) -> None:
    """Say of an episode what it is, in the bag's description; its messages are not touched. Empty: no label.

    Raises:
        BagsError: too long, or more than one line.
        LogError: the bag is being recorded, or the disk refuses.
    """
    if len(text) > MOST_LABEL or not text.isprintable():
        raise BagsError(f"a label is one line of at most {MOST_LABEL} characters")
    _ended(path)
    change_info(path, {LABEL: text})


def rename(path: Path, name: str) -> Path:
    """Give a bag another name; its number stays behind it. The bag's new folder.

    Raises:
        BagsError: a name that no folder can have, or another bag has it.
        LogError: the bag is being recorded.
    """
    if not PLAIN.fullmatch(name):
        raise BagsError(f"{name!r} is no name for a bag; letters, digits, _ - and . are, a letter or digit first")
    return _move(path, path.parent / f"{name}_{number_of(path):06d}")


def discard(path: Path) -> Path:
    """Put a bag out of sight, without deleting it; where it is then.

    Raises:
        BagsError: it is there already, or another bag has its name there.
        LogError: the bag is being recorded.
    """
    return _move(path, path.parents[1] / DISCARDED / path.name)


def restore(path: Path) -> Path:
    """Put a bag back that was discarded; where it is then.

    Raises:
        BagsError: it was not discarded, or another bag has its name.
    """
    return _move(path, path.parents[1] / BAGS / path.name)


def delete(path: Path) -> int:
    """Delete a bag that was discarded; its bytes.

    Raises:
        BagsError: it was not discarded.
    """
    if path.parent.name != DISCARDED:
        raise BagsError(f"{path.name} was not discarded; only a discarded bag is deleted")
    size = size_of(path)
    shutil.rmtree(path)
    return size


def _ended(path: Path) -> None:
    if not (path / NAME).exists():
        raise LogError(f"{path.name} is being recorded; it can be changed when it is ended")


def _move(path: Path, to: Path) -> Path:
    _ended(path)
    if path == to:
        raise BagsError(f"{path.name} is there already: {path.parent}")
    if to.exists():
        raise BagsError(f"there is a bag {to} already")
    try:
        to.parent.mkdir(exist_ok=True)
        path.rename(to)
    except OSError as error:
        raise LogError(f"{path} cannot be moved: {error.strerror}", error.errno) from error
    return to


def file_of(folder: Path) -> Path:
    """The MCAP file of a new bag."""
    return folder / f"{folder.name}{SUFFIX}"
