"""When a command is sent in realtime."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.env.link import paced

PERIOD = 0.1


def sent(lateness: list[float]) -> np.ndarray:
    """When commands are sent whose steps are ready so late (s)."""
    times = [lateness[0]]
    for number, late in enumerate(lateness[1:], 1):
        times.append(paced(times[-1], PERIOD, PERIOD * number + late))
    return np.array(times)


def test_one_late_step_makes_one_long_period_and_no_short_one():
    gaps = np.diff(sent([0.0] * 5 + [0.04] + [0.0] * 20))
    assert (np.abs(gaps - PERIOD) > 0.003).sum() == 1
    assert gaps.min() > 0.097


def test_the_delay_that_a_late_step_left_goes_away():
    times = sent([0.0] * 5 + [0.04] + [0.0] * 100)
    assert times[-1] - PERIOD * 105 < 0.001


@given(st.lists(st.floats(0.0, 0.09), min_size=2, max_size=60))
def test_no_command_is_sent_before_it_is_ready_nor_a_period_late(lateness):
    delays = sent(lateness) - PERIOD * np.arange(len(lateness))
    assert (delays >= np.array(lateness) - 1e-9).all()
    assert delays.max() <= max(lateness) + 1e-9
