"""Paths of the tool beside each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hil_serl_ros.data.rows import read_rows
from hil_serl_ros.msg import Observation
from hil_serl_ros.ros.paths import apart, tool_names, tool_of, write_path


def test_the_tool_is_where_the_layout_says():
    message = Observation(state=[float(i) for i in range(18)])
    assert tool_of(message, tool_names(None)).tolist() == [15.0, 16.0, 17.0]


def test_two_paths_are_as_far_apart_as_their_points_at_the_same_steps():
    one = np.zeros((3, 3))
    other = np.array([[0, 0, 0], [0.03, 0.04, 0], [0, 0, 0.01], [9, 9, 9]])
    assert apart(one, other) == pytest.approx((0.05, 0.02))
    assert all(math.isnan(value) for value in apart(one, np.zeros((0, 3))))


def test_both_are_written_and_what_one_lacks_is_empty(tmp_path):
    write_path(tmp_path / "path.csv", np.ones((2, 3)), np.zeros((1, 3)))
    rows = read_rows(tmp_path / "path.csv")
    assert [row["recorded_tool_x"] for row in rows] == ["1.0", "1.0"]
    assert [row["tool_x"] for row in rows] == ["0.0", ""]
