"""Who else is in the graph: namesakes, and nodes of another version."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.topic_endpoint_info import TypeHash

from hil_serl_ros.ros.peers import TWIN, VERSION, complaints

KIND = "hil_serl_ros/msg/RobotCommand"


def endpoint(name: str, digit: int = 1, version: int = 1, kind: str = KIND) -> Any:
    fields = {"node_name": name, "node_namespace": "/", "topic_type": kind}
    return SimpleNamespace(**fields, topic_type_hash=TypeHash(version, bytes([digit] * 32)))


class Peered:
    """What `complaints` asks of a node: it is `safety`, and `others` publish on its topic."""

    def __init__(self, *others: Any, names: tuple[str, ...] = ()) -> None:
        self.others, self.names = others, ("safety", *names)
        self.subscriptions = [SimpleNamespace(topic_name="/command")]

    def get_name(self) -> str:
        return "safety"

    def get_namespace(self) -> str:
        return "/"

    def get_fully_qualified_name(self) -> str:
        return "/safety"

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        return [(name, "/") for name in self.names]

    def get_subscriptions_info_by_topic(self, topic: str) -> list[Any]:
        return [endpoint("recorder", 9), endpoint("safety")]

    def get_publishers_info_by_topic(self, topic: str) -> list[Any]:
        return list(self.others)


def found(node: Peered) -> list[tuple[str, str]]:
    return list(complaints(node))  # type: ignore[arg-type]


def test_a_peer_of_the_same_version_is_no_complaint():
    assert found(Peered(endpoint("policy_actor"), names=("policy_actor",))) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (endpoint("old", 2), ["/old", "another version", "same version of hil_serl_ros"]),
        (endpoint("odd", kind="std_msgs/msg/String"), ["/odd", "std_msgs/msg/String", "remap"]),
    ],
)
def test_a_peer_with_another_definition_is_named_with_what_to_do(other, words):
    ((name, sentence),) = found(Peered(other))
    assert name == VERSION
    assert [word for word in words if word not in sentence] == []


def test_a_peer_that_tells_no_hash_is_left_alone():
    assert found(Peered(endpoint("cyclone", 0, version=-1))) == []


def test_a_namesake_is_told_of():
    ((name, sentence),) = found(Peered(names=("safety",)))
    assert (name, "/safety too" in sentence) == (TWIN, True)
