"""The pip door to the package: CMake builds and installs it, the installed tree becomes the wheel.

CMakeLists.txt alone says what is installed and where, so `pip install .` and `colcon build` give the same
files. Without a sourced ROS 2, the pinned ROS 2 wheels are required, to build and to run; where ROS 2 Jazzy
is sourced (ROS_DISTRO), that one is used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build import build

HERE = Path(__file__).resolve().parent
PACKAGE = "hil_serl_ros"
SOURCED = os.environ.get("ROS_DISTRO", "")
if SOURCED not in ("", "jazzy"):
    raise SystemExit(
        f"ROS 2 {SOURCED} is sourced, and {PACKAGE} is for jazzy: use a shell without it, or source jazzy."
    )


def requirements(*names: str) -> list[str]:
    """The lines of requirements/<name>.txt, comments left out."""
    lines = [line.split("#")[0].strip() for name in names for line in (HERE / f"requirements/{name}.txt").open()]
    return [line for line in lines if line]


def version() -> str:
    """The version that package.xml states."""
    found = re.search(r"<version>(.+)</version>", (HERE / "package.xml").read_text())
    assert found, "package.xml states no version"
    return found[1]


class BinaryDistribution(Distribution):
    """It holds compiled interfaces, so the wheel is for this Python and machine only."""

    def has_ext_modules(self) -> bool:
        return True


class CMakeBuild(build):
    """Configure, compile and install with CMake into a stage; hand the stage on to the wheel."""

    def run(self) -> None:
        work = HERE / "build" / "pip"
        stage = work / "stage"
        environment, roots = self.underlay()
        # CMake's cache remembers where it found things; an isolated build finds them elsewhere each time.
        mark = f"{sys.executable}\n{roots}\n"
        if not (work / "underlay").is_file() or (work / "underlay").read_text() != mark:
            shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(stage, ignore_errors=True)
        shutil.rmtree(self.build_lib, ignore_errors=True)
        work.mkdir(parents=True, exist_ok=True)
        (work / "underlay").write_text(mark)

        def cmake(*arguments: str) -> None:
            subprocess.run(["cmake", *arguments], check=True, env=environment)

        python = f"-DPython3_EXECUTABLE={sys.executable}"
        cmake("-S", str(HERE), "-B", str(work / "cmake"), "-G", "Ninja", "-DBUILD_TESTING=OFF", python)
        cmake("--build", str(work / "cmake"))
        cmake("--install", str(work / "cmake"), "--prefix", str(stage))
        self.hand_over(stage)

    @staticmethod
    def underlay() -> tuple[dict[str, str], str]:
        """The environment that CMake runs in, and the folders in which it looks for ROS 2."""
        environment = dict(os.environ)
        roots = environment.get("AMENT_PREFIX_PATH", "")
        if not SOURCED:
            import ament_package  # the wheels': their root is the environment that they are installed in

            roots = str(Path(ament_package.__file__).parents[4])
            libraries = Path(ament_package.__file__).parents[1].glob("ros_*.libs")
            paths = [f"{roots}/lib", *map(str, libraries)]
            environment.update(AMENT_PREFIX_PATH=roots, CMAKE_PREFIX_PATH=roots, LD_LIBRARY_PATH=os.pathsep.join(paths))
            environment["PATH"] = f"{roots}/bin{os.pathsep}{environment['PATH']}"
        return environment, roots

    def hand_over(self, stage: Path) -> None:
        """Put the Python package where setuptools looks for it, and list all other files as data files."""
        (stage / "share/ament_index/resource_index/parent_prefix_path" / PACKAGE).write_text("")  # names this machine
        (stage / "bin/hil-serl").unlink()  # pip writes its own, from the entry point
        library = next(stage.rglob(f"{PACKAGE}/__init__.py")).parents[1]
        shutil.copytree(library / PACKAGE, Path(self.build_lib) / PACKAGE)
        files = [path for path in stage.rglob("*") if path.is_file() and library not in path.parents]
        by_folder: dict[str, list[str]] = {}
        for path in sorted(files):
            by_folder.setdefault(str(path.parent.relative_to(stage)), []).append(str(path.relative_to(HERE)))
        self.distribution.data_files = list(by_folder.items())


setup(
    version=version(),
    packages=[],
    py_modules=[],
    install_requires=requirements("run") + ([] if SOURCED else requirements("ros")),
    extras_require={"test": requirements("test")},
    setup_requires=requirements("build") + ([] if SOURCED else requirements("build-ros")),
    cmdclass={"build": CMakeBuild},
    distclass=BinaryDistribution,
)
