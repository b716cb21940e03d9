"""A run's parameters beside their defaults."""

from __future__ import annotations

import dataclasses

import logged_run
import pytest

from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.report.configuration import defaults, parameters_of, unchanged
from hil_serl_ros.settings import default_of


def test_the_defaults_are_those_of_the_dataclasses():
    for field in dataclasses.fields(LearnerSettings):
        default, description = defaults()[field.name]
        assert default == default_of(field)
        assert description
    assert defaults()["discount"][1] == "Discount of the next step's value."


def test_what_differs_stands_first_and_the_run_stands_above_its_configuration(tmp_path):
    rows = parameters_of(logged_run.write(tmp_path, [], batch_size=512, discount=0.97, critic_lr=3e-4))
    found = {row.name: row for row in rows}
    assert (found["batch_size"].value, found["batch_size"].default) == ("512", "256")
    assert not found["discount"].differs
    assert not found["critic_lr"].differs
    flags = [row.differs for row in rows]
    assert flags == sorted(flags, reverse=True)
    assert "run_folder" not in found  # of each run its own


def test_a_parameter_of_one_node_alone_says_so(tmp_path):
    folder = logged_run.write(tmp_path, [])
    with (folder / "config.yaml").open("a") as file:
        file.write("/**/state:\n  ros__parameters:\n    frozen_after: 7\n")
    (row,) = [row for row in parameters_of(folder) if row.name == "frozen_after"]
    assert (row.where, row.value, row.differs) == ("state", "7", True)


def test_every_other_parameter_has_its_default(tmp_path):
    rows = parameters_of(logged_run.write(tmp_path, []))
    rest = unchanged(rows)
    assert not any(row.differs for row in rest)
    assert {row.name for row in rest}.isdisjoint(row.name for row in rows)
    assert "discount" in {row.name for row in rest}


def test_a_file_that_is_no_parameter_file_is_named(tmp_path):
    folder = logged_run.write(tmp_path, [])
    (folder / "config.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"config.yaml is not a ROS parameter file"):
        parameters_of(folder)
