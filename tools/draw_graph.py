"""Draws docs/graph.svg: which node tells which one what, out of config/security/policies.xml.

Run ``python tools/draw_graph.py > docs/graph.svg`` after a change of topics; a test compares the two. Boxes and the
course of arrows are placed by hand here; what an arrow says, and that there is one, is computed. An arrow without a
place is an error.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

from hil_serl_ros.ros.security import Rights, read

POLICY = Path(__file__).resolve().parents[1] / "config" / "security" / "policies.xml"
WIDTH, HEIGHT = 1180, 730
LINE = 16  # px between two lines of text
# Nodes that the policy file has not, for they need a classifier or a terminal to start.
MORE: dict[str, dict[str, tuple[str, ...]]] = {
    "reward_classifier": {"publish": ("reward",), "subscribe": ("observation",)},
    "keyboard_teleop": {"publish": ("teleop",), "subscribe": ("actor_status", "safety_status")},
    "policy_actor": {"publish": (), "subscribe": ("reward",)},  # where a classifier judges
}
# Heard by whoever wants to, drawn nowhere.
NOT_DRAWN = re.compile(r"/(diagnostics|rosout|parameter_events|clock|tf|tf_static|\w+/(points|camera_info|depth))$")
WATCHERS = ("recorder", "monitor", "scene")  # they hear almost all and move nothing
IMAGES = "<camera>/image_raw"


@dataclass(frozen=True)
class Box:
    """Nodes that stand in one box: its title, its place in px, its colour."""

    title: str
    nodes: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    colour: str


BOXES = {
    "hands": Box(
        "the person", ("console", "joy_device", "joy_teleop", "keyboard_teleop", "scripted_operator"), 50, 80, 230, 150,
        "#fff1dc",
    ),
    "actor": Box("acts", ("policy_actor",), 500, 110, 200, 90, "#dfeaff"),
    "learner": Box("learns", ("learner",), 930, 110, 190, 90, "#e6f5e1"),
    "safety": Box("has the last word", ("safety",), 50, 400, 200, 90, "#ffe1e1"),
    "state": Box("senses", ("state",), 640, 400, 170, 90, "#f0f0f0"),
    "judge": Box("judges", ("reward_classifier",), 950, 400, 190, 90, "#f0f0f0"),
    "robot": Box("is the robot", ("mujoco_bridge", "cartesian_robot", "camera"), 420, 600, 240, 110, "#e9e4f7"),
}  # fmt: skip
# Course of each arrow (points in px), and where its words begin: x, y, anchor.
COURSES = {
    ("hands", "actor"): (((280, 130), (500, 130)), (300, 108, "start")),
    ("actor", "hands"): (((500, 175), (280, 175)), (300, 191, "start")),
    ("hands", "safety"): (((100, 230), (100, 400)), (108, 262, "start")),
    ("safety", "hands"): (((180, 400), (180, 230)), (188, 340, "start")),
    ("hands", "robot"): (((268, 230), (268, 500), (432, 600)), (276, 262, "start")),
    ("actor", "safety"): (((520, 200), (250, 415)), (402, 285, "end")),
    ("safety", "actor"): (((250, 455), (535, 200)), (420, 350, "start")),
    ("safety", "robot"): (((150, 490), (420, 650)), (262, 572, "end")),
    ("robot", "safety"): (((450, 600), (220, 490)), (345, 540, "start")),
    ("robot", "hands"): (((420, 690), (25, 690), (25, 150), (50, 150)), (35, 622, "start")),
    ("robot", "state"): (((620, 600), (700, 490)), (685, 525, "start")),
    ("state", "actor"): (((690, 400), (670, 200)), (688, 300, "start")),
    ("actor", "robot"): (((558, 200), (558, 600)), (552, 480, "end")),
    ("robot", "actor"): (((590, 600), (590, 200)), (596, 370, "start")),
    ("actor", "learner"): (((700, 140), (930, 140)), (740, 118, "start")),
    ("learner", "actor"): (((930, 170), (700, 170)), (740, 186, "start")),
    ("state", "judge"): (((810, 445), (950, 445)), (830, 437, "start")),
    ("judge", "actor"): (((980, 400), (695, 200)), (858, 298, "start")),
    ("learner", "hands"): (((1025, 110), (1025, 52), (200, 52), (200, 80)), (600, 47, "middle")),
    ("judge", "hands"): (((1140, 445), (1160, 445), (1160, 24), (130, 24), (130, 80)), (600, 19, "middle")),
}


def rights() -> dict[str, Rights]:
    """What each node may publish, hear, serve and call, those of ``MORE`` too; names without a slash in front."""
    found = {name.strip("/"): parts for name, parts in read(POLICY.read_text()).items()}
    for name, kinds in MORE.items():
        parts = dict(found.get(name, {}))
        for how, topics in kinds.items():
            parts["topics", how] = parts.get(("topics", how), frozenset()) | {f"/{topic}" for topic in topics}
        found[name] = parts
    return found


def arrows() -> dict[tuple[str, str], list[str]]:
    """Words on the arrow from one box to another: topics, and services with brackets.

    Raises:
        KeyError: a node of the policy file is in no box and is no watcher.
    """
    nodes = rights()
    where = {node: key for key, box in BOXES.items() for node in box.nodes}
    if strangers := nodes.keys() - where.keys() - set(WATCHERS):
        raise KeyError(f"no box in BOXES has {', '.join(sorted(strangers))}")
    found: dict[tuple[str, str], set[str]] = {}
    for sender, theirs in nodes.items():
        for hearer, others in nodes.items():
            topics = theirs.get(("topics", "publish"), frozenset()) & others.get(("topics", "subscribe"), frozenset())
            words = {topic[1:] for topic in topics if not NOT_DRAWN.search(topic)}
            words = {IMAGES if word.endswith("/image_raw") else word for word in words}
            called = theirs.get(("services", "request"), frozenset()) & others.get(("services", "reply"), frozenset())
            words |= {f"{service[1:]}()" for service in called}
            ends = where.get(sender, ""), where.get(hearer, "")
            if words and all(ends) and ends[0] != ends[1]:
                found.setdefault(ends, set()).update(words)
    return {ends: sorted(words) for ends, words in sorted(found.items())}


def text(x: float, y: float, words: str, anchor: str = "start", style: str = "") -> str:
    """One line of text."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


