"""Who else is in the graph: nodes of the same name, and nodes that talk another version of this package.

DDS matches a topic by its name and its type's name only: what a node with another definition sends is dropped or,
worse, read as something else. The types' hashes (REP-2011), which come with discovery, tell them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo

TWIN, VERSION = "same name", "other version"
UNKNOWN = "INVALID"  # what rclpy calls the hash of a peer that tells none (another middleware, another distribution)


def complaints(node: Node) -> Iterator[tuple[str, str]]:
    """What is wrong with the peers of ``node`` now: a fault's name and a sentence that says what to do."""
    own = (node.get_name(), node.get_namespace())
    if Counter(node.get_node_names_and_namespaces())[own] > 1:
        name = node.get_fully_qualified_name()
        yield (
            TWIN,
            f"another node is called {name} too; if it was killed it is gone in 20 s, else end one of the two, or "
            "give it a namespace (-r __ns:=/other)",
        )
    for topic in sorted({subscription.topic_name for subscription in node.subscriptions}):
        mine = [i for i in node.get_subscriptions_info_by_topic(topic) if (i.node_name, i.node_namespace) == own]
        if mine:
            yield from _strangers(topic, mine[0], node.get_publishers_info_by_topic(topic))


def _strangers(topic: str, mine: TopicEndpointInfo, publishers: list[TopicEndpointInfo]) -> Iterator[tuple[str, str]]:
    """The ``publishers`` whose definition is another one than that of ``mine``."""
    for info in publishers:
        there = f"{info.node_namespace.rstrip('/')}/{info.node_name}"
        if info.topic_type != mine.topic_type:
            yield (
                VERSION,
                f"{there} publishes {info.topic_type} on {topic}, not {mine.topic_type}; remap one of the two",
            )
            continue
        hashes = str(info.topic_type_hash), str(mine.topic_type_hash)
        if hashes[0] != hashes[1] and not any(one.startswith(UNKNOWN) for one in hashes):
            yield (
                VERSION,
                f"{there} has another version of {mine.topic_type} than this node: what it says on {topic} cannot be "
                f"trusted; install the same version of {mine.topic_type.split('/')[0]} on both sides",
            )
