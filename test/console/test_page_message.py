"""What is taken for a page's word, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil_serl_ros.console.page_message import LARGEST, MalformedError, Pad, PageMessage, parse

GOOD: dict[str, Any] = {"session": "s", "number": 3}


def test_a_whole_message_is_read():
    text = json.dumps(
        GOOD
        | {"held": ["ArrowUp"], "pad": {"axes": [0, -1.0], "buttons": [1]}, "pressed": ["stop"]}
        | {"seat": "take", "away": True, "sent": 12.5}
    )
    pad = Pad((0.0, -1.0), (1.0,))
    assert parse(text) == PageMessage("s", 3, ("ArrowUp",), pad, ("stop",), "take", True, 12.5)


def test_what_is_not_said_is_nothing():
    assert parse(json.dumps(GOOD)) == PageMessage("s", 3)


@pytest.mark.parametrize(
    "change",
    [
        {"session": 7},
        {"number": -1},
        {"number": 1.5},
        {"number": True},
        {"number": None},
        {"held": "ArrowUp"},
        {"held": [1]},
        {"held": ["x"] * 33},
        {"held": ["x" * 33]},
        {"pad": []},
        {"pad": {"axes": [0]}},
        {"pad": {"axes": [2], "buttons": []}},
        {"pad": {"axes": ["0"], "buttons": []}},
        {"pad": {"axes": [True], "buttons": []}},
        {"pad": {"axes": [0] * 17, "buttons": []}},
        {"pressed": ["format"]},
        {"seat": "steal"},
        {"seat": []},
        {"away": 1},
        {"sent": "now"},
        {"more": 1},
    ],
)
def test_a_field_that_cannot_be_is_refused(change):
    with pytest.raises(MalformedError):
        parse(json.dumps(GOOD | change))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "7", "null", "[]", "{}", "[" * 4000),
        '{"session": "s", "number": NaN}',
        '{"session": "s", "number": 1, "sent": 1e999}',
        '{"session": "s", "number": ' + "9" * LARGEST + "}",
        '{"session": "s", "number": 1, "pad": {"axes": [NaN], "buttons": []}}',
    ],
)
def test_what_is_no_message_is_refused(text):
    with pytest.raises(MalformedError):
        parse(text)


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), lambda x: st.lists(x))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(st.dictionaries(st.sampled_from(sorted(PageMessage.__dataclass_fields__)), JSON))
def test_whatever_comes_is_a_message_or_refused(values):
    try:
        message = parse(json.dumps(values))
    except MalformedError:
        return
    assert isinstance(message, PageMessage)
