"""Subscribes the recorder to all that a robot's graph has: our own nodes' topics at once, others as they appear."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import yaml
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from hil_serl_ros.data.bag_file import Topic
from hil_serl_ros.data.bag_topics import CAMERA, KNOWN, PICTURES, Heard
from hil_serl_ros.data.definitions import definition_text, type_hash
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.talkers import with_info

NEVER = {"sec": 9223372036, "nsec": 854775807}  # RMW_DURATION_INFINITE

OnMessage = Callable[[Heard, bytes, int, int], None]


class Listening:
    """The recorder's subscriptions.

    Args:
        node: that has them.
        on_message: gets a topic, the bytes of a message, when it came and when it was sent (ns since 1970).
        lockstep: the robot's clock.
        cameras: names of cameras that are there, or will be.
        leave_out: patterns (fnmatch) of names in the node's namespace that are not recorded.
    """

    def __init__(
        self, node: Node, on_message: OnMessage, *, lockstep: bool, cameras: list[str], leave_out: list[str]
    ) -> None:
        self._node, self._on_message, self._lockstep = node, on_message, lockstep
        self._leave_out = leave_out
        self._space = node.get_namespace().rstrip("/") + "/"
        self.heard: dict[str, Heard] = {}  # by full name
        self.unknown: dict[str, str] = {}  # full name and why it is not recorded
        for role, known in KNOWN.items():
            if self._wanted(role):
                self._subscribe(
                    node.resolve_topic_name(role),
                    known.type_name,
                    _profile(known.profile, lockstep=lockstep),
                    role=role,
                    clocked=known.answers or lockstep and known.clocked,
                    stream=known.stream,
                )
        for camera in filter(None, cameras):
            for part, kind in (("image_raw", "Image"), ("camera_info", "CameraInfo")):
                if self._wanted(f"{camera}/{part}"):
                    name = node.resolve_topic_name(f"{camera}/{part}")
                    self._camera(name, f"sensor_msgs/msg/{kind}", qos.publish_state(lockstep=lockstep))

    def _wanted(self, name: str) -> bool:
        return not any(fnmatchcase(name, pattern) for pattern in self._leave_out)

    def discover(self) -> list[Heard]:
        """Subscribe to what has appeared in the namespace since the last look; the new topics."""
        new = []
        for name, types in self._node.get_topic_names_and_types():
            inside = name.startswith(self._space)
            if name in self.heard or name in self.unknown or not inside or not self._wanted(name[len(self._space) :]):
                continue
            offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(name)]
            if not offers:
                continue
            if len(types) != 1:
                self.unknown[name] = f"{name} is not recorded: it has several types ({', '.join(types)})"
                continue
            try:
                new.append(self._discovered(name, types[0], offers))
            except (ImportError, AttributeError, FileNotFoundError):
                self.unknown[name] = f"{name} is not recorded: its type {types[0]} is not installed here"
        return new

    def _discovered(self, name: str, type_name: str, offers: list[QoSProfile]) -> Heard:
        # As all publishers can serve it, which is what rosbag2 does.
        reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
        latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=max(1, *(offer.depth for offer in offers)) if offers else 1,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        if type_name in CAMERA:
            return self._camera(name, type_name, profile)
        return self._subscribe(name, type_name, profile)

    def _camera(self, name: str, type_name: str, profile: QoSProfile) -> Heard:
        pictures = type_name in PICTURES
        return self._subscribe(name, type_name, profile, clocked=self._lockstep, stream=pictures, picture=pictures)

    def _subscribe(self, name: str, type_name: str, profile: QoSProfile, **options: Any) -> Heard:
        topic = Topic(name, type_name, definition_text(type_name), type_hash(type_name), offered(profile))
        latched = profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
        heard = Heard(topic, latched=latched, **options)

        def callback(data: bytes, info: dict[str, Any]) -> None:
            self._on_message(heard, data, info["received_timestamp"], info["source_timestamp"])

        kind, wide = _class(type_name), qos.record(profile)
        self._node.create_subscription(kind, name, with_info(callback), wide, raw=True)
        self.heard[name] = heard
        return heard


def offered(profile: QoSProfile) -> str:
    """A profile as rosbag2 (version 9) writes it: YAML text of a list."""
    described = {
        "history": "keep_last",
        "depth": profile.depth,
        "reliability": "reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best_effort",
        "durability": "transient_local" if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL else "volatile",
        "deadline": NEVER,
        "lifespan": NEVER,
        "liveliness": "automatic",
        "liveliness_lease_duration": NEVER,
        "avoid_ros_namespace_conventions": False,
    }
    return yaml.safe_dump([{key: dict(v) if v is NEVER else v for key, v in described.items()}], sort_keys=False)


def _profile(name: str, *, lockstep: bool) -> QoSProfile:
    """The profile of ``ros/qos.py`` that a known topic is published with."""
    if name == "state":
        return qos.publish_state(lockstep=lockstep)
    if name == "robot_status":
        return qos.robot_status(lockstep=lockstep)
    return getattr(qos, name.upper())


def _class(type_name: str) -> Any:
    package, _, kind = type_name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), kind)
