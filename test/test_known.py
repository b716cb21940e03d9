"""A parameter that no node has is refused before anything starts."""

from __future__ import annotations

import dataclasses

import pytest

from hil_serl_ros.commands.job import changes_of
from hil_serl_ros.env.actor_settings import ActorSettings
from hil_serl_ros.graph import nodes_of
from hil_serl_ros.known import check_names, parameters
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.settings import SettingError


@pytest.mark.parametrize("kind", [ActorSettings, LearnerSettings])
def test_the_settings_of_the_sources_are_all_known(kind):
    assert {field.name for field in dataclasses.fields(kind)} <= parameters()


def test_a_misspelt_parameter_is_named_with_what_is_spelt_alike():
    with pytest.raises(SettingError, match="--set: no node has a parameter train_step; is it train_steps"):
        changes_of(["train_step=100"])


def test_a_name_that_resembles_nothing_is_refused_without_a_guess():
    with pytest.raises(SettingError, match=r"here: no node has a parameter qqqq$"):
        check_names(["qqqq"], "here")


def test_a_parameter_file_with_a_misspelt_name_is_refused_and_nothing_is_written(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "/**:\n  ros__parameters:\n    task: pick_cube\n/**/state:\n  ros__parameters:\n    froozen_after: 1\n"
    )
    (tmp_path / "run").mkdir()
    with pytest.raises(SettingError, match=r"mine\.yaml: no node has a parameter froozen_after; is it frozen_after"):
        nodes_of("sim", tmp_path / "run", str(file), {})
    assert list((tmp_path / "run").iterdir()) == []
