from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hil_serl_ros import doctor
from hil_serl_ros.doctor import FAIL, OK, WARN, Finding
from hil_serl_ros.probes import Tried, try_python


def answer(ok: bool, words: str = "words") -> Callable[[str, Mapping[str, str]], Tried]:
    return lambda code, environment: Tried(ok, words)


def test_python_3_12_is_right_and_others_are_named() -> None:
    assert doctor.check_python((3, 12), "python").level == OK
    wrong = doctor.check_python((3, 13), "python")
    assert wrong.level == FAIL
    assert "3.13" in wrong.found
    assert "3.12" in wrong.mend


@pytest.mark.parametrize(("distro", "wheels", "underlay"), [("", True, "wheels"), ("jazzy", False, "sourced")])
def test_either_the_wheels_or_a_sourced_jazzy_will_do(distro: str, wheels: bool, underlay: str) -> None:
    finding = doctor.check_ros(distro, wheels, answer(True, "rmw_fastrtps_cpp"))
    assert finding.level == OK
    assert underlay in finding.found
    assert "rmw_fastrtps_cpp" in finding.found


def test_wheels_over_a_sourced_jazzy_are_refused_even_if_rclpy_loads() -> None:
    assert doctor.check_ros("jazzy", True, answer(True)).level == FAIL


def test_another_ros_distribution_is_refused_by_name() -> None:
    finding = doctor.check_ros("humble", False, answer(True))
    assert finding.level == FAIL
    assert "humble" in finding.found


def test_an_rclpy_that_does_not_load_says_why() -> None:
    finding = doctor.check_ros("", True, answer(False, "ImportError: librcl.so"))
    assert finding.level == FAIL
    assert "librcl.so" in finding.found


def test_messages_that_do_not_load_are_a_failure_with_a_cure() -> None:
    assert doctor.check_interfaces(answer(True)).level == OK
    finding = doctor.check_interfaces(answer(False, "ModuleNotFoundError"))
    assert finding.level == FAIL
    assert "pip install" in finding.mend


def test_two_opencv_distributions_are_a_failure_even_if_the_import_works() -> None:
    both = ["numpy", "opencv-python", "opencv_python_headless"]
    finding = doctor.check_opencv(both, answer(True))
    assert finding.level == FAIL
    assert "opencv-python, opencv_python_headless" in finding.found
    assert doctor.check_opencv(["opencv-python-headless"], answer(True)).level == OK


def test_opencv_and_numpy_that_do_not_load_together_are_a_failure() -> None:
    assert doctor.check_opencv(["opencv-python-headless"], answer(False, "numpy.core failed")).level == FAIL


def test_a_gpu_that_torch_does_not_see_is_a_warning() -> None:
    assert doctor.check_torch(True, answer(True, "2.11.0 CPU")).level == WARN
    assert doctor.check_torch(True, answer(True, "2.11.0 NVIDIA H200")).level == OK
    assert doctor.check_torch(False, answer(True, "2.11.0 CPU")).level == OK
    assert doctor.check_torch(False, answer(False)).level == FAIL


def test_a_missing_compiler_is_named_with_its_debian_package(tmp_path: Path) -> None:
    finding = doctor.check_compiler(None, tmp_path)
    assert finding.level == WARN
    assert "g++ python3.12-dev" in finding.mend
    (tmp_path / "Python.h").touch()
    assert doctor.check_compiler("/usr/bin/g++", tmp_path).level == OK


def test_missing_gl_is_only_a_warning_and_names_the_packages() -> None:
    finding = doctor.check_gl(answer(False, "no EGL"))
    assert finding.level == WARN
    assert "libegl1 libgl1-mesa-dri" in finding.mend
    assert "libosmesa6" in finding.mend


def test_the_gl_that_draws_is_named_and_a_broken_one_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = doctor.check_gl(try_python)
    assert finding.level == OK
    assert finding.found.split()[0] in ("egl", "osmesa")
    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent")
    finding = doctor.check_gl(try_python)
    assert finding.level == WARN
    assert finding.found == "the cameras cannot be rendered (egl: no device can be used)"


@pytest.mark.parametrize("domain", ["102", "-1", "red"])
def test_a_domain_that_cannot_be_is_a_failure(domain: str) -> None:
    assert doctor.check_domain(domain, [], list).level == FAIL


def test_another_graph_in_the_domain_is_named() -> None:
    finding = doctor.check_domain("7", ["safety"], lambda: ["/arm/safety", "/rviz"])
    assert finding.level == WARN
    assert "/arm/safety" in finding.found
    assert "/rviz" not in finding.found


def test_nodes_of_others_in_the_domain_do_no_harm() -> None:
    assert doctor.check_domain("", ["safety"], lambda: ["/rviz"]).level == OK


def test_a_middleware_that_cannot_look_around_is_a_failure() -> None:
    def broken() -> list[str]:
        raise RuntimeError("no rmw")

    assert doctor.check_domain("", [], broken) == Finding("ROS domain", FAIL, "no rmw", "mend ROS 2 first")


def test_processes_that_do_not_hear_each_other_are_a_failure() -> None:
    assert doctor.check_discovery(lambda: Tried(True, "heard")).level == OK
    assert doctor.check_discovery(lambda: Tried(False, "heard nothing")).level == FAIL


def test_a_gamepad_that_cannot_be_read_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pad = tmp_path / "js0"
    pad.touch()
    assert doctor.check_joysticks([pad]).found == str(pad)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert doctor.check_joysticks([pad]).level == WARN
    assert doctor.check_joysticks([]).level == OK


@pytest.mark.parametrize(("free", "level"), [(20e9, OK), (2e9, WARN), (0.1e9, FAIL)])
def test_a_full_disk_is_told_before_it_is_too_late(free: float, level: str) -> None:
    assert doctor.check_disk(Path("runs"), free).level == level


def test_shared_memory_that_is_left_over_or_small_is_a_warning() -> None:
    assert doctor.check_shared_memory([], 1e9).level == OK
    assert doctor.check_shared_memory(["fastrtps_1"], 1e9).level == WARN
    assert doctor.check_shared_memory([], 0.01e9).level == WARN


def test_the_exit_code_is_one_only_if_something_failed(capsys: pytest.CaptureFixture[str]) -> None:
    fine = [Finding("a", OK, "here"), Finding("b", WARN, "missing", "install b")]
    assert doctor.report(fine) == 0
    assert "-> install b" in capsys.readouterr().out
    assert doctor.report([*fine, Finding("c", FAIL, "broken", "mend c")]) == 1


@pytest.mark.slow
def test_this_machine_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0, capsys.readouterr().out
