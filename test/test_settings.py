"""Settings refuse what they cannot be, with one sentence."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.settings import SettingError, setting, validate


@dataclass
class Example:
    rate: float = setting(1.0, "A rate.", unit="Hz", minimum=0.5, maximum=2.0)
    count: int = setting(3, "A count.", minimum=0)
    mode: str = setting("slow", "A mode.", choices=("slow", "fast"))
    on: bool = setting(False, "A switch.")
    corner: list[float] = setting([0.0, 1.0], "A corner.", unit="m", minimum=-1.0, maximum=1.0)


def test_the_defaults_are_valid():
    assert validate(Example()) == Example()


def test_each_instance_has_a_list_of_its_own():
    Example().corner.append(5.0)
    assert Example().corner == [0.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": "1.0"}, ["rate", "'1.0'", "must be a number", "1.0"]),
        ({"rate": True}, ["rate", "True", "must be a number"]),
        ({"count": 1.0}, ["count", "1.0", "must be a whole number"]),
        ({"count": True}, ["count", "True", "must be a whole number"]),
        ({"on": 1}, ["on", "1", "true or false"]),
        ({"mode": 1}, ["mode", "1", "must be a text"]),
        ({"corner": (0.0, 1.0)}, ["corner", "must be a list"]),
        ({"corner": 1.0}, ["corner", "must be a list"]),
        ({"corner": [0.0, "x"]}, ["corner", "'x'", "each is a number"]),
        ({"corner": [0.0, None]}, ["corner", "None", "each is a number"]),
        ({"rate": 2.5}, ["rate", "2.5", "too large", "2.0 Hz"]),
        ({"rate": 0.4}, ["rate", "0.4", "too small", "0.5 Hz"]),
        ({"corner": [0.0, -1.5]}, ["corner", "too small", "-1.0 m"]),
        ({"mode": "medium"}, ["mode", "'medium'", "unknown", "slow, fast"]),
        ({"rate": float("nan")}, ["rate", "nan", "not finite"]),
        ({"rate": float("inf")}, ["rate", "inf", "not finite"]),
        ({"corner": [0.0, float("nan")]}, ["corner", "not finite"]),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence_that_names_it(changes, words):
    with pytest.raises(SettingError) as refused:
        validate(Example(**changes))
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert [word for word in words if word not in sentence] == []


@given(st.floats(0.5, 2.0), st.integers(0, 2**62), st.lists(st.floats(-1, 1)))
def test_every_value_within_its_bounds_is_taken(rate, count, corner):
    settings = Example(rate=rate, count=count, corner=corner)
    assert validate(settings) is settings


@given(st.floats().filter(lambda x: not 0.5 <= x <= 2.0))
def test_no_value_beyond_its_bounds_is_taken(rate):
    with pytest.raises(SettingError, match="rate"):
        validate(Example(rate=rate))


def test_an_integer_serves_as_a_real_number():
    assert validate(Example(rate=2)).rate == 2


@pytest.mark.parametrize("bad", ["", "/arm", "a/b", "..", ".hidden", "a\\b", "a\nb", "x" * 101])
def test_a_name_that_leads_out_of_its_folder_is_refused(bad):
    @dataclass
    class Named:
        robot: str = setting("robot", "Name of the robot.", name=True)

    for good in ("robot", "arm_1", "pick cube 2.5"):
        validate(Named(good))
    with pytest.raises(SettingError, match=r"robot = .* folder"):
        validate(Named(bad))
