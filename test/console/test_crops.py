"""A rectangle in pixels, its fractions, and the parameter of node state."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.console.crops import CropFileError, parameters_of, region_of, write_parameters
from hil_serl_ros.env.images import Region

corner = st.tuples(st.floats(-50, 700), st.floats(-50, 500))


@given(corner, corner)
def test_a_rectangle_comes_back_from_the_parameter_to_a_tenth_of_a_pixel(start, end):
    width, height = 640, 480
    region = region_of(start, end, width, height)
    xs, ys = ([min(max(p[axis], 0), most) for p in (start, end)] for axis, most in ((0, width), (1, height)))
    if region is None:
        assert max(xs) - min(xs) < 4 or max(ys) - min(ys) < 4
        return
    left, top, right, bottom = parameters_of({"front": region})["crops"]
    assert Region(left, top, right, bottom) == region
    drawn = (min(xs), min(ys), max(xs), max(ys))
    assert (left * width, top * height, right * width, bottom * height) == pytest.approx(drawn, abs=0.1)


def test_writing_leaves_the_other_parameters(tmp_path):
    path = tmp_path / "state.yaml"
    path.write_text("/**: {ros__parameters: {rate: 10.0, crops: [0.0]}}\n")
    write_parameters(path, {"front": Region(0.1, 0.2, 0.3, 0.4)})
    assert yaml.safe_load(path.read_text())["/**"]["ros__parameters"] == {
        "rate": 10.0,
        "crops": [0.1, 0.2, 0.3, 0.4],
        "cameras": ["front"],
    }


@pytest.mark.parametrize("text", ["[1, 2]\n", "a: [\n", "/**: 3\n"])
def test_a_file_that_is_no_parameter_file_is_left_as_it_is(tmp_path, text):
    path = tmp_path / "state.yaml"
    path.write_text(text)
    with pytest.raises(CropFileError, match="not a ROS parameter file"):
        write_parameters(path, {"front": Region()})
    assert path.read_text() == text
