"""The operator's labels: what a pressed key makes of a step."""

from __future__ import annotations

from hil_serl_ros.env.modes import COLLECT, EVALUATE
from hil_serl_ros.msg import TeleopAction


def collected(events: list[int], labelled: bool) -> bool:
    """Whether what is seen now is a success, after the operator's ``events`` and the label until then."""
    for event in events:
        if event in (TeleopAction.EVENT_SUCCESS, TeleopAction.EVENT_FAILURE):
            labelled = event == TeleopAction.EVENT_SUCCESS
    return labelled


def counted(events: list[int], mode: int, judge: str) -> list[int]:
    """Those of the operator's ``events`` that label a step of an episode in ``mode``; ``judge`` judges it, "" nobody.

    Where examples are made they are marks, not ends; an evaluation's success is its judge's word alone.
    """
    if mode == COLLECT:
        return []
    return events if mode != EVALUATE or not judge else [e for e in events if e == TeleopAction.EVENT_AGAIN]


def label(
    event: int, reward: float, terminated: bool, truncated: bool, success: bool
) -> tuple[float, bool, bool, bool]:
    """The step's reward, terminated, truncated and success after the operator's label ``event``."""
    if event == TeleopAction.EVENT_SUCCESS:
        return 1.0, True, False, True
    if event == TeleopAction.EVENT_FAILURE:
        return 0.0, True, False, False
    if event == TeleopAction.EVENT_AGAIN:
        return reward, False, True, False
    return reward, terminated, truncated, success
