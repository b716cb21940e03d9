"""Every parameter of every node explains itself, and a wrong one is refused with one sentence."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParametersAtomically
from rclpy.parameter import Parameter

import hil_serl_ros.nodes
from hil_serl_ros.settings import default_of, validate

NODES = sorted(p.stem for p in Path(hil_serl_ros.nodes.__file__).parent.glob("[a-z]*.py"))
LIGHT = [name for name in NODES if name not in ("learner", "policy_actor")]  # these load torch
TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
}
OWN = ("use_sim_time", "start_type_description_service")  # rclpy's


def settings_of(name: str) -> dict[str, dataclasses.Field]:
    """All settings that the module of a node can see, by parameter name."""
    module = importlib.import_module(f"hil_serl_ros.nodes.{name}")
    kinds: list[Any] = [
        value for key, value in vars(module).items() if key.endswith("Settings") and dataclasses.is_dataclass(value)
    ]
    return {field.name: field for kind in kinds for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("name", NODES)
def test_every_setting_has_a_sentence_and_a_default_within_its_bounds(name):
    module = importlib.import_module(f"hil_serl_ros.nodes.{name}")
    kinds: list[Any] = [
        value for key, value in vars(module).items() if key.endswith("Settings") and dataclasses.is_dataclass(value)
    ]
    assert kinds
    for kind in kinds:
        validate(kind())
        for field in dataclasses.fields(kind):
            assert field.metadata["description"].endswith("."), f"{kind.__name__}.{field.name}"


@pytest.fixture(scope="module")
def running(graph, tmp_path_factory):
    """All nodes that start without torch."""
    folder = tmp_path_factory.mktemp("run")
    processes = {}
    for name in LIGHT:
        parameters = {"run_folder": folder} if "run_folder" in settings_of(name) else {}
        processes[name] = graph.start(name, **parameters)
    return processes


@pytest.mark.parametrize("name", LIGHT)
def test_ros_describes_every_parameter_with_its_type(graph, running, name):
    listed = graph.call(ListParameters, f"/{name}/list_parameters", ListParameters.Request()).result.names
    names = [n for n in listed if n not in OWN and not n.startswith("qos_overrides")]
    settings = settings_of(name)
    assert set(names) == set(settings)
    request = DescribeParameters.Request(names=names)
    for described in graph.call(DescribeParameters, f"/{name}/describe_parameters", request).descriptors:
        field = settings[described.name]
        assert described.description.startswith(field.metadata["description"])
        default = default_of(field)
        if not isinstance(default, list):
            assert described.type == TYPES[type(default)], described.name
        assert described.read_only
        for choice in field.metadata["choices"] or ():
            assert choice in described.description
        bounded = field.metadata["minimum"] is not None or field.metadata["maximum"] is not None
        assert bool(described.floating_point_range or described.integer_range) == (
            bounded and not isinstance(default, list)
        )
    assert running[name].code is None


def test_a_parameter_that_is_not_dynamic_cannot_be_changed_while_the_node_runs(graph, running):
    name = "/safety/set_parameters_atomically"
    request = SetParametersAtomically.Request(parameters=[Parameter("max_speed", value=1.5).to_parameter_msg()])
    assert not graph.call(SetParametersAtomically, name, request).result.successful
    values = graph.call(GetParameters, "/safety/get_parameters", GetParameters.Request(names=["max_speed"])).values
    assert values[0].double_value == 0.4331


WRONG = [
    ("safety", {"max_speed": "fast"}, ["max_speed", "number", "0.4331"]),
    ("safety", {"max_speed": -1.0}, ["max_speed", "-1.0", "0.0 m/s"]),
    ("safety", {"max_speed": 100.0}, ["max_speed", "100.0", "2.0 m/s"]),
    ("safety", {"max_speed": ".nan"}, ["max_speed", "nan"]),
    ("safety", {"workspace_low": "[0.2, 0.1]"}, ["workspace_low"]),
    ("safety", {"workspace_low": "[0.7, -0.3, 0.0]"}, ["workspace_low"]),
    ("safety", {"workspace_low": "[a, b, c]"}, ["workspace_low", "number"]),
    ("safety", {"clock": "sundial"}, ["clock", "sundial", "lockstep, realtime"]),
    ("safety", {"armed_at_start": 1}, ["armed_at_start", "true or false"]),
    ("state", {"joints": 0}, ["joints", "0", "1"]),
    ("state", {"joints": 7.5}, ["joints", "whole number"]),
    ("state", {"clock": "sundial"}, ["clock", "sundial"]),
    ("joy_teleop", {"x_axis": -1}, ["x_axis", "-1", "0"]),
    ("joy_teleop", {"deadzone": 0.9}, ["deadzone", "0.9", "0.5"]),
    ("mujoco_bridge", {"task": "juggle"}, ["juggle", "pick_cube", "arrange_boxes"]),
    ("mujoco_bridge", {"control_period": 0.0}, ["control_period", "0.0", "0.01 s"]),
    ("scripted_operator", {"task": "juggle"}, ["juggle", "pick_cube"]),
    ("scripted_operator", {"seed": "one"}, ["seed", "whole number"]),
    ("monitor", {"train_steps": -1}, ["train_steps", "-1", "0 steps"]),
    ("policy_actor", {"checkpoint": "/nowhere/at/all"}, ["/nowhere/at/all"]),
    ("learner", {"batch_size": 0}, ["batch_size", "0"]),
    ("learner", {"demonstrations_folder": "/nowhere/at/all"}, ["/nowhere/at/all"]),
]


@pytest.mark.parametrize(("name", "parameters", "words"), WRONG)
def test_a_wrong_parameter_ends_the_node_with_one_sentence(graph, name, parameters, words):
    process = graph.start(name, **parameters)
    assert process.wait(60) == 2, process.output
    lines = process.output.strip().splitlines()
    assert len(lines) == 1, process.output
    assert lines[0].startswith("error: ")
    assert [word for word in words if word not in lines[0]] == [], lines[0]
    assert list(process.folder.iterdir()) == [], "something was written"


def test_whole_numbers_are_taken_for_numbers_as_yaml_has_them(graph):
    process = graph.start("safety", "-r", "__ns:=/whole", max_speed=1, workspace_low="[0, -1, 0]")
    names = ["max_speed", "workspace_low"]
    values = graph.call(GetParameters, "/whole/safety/get_parameters", GetParameters.Request(names=names)).values
    assert values[0].double_value == 1.0
    assert list(values[1].double_array_value) == [0.0, -1.0, 0.0]
    assert process.stop() == 0


def test_a_parameter_file_that_is_not_there_ends_the_node_with_one_sentence(graph):
    process = graph.start("safety", "--params-file", "nowhere.yaml")
    assert process.wait() == 2
    assert "nowhere.yaml" in process.output
    assert "Traceback" not in process.output