def box(one: Box) -> list[str]:
    """A box with its title and its nodes."""
    middle, top = one.x + one.width / 2, one.y + (one.height - LINE * 1.2 * len(one.nodes)) / 2 + 4
    lines = [
        f'<rect x="{one.x}" y="{one.y}" width="{one.width}" height="{one.height}" rx="8" fill="{one.colour}"/>',
        text(middle, top, one.title, "middle", ' class="title"'),
    ]
    return lines + [
        text(middle, top + LINE * 1.2 * (k + 1), name, "middle", ' class="node"') for k, name in enumerate(one.nodes)
    ]


def arrow(points: tuple[tuple[int, int], ...], place: tuple[int, int, str], words: list[str]) -> list[str]:
    """A line with a head, and its words."""
    course = " ".join(f"{x},{y}" for x, y in points)
    x, y, anchor = place
    lines = [f'<polyline points="{course}" marker-end="url(#head)"/>']
    return lines + [text(x, y + k * (LINE - 2), word, anchor) for k, word in enumerate(words)]


def picture() -> str:
    """The SVG.

    Raises:
        KeyError: an arrow has no place in ``COURSES``.
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        "<style>rect{stroke:#555} polyline{fill:none;stroke:#333;stroke-width:1.5}"
        " .title{fill:#555;font-style:italic} .node{font-size:15px;font-weight:bold}</style>",
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#333"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white" style="stroke:none"/>',
    ]
    for ends, words in arrows().items():
        parts += arrow(*COURSES[ends], words)
    for one in BOXES.values():
        parts += box(one)
    watch = f"{', '.join(WATCHERS)} hear almost all of it and move nothing."
    real = "On a real arm its own node stands in the place of mujoco_bridge."
    legend = (real, watch, "() is a service; all else are topics.")
    parts += [text(690, 672 + 18 * k, line) for k, line in enumerate(legend)]
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(picture())
