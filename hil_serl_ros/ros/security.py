"""Who may say what: a policy for SROS2, made from what each node of a running graph really uses.

The file is as ``ros2 security generate_policy`` writes it (sros2, schema version 0.2.0), with an enclave for each node:
a key that is stolen from the console does not command the arm.
"""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from collections.abc import Iterable, Mapping

from rclpy.node import Node

Rights = dict[tuple[str, str], frozenset[str]]  # ("topics", "publish") and the like, to full names
KINDS = (("topics", "subscribe"), ("topics", "publish"), ("services", "reply"), ("services", "request"))
VERSION = "0.2.0"


def rights_of(observer: Node, name: str, space: str) -> Rights:
    """What the node ``name`` in the namespace ``space`` uses now, as ``observer`` has discovered it.

    Raises:
        NodeNameNonExistentError: it is not there (any more).
    """
    looks = (
        observer.get_subscriber_names_and_types_by_node,
        observer.get_publisher_names_and_types_by_node,
        observer.get_service_names_and_types_by_node,
        observer.get_client_names_and_types_by_node,
    )
    return {kind: frozenset(topic for topic, _ in look(name, space)) for kind, look in zip(KINDS, looks, strict=True)}


def joined(one: Rights, other: Rights) -> Rights:
    """All rights of both."""
    return {kind: one.get(kind, frozenset()) | other.get(kind, frozenset()) for kind in KINDS}


def policy(rights: Mapping[str, Rights]) -> str:
    """The policy file's text for nodes by full name: an enclave of the same path for each."""
    root = Xml.Element("policy", version=VERSION)
    enclaves = Xml.SubElement(root, "enclaves")
    for full, granted in sorted(rights.items()):
        space, name = full.rsplit("/", 1)
        profiles = Xml.SubElement(Xml.SubElement(enclaves, "enclave", path=full), "profiles")
        profile = Xml.SubElement(profiles, "profile", ns=space or "/", node=name)
        for what, how in KINDS:
            if names := granted.get((what, how)):
                _allow(profile, what, how, names)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _allow(profile: Xml.Element, what: str, how: str, names: Iterable[str]) -> None:
    part = Xml.SubElement(profile, what, {how: "ALLOW"})
    for name in sorted(names):
        Xml.SubElement(part, what.removesuffix("s")).text = name


def read(text: str) -> dict[str, Rights]:
    """Nodes by full name and what a policy's ``text`` allows each; the counterpart of :func:`policy`.

    Raises:
        ValueError: it is no policy of this version.
    """
    try:
        root = Xml.fromstring(text)
    except Xml.ParseError as error:
        raise ValueError(f"it is not XML: {error}") from None
    if root.tag != "policy" or root.get("version") != VERSION:
        raise ValueError(f"it is no policy of version {VERSION}")
    found: dict[str, Rights] = {}
    for profile in root.iter("profile"):
        full = f"{profile.get('ns', '/').rstrip('/')}/{profile.get('node')}"
        found[full] = {
            (what, how): frozenset(
                str(one.text) for part in profile.findall(what) if part.get(how) == "ALLOW" for one in part
            )
            for what, how in KINDS
        }
    return found
