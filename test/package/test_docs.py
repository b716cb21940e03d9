"""What the docs quote of the code is in the code, and their links lead somewhere."""

from __future__ import annotations

import re

import pytest
import yaml
from doc_pages import ROOT, Page, pages

import hil_serl_ros.sim.operator
import hil_serl_ros.sim.tasks
from hil_serl_ros.graph import nodes_of
from hil_serl_ros.report.declared import nodes
from hil_serl_ros.settings import check
from hil_serl_ros.sim.operator import STEP
from hil_serl_ros.sim.tasks import Task
from hil_serl_ros.sim.world import World

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the docs are not beside these tests")
LEARNS = Page(ROOT / "docs" / "how_it_learns.md")
YOUR_TASK = Page(ROOT / "docs" / "your_task.md")


def plain(code: str) -> str:
    """Without indentation and empty lines."""
    return "\n".join(line.strip() for line in code.splitlines() if line.strip())


def test_each_excerpt_in_how_it_learns_stands_in_the_file_that_is_named_before_it():
    found = list(re.finditer(r"```python\n(.*?)```", LEARNS.text, re.DOTALL))
    assert len(found) >= 20
    wrong = []
    for excerpt in found:
        file = re.findall(r"`(hil_serl_ros/\S+\.py)`", LEARNS.text[: excerpt.start()])[-1]
        if plain(excerpt[1]) not in plain((ROOT / file).read_text()):
            wrong.append(f"{file}: {excerpt[1]}")
    assert wrong == []


def test_every_relative_link_leads_to_a_file_and_a_heading_in_it():
    missing = []
    for page in pages():
        for file, anchor in page.links:
            target = (page.path.parent / file).resolve() if file else page.path
            if not target.exists():
                missing.append(f"{page.name}: {file}")
            elif anchor and anchor not in Page(target).anchors:
                missing.append(f"{page.name}: {file}#{anchor}")
    assert missing == []


def test_every_page_is_named_in_the_index():
    index = Page(ROOT / "docs" / "README.md")
    named = {file for file, _ in index.links}
    assert {page.path.name for page in pages() if page.path.parent == index.path.parent} - {"README.md"} <= named


def test_the_task_in_your_task_is_one_that_its_brain_does():
    (code,) = YOUR_TASK.blocks("python")
    (line,) = [one for one in YOUR_TASK.inline if one.startswith("from hil_serl_ros.sim.operator import")]
    names = vars(hil_serl_ros.sim.tasks).copy()
    exec(f"{line}\n{code}", names)  # noqa: S102 (our own text)
    (task,) = [one for key, one in names.items() if isinstance(one, Task) and key not in vars(hil_serl_ros.sim.tasks)]
    world, brain = World(task), task.brain()
    for seed in range(3):
        world.reset(seed)
        brain.reset()
        for _ in range(task.max_episode_steps):
            if world.outcome().terminated:
                break
            closure = world.gripper_command / 255
            seen = world.object_positions, world.goal_positions, world.target_position
            action = brain.act(world.tool_position, closure, *seen)
            target, quaternion = world.target_position + STEP * action.delta, world.target_quaternion_wxyz
            world.set_target(target, quaternion, (0.0, closure, 1.0)[action.gripper])
            world.step()
        assert world.outcome().success


def test_the_configuration_in_your_task_is_one_that_the_nodes_of_a_real_robot_take(tmp_path):
    (text,) = YOUR_TASK.blocks("yaml")
    file = tmp_path / "insert_plug.yaml"
    file.write_text(text)
    (tmp_path / "run").mkdir()
    assert nodes_of("teach", tmp_path / "run", str(file), {}, simulated=False)
    said = {k: v for section in yaml.safe_load(text).values() for k, v in section["ros__parameters"].items()}
    for name, value in said.items():
        fields = [field for node in nodes() for group in node.groups for key, field in group.fields if key == name]
        assert fields, name
        for field in fields:
            check(field, value)
