"""Every parameter of every node explains itself, and a wrong one is refused with one sentence."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParametersAtomically
from rclpy.node import Node
from rclpy.parameter import Parameter
from visualization_msgs.msg import MarkerArray

import hil_serl_ros.nodes
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.security import KINDS, read, rights_of
from hil_serl_ros.settings import SettingError, default_of, validate

pytestmark = pytest.mark.patient

NODES = sorted(p.stem for p in Path(hil_serl_ros.nodes.__file__).parent.glob("[a-z]*.py"))
HEAVY = ("learner", "policy_actor", "reward_classifier")  # these load torch
NEEDY = ("keyboard_teleop", "replayer", "rerunner")  # these need a terminal, or a recorded run
LIGHT = [name for name in NODES if name not in (*HEAVY, *NEEDY)]
TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
}
POLICY = Path(__file__).parents[2] / "config" / "security" / "policies.xml"
OPTIONAL = re.compile(r"/(image_raw|camera_info|depth|points|tf|tf_static)$")  # where there are cameras, or stock ROS 2
MEND = "start the node and run `hil-serl security config/security/policies.xml`"
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
        assert described.read_only != field.metadata["dynamic"]
        assert bool(described.additional_constraints) == described.read_only  # why, and what to do instead
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
    ("joy_teleop", {"max_silence": 9.0}, ["max_silence", "9.0", "5.0 s"]),
    ("joy_teleop", {"mapping": "sega"}, ["sega", "xbox"]),
    ("joy_device", {"rate": 1.0}, ["rate", "1.0", "20.0 Hz"]),
    ("keyboard_teleop", {"hold": 9.0}, ["hold", "9.0", "0.5 s"]),
    ("mujoco_bridge", {"task": "juggle"}, ["juggle", "pick_cube", "arrange_boxes"]),
    ("mujoco_bridge", {"control_period": 0.0}, ["control_period", "0.0", "0.01 s"]),
    ("cartesian_robot", {"reset_waypoints": "[0.4, 0.0, 0.9, 0.0]"}, ["0.9", "outside the workspace"]),
    ("cartesian_robot", {"reset_routine": "waypoints"}, ["reset_waypoints has none"]),
    ("cartesian_robot", {"max_lead": 0.0}, ["max_lead", "0.0", "0.005 m"]),
    ("scripted_operator", {"task": "juggle"}, ["juggle", "pick_cube"]),
    ("scripted_operator", {"seed": "one"}, ["seed", "whole number"]),
    ("monitor", {"train_steps": -1}, ["train_steps", "-1", "0 steps"]),
    ("policy_actor", {"task": "juggle"}, ["juggle", "pick_cube", "max_episode_steps"]),
    ("policy_actor", {"checkpoint": "/nowhere/at/all"}, ["/nowhere/at/all"]),
    ("learner", {"batch_size": 0}, ["batch_size", "0"]),
    ("learner", {"demonstrations_folder": "/nowhere/at/all"}, ["/nowhere/at/all"]),
]


PROCESSES = {name: (parameters, words) for name, parameters, words in WRONG if name not in HEAVY}


@pytest.mark.parametrize(("name", "parameters", "words"), WRONG)
def test_a_wrong_parameter_is_refused_with_one_sentence(domain, tmp_path, monkeypatch, name, parameters, words):
    module = importlib.import_module(f"hil_serl_ros.nodes.{name}")
    (node,) = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Node) and kind.__module__ == module.__name__
    ]
    monkeypatch.chdir(tmp_path)
    values = [a for key, value in parameters.items() for a in ("-p", f"{key}:={value}")]
    rclpy.init(args=["--ros-args", *values], domain_id=domain)
    try:
        with pytest.raises(SettingError) as refused:
            node()
    finally:
        rclpy.try_shutdown()
    assert "\n" not in str(refused.value)
    assert [word for word in words if word not in str(refused.value)] == [], refused.value
    assert list(tmp_path.iterdir()) == [], "something was written"


@pytest.mark.parametrize("name", PROCESSES)
def test_a_wrong_parameter_ends_the_node_with_one_line(graph, name):
    parameters, words = PROCESSES[name]
    process = graph.start(name, **parameters)
    assert process.wait(60) == 2, process.output
    lines = process.output.strip().splitlines()
    assert len(lines) == 1, process.output
    assert lines[0].startswith("error: ")
    assert [word for word in words if word not in lines[0]] == [], lines[0]
    assert list(process.folder.iterdir()) == [], "something was written"


@pytest.mark.parametrize(
    ("name", "setting", "good", "bad"),
    [
        ("mujoco_bridge", "camera_period", 0.5, 99.0),
        ("scripted_operator", "least_help", 7, 0),
        ("joy_device", "rumble", 0.1, -1.0),
    ],
)
def test_what_may_change_while_a_node_runs_does_within_its_bounds(graph, running, name, setting, good, bad):
    service = f"/{name}/set_parameters_atomically"

    def put(value: float) -> Any:
        parameter = Parameter(setting, value=value).to_parameter_msg()
        return graph.call(
            SetParametersAtomically, service, SetParametersAtomically.Request(parameters=[parameter])
        ).result

    assert put(good).successful
    refused = put(bad)
    assert not refused.successful
    assert refused.reason
    (value,) = graph.call(GetParameters, f"/{name}/get_parameters", GetParameters.Request(names=[setting])).values
    assert good in (value.double_value, value.integer_value)


def test_every_node_reports_on_diagnostics(graph, running):
    reports = graph.subscribe(DiagnosticArray, "/diagnostics", 10)
    graph.wait_until(lambda: {f"/{name}" for name in LIGHT} <= {s.name for r in reports for s in r.status})


@pytest.mark.parametrize("name", NODES)
def test_every_node_has_diagnostics(name):
    module = importlib.import_module(f"hil_serl_ros.nodes.{name}")
    assert "Diagnostics(" in Path(str(module.__file__)).read_text()


@pytest.mark.parametrize("name", LIGHT)
def test_the_security_policy_allows_each_node_what_it_uses_and_no_more(graph, running, name):
    policies = read(POLICY.read_text())
    assert f"/{name}" in policies, MEND
    graph.wait_until(lambda: name in graph.node.get_node_names())
    if name == "scene":  # it listens while somebody looks
        graph.subscribe(MarkerArray, "markers", qos.SHOWN)
    allowed = policies[f"/{name}"]

    def differences() -> dict[tuple[str, str], set[str]]:
        used = rights_of(graph.node, name, "/")
        found = {
            kind: {n for n in allowed[kind] ^ used[kind] if not (n in allowed[kind] and OPTIONAL.search(n))}
            for kind in KINDS
        }
        if name == "recorder":
            found.pop(("topics", "subscribe"))  # it hears whatever there is
        return {kind: names for kind, names in found.items() if names}

    graph.wait_until(lambda: not differences(), again=lambda: print(MEND, differences()))


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
