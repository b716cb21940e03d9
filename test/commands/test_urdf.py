"""``hil-serl urdf``."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote, urlparse

from hil_serl_ros.cli import main


def test_it_writes_a_urdf_whose_meshes_are_where_it_says_also_in_a_folder_with_a_space(tmp_path, capsys) -> None:
    folder = tmp_path / "my robot"
    assert main(["urdf", "--output", str(folder)]) == 0
    assert "57 meshes" in capsys.readouterr().out
    robot = ET.parse(folder / "robot.urdf")
    files = {Path(unquote(urlparse(mesh.get("filename")).path)) for mesh in robot.iter("mesh")}
    assert files == set((folder / "meshes").glob("*.stl"))


def test_a_task_that_there_is_not_is_refused_with_a_sentence(tmp_path, capsys) -> None:
    assert main(["urdf", "--task", "juggle", "--output", str(tmp_path)]) == 2
    assert "juggle" in capsys.readouterr().err
