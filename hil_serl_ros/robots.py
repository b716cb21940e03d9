"""Names of several robots that share one learner."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hil_serl_ros.settings import SettingError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")  # one part of a ROS namespace


def check_robots(robots: Iterable[str], clock: str) -> None:
    """Refuse names that cannot be namespaces, and several robots in lockstep.

    Raises:
        SettingError: one sentence.
    """
    names = list(robots)
    if names == [""]:
        return
    for name in names:
        if NAME.fullmatch(name) is None:
            raise SettingError(f"robots: {name!r} is no name of a namespace; use letters, digits and _")
    if len(set(names)) != len(names):
        raise SettingError(f"robots: a name comes twice in {', '.join(names)}")
    if len(names) > 1 and clock == "lockstep":
        raise SettingError(
            "several robots need clock:=realtime: in lockstep one seed means one result, and theirs would depend on "
            "whose step comes first"
        )
