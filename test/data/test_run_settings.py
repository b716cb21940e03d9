"""What the learner of a run was set to, out of the run's files."""

from __future__ import annotations

import dataclasses
import json

import logged_run
import pytest
import yaml

from hil_serl_ros.data.run_settings import (
    LearningSettings,
    node_parameters,
    run_settings,
    why_other_weights,
    write_parameters,
)
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.nodes.learner import LearnerNodeSettings
from hil_serl_ros.settings import SettingError


@pytest.fixture
def run(tmp_path):
    return logged_run.write(tmp_path / "run", [])


def test_the_defaults_are_the_learners_own():
    node = {field.name: field for field in dataclasses.fields(LearnerNodeSettings)}
    for field in dataclasses.fields(LearningSettings):
        assert (field.default, field.metadata) == (node[field.name].default, node[field.name].metadata)


def test_what_was_asked_for_stands_above_the_configuration_and_defaults_below(run):
    logged_run.write(run, [], batch_size=12, clock="realtime")
    settings = run_settings(run)
    assert settings.learning.batch_size == 12
    assert settings.learning.latent_dim == 8
    assert settings.learning.discount == LearnerSettings().discount
    assert (settings.node.run, settings.lockstep) == ("made", False)


def test_only_the_nodes_own_part_of_a_file_is_its(run):
    file = {"/**": {"ros__parameters": {"a": 1, "b": 1}}, "/**/learner": {"ros__parameters": {"a": 2}}}
    file["/**/state"] = {"ros__parameters": {"b": 3}}
    (run / "config.yaml").write_text(yaml.safe_dump(file))
    found = node_parameters(run, "learner")
    assert (found["a"], found["b"]) == (2, 1)


def test_a_number_is_read_as_ros_reads_it(run):
    (run / "config.yaml").write_text("/**:\n  ros__parameters:\n    critic_lr: 1e-3\n    discount: 1\n")
    learning = run_settings(run).learning
    assert (learning.critic_lr, learning.discount) == (0.001, 1.0)
    assert type(learning.discount) is float


def test_the_layout_is_the_one_that_was_kept(run):
    layout = logged_run.LAYOUT
    assert run_settings(run).layout == layout
    (run / "layout.json").write_text(dataclasses.replace(layout, task="other").to_json())
    assert run_settings(run).layout.task == "other"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "config.yaml").unlink(), "it has no config.yaml"),
        (lambda run: (run / "parameters.yaml").write_text("a: [\n"), "parameters.yaml is not a ROS parameter file"),
        (lambda run: (run / "parameters.yaml").write_text("3\n"), "parameters.yaml is not a ROS parameter file"),
        (lambda run: (run / "layout.json").write_text("{}"), "layout.json: this is not a layout"),
        (lambda run: logged_run.write(run, [], batch_size=1), "batch_size = 1 is too small"),
    ],
)
def test_a_file_that_is_missing_or_wrong_is_named(run, spoil, words):
    spoil(run)
    with pytest.raises(SettingError, match=words):
        run_settings(run)


def test_only_what_weights_depend_on_can_be_changed(run):
    settings = run_settings(run)
    changed = settings.with_changes({"critic_lr": 0.1})
    assert settings.differences(changed) == ["critic_lr is 0.1, not 0.0003"]
    with pytest.raises(SettingError, match="train_steps is nothing that can be learned again with"):
        settings.with_changes({"train_steps": 3})
    with pytest.raises(SettingError, match="batch_size"):
        settings.with_changes({"batch_size": 0})


def test_changed_settings_are_read_back_as_they_were_written(run):
    changed = run_settings(run).with_changes({"critic_lr": 0.1})
    write_parameters(run, changed)
    assert run_settings(run) == changed


def test_it_says_why_the_weights_need_not_be_the_same(run):
    assert why_other_weights(run_settings(run)) == []
    folder = run / "checkpoints" / "000010" / "pretrained_model"
    folder.mkdir(parents=True)
    saved = dataclasses.asdict(run_settings(run).learning) | {"vision_encoder": "elsewhere"}
    (folder / "learner_settings.json").write_text(json.dumps(saved))
    assert why_other_weights(run_settings(run)) == []
    (folder / "learner_settings.json").write_text(json.dumps(saved | {"discount": 0.5}))
    assert "checkpoint 000010: it was made with discount 0.5, not 0.97" in why_other_weights(run_settings(run))[0]
    logged_run.write(run, [], clock="realtime")
    assert "realtime" in why_other_weights(run_settings(run))[0]
