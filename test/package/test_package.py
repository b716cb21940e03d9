"""The package as it is installed: by pip here, by colcon in a workspace; both give the same files."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAME = "hil_serl_ros"
ROOT = Path(__file__).resolve().parents[2]
INTERFACES = sorted(path.relative_to(ROOT) for kind in ("msg", "srv") for path in (ROOT / kind).glob(f"*.{kind}"))
NODES = sorted(path.stem for path in (ROOT / NAME / "nodes").glob("[a-z]*.py"))


def prefix() -> Path:
    """The folder that the package is installed in."""
    for folder in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if (Path(folder) / "share" / NAME / "package.xml").is_file():
            return Path(folder)
    return Path(sys.prefix)


@pytest.fixture(scope="module")
def pip_files() -> set[str]:
    """Files of the installed wheel, relative to the environment."""
    here = Path(sys.prefix)
    if prefix() != here:
        pytest.skip("hil_serl_ros is not installed by pip here")
    distribution = importlib.metadata.distribution(NAME)
    files = {Path(os.path.normpath(distribution.locate_file(file))) for file in distribution.files or []}
    return {str(file.relative_to(here)) for file in files if ".dist-info" not in str(file) and file.suffix != ".pyc"}


@pytest.mark.parametrize("interface", INTERFACES, ids=str)
def test_every_interface_can_be_imported_with_its_type_support(interface: Path) -> None:
    from rclpy.type_support import check_for_type_support

    kind = getattr(importlib.import_module(f"{NAME}.{interface.parent}"), interface.stem)
    check_for_type_support(kind)


@pytest.mark.parametrize("node", NODES)
def test_every_node_has_an_executable_where_ros2_run_looks(node: str) -> None:
    assert os.access(prefix() / "lib" / NAME / node, os.X_OK)


@pytest.mark.parametrize("node", NODES)
def test_every_node_module_has_a_main(node: str) -> None:
    assert callable(importlib.import_module(f"{NAME}.nodes.{node}").main)


def test_an_executable_runs_its_node_and_passes_its_arguments_on(tmp_path: Path) -> None:
    # An argument that ROS refuses: the node must end with ROS's words for it, from another folder, on another PATH.
    executable = prefix() / "lib" / NAME / NODES[-1]
    environment = {name: value for name, value in os.environ.items() if name != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    done = subprocess.run(
        [str(executable), "--ros-args", "--nonsense"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "--nonsense" in done.stderr


def test_the_command_line_is_installed() -> None:
    done = subprocess.run([str(prefix() / "bin" / "hil-serl"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout


def test_launch_and_config_files_are_installed() -> None:
    for folder in ("launch", "config"):
        wanted = {path.name for path in (ROOT / folder).iterdir() if path.is_file() and not path.name.startswith(".")}
        assert wanted
        assert {path.name for path in (prefix() / "share" / NAME / folder).iterdir() if path.is_file()} == wanted


def test_package_xml_and_the_installed_distribution_state_one_version(pip_files: set[str]) -> None:
    stated = re.search("<version>(.+)</version>", (ROOT / "package.xml").read_text())
    assert stated
    assert importlib.metadata.version(NAME) == stated[1]


def test_every_requirement_is_pinned_by_name_only() -> None:
    names = ("run", "ros", "build", "build-ros", "test", "constraints")
    lines = [line for name in names for line in (ROOT / f"requirements/{name}.txt").read_text().splitlines()]
    loose = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+(\[[\w,]+\])?==[\w.+]+", line)]
    assert loose == []


def test_the_constraints_agree_with_what_is_asked_for() -> None:
    def pins(name: str) -> dict[str, str]:
        lines = [line for line in (ROOT / f"requirements/{name}.txt").read_text().splitlines() if "==" in line]
        split = [re.sub(r"\[.*\]", "", line).lower().replace("_", "-").split("==") for line in lines]
        return dict(split)

    asked = {k: v for name in ("run", "ros", "build", "build-ros", "test") for k, v in pins(name).items()}
    constraints = pins("constraints")
    assert {name: constraints.get(name) for name in asked} == asked


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_colcon_installs_the_same_files_as_pip(pip_files: set[str], tmp_path: Path) -> None:
    if shutil.which("colcon", path=f"{sys.prefix}/bin") is None:
        pytest.skip("colcon is not installed in this environment")
    source = tmp_path / "src" / NAME
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for file in (ROOT / name for name in listed if not name.startswith("shared") and (ROOT / name).is_file()):
        target = source / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    environment = {**os.environ, "AMENT_PREFIX_PATH": sys.prefix, "CMAKE_PREFIX_PATH": sys.prefix}
    environment["PATH"] = f"{sys.prefix}/bin{os.pathsep}{environment['PATH']}"
    build = ["colcon", "--log-base", "log", "build", "--cmake-args", "-GNinja", "-DBUILD_TESTING=OFF"]
    done = subprocess.run(build, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "log" / "latest_build" / NAME / "stdout_stderr.log").read_text()
    assert "warning" not in (log + done.stdout + done.stderr).lower()

    tree = tmp_path / "install" / NAME
    files = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    # What colcon itself adds to a package.
    of_colcon = re.compile(rf"share/colcon-core/|share/{NAME}/(package\.\w+$|hook/)|.*\.egg-info/")
    assert {f for f in files if not of_colcon.match(f)} == {f for f in pip_files if not of_colcon.match(f)}
