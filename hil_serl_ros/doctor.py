"""``hil-serl doctor``: what this machine has and lacks, and how to mend it.

Each check is a function of what it looks at, and gives one ``Finding``. What may crash on a broken machine
(imports of compiled libraries, GL, the middleware) is tried in a process of its own.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hil_serl_ros.probes import Probe, Tried, left_over_files, try_python, two_processes_talk

OK, WARN, FAIL = "ok", "warn", "fail"
GB = 1e9
DISK_FAIL, DISK_WARN = 0.5 * GB, 5 * GB  # a run of the demo takes about 0.1 GB; with cameras, gigabytes
SHARED_MEMORY_WARN = 0.1 * GB
REINSTALL = "run tools/set_up.sh, or `pip install .` again"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked.
        level: ``OK``; ``WARN``, something does not work that not everybody needs; ``FAIL``, nothing works without.
        found: what is there, in a few words.
        mend: how to mend it; empty where nothing is wrong.
    """

    name: str
    level: str
    found: str
    mend: str = ""


def check_python(version: tuple[int, int], executable: str) -> Finding:
    """ROS 2 Jazzy's Python is 3.12, and lerobot 0.6 needs at least that."""
    found = f"{version[0]}.{version[1]} ({executable})"
    if version == (3, 12):
        return Finding("Python", OK, found)
    return Finding(
        "Python", FAIL, found, "use Python 3.12: it is ROS 2 Jazzy's, and the message libraries are built for it"
    )


def check_ros(distro: str, wheels: bool, probe: Probe) -> Finding:
    """One ROS 2 Jazzy, sourced or as wheels, and rclpy and its middleware load."""
    name = "ROS 2"
    if distro not in ("", "jazzy"):
        return Finding(name, FAIL, f"{distro} is sourced", "use a shell without it, or source ROS 2 jazzy")
    if distro and wheels:
        mend = (
            "delete .venv and run tools/set_up.sh in this shell: it leaves the wheels out, or use a shell without ROS"
        )
        return Finding(name, FAIL, "jazzy is sourced, and its wheels are installed too: they mix", mend)
    tried = probe("import rclpy; rclpy.init(); print(rclpy.get_rmw_implementation_identifier()); rclpy.shutdown()", {})
    underlay = "jazzy, sourced" if distro else "jazzy, wheels"
    if tried.ok:
        return Finding(name, OK, f"{underlay}, {tried.words}")
    mend = "source /opt/ros/jazzy/setup.bash" if distro else f"{REINSTALL}; or source a ROS 2 jazzy"
    return Finding(name, FAIL, f"rclpy does not load: {tried.words}", mend)


def check_interfaces(probe: Probe) -> Finding:
    """Our generated messages load, with their type support."""
    code = (
        "from hil_serl_ros.msg import Transition; from rclpy.type_support import check_for_type_support;"
        "check_for_type_support(Transition); print('hil_serl_ros/msg/Transition')"
    )
    tried = probe(code, {})
    if tried.ok:
        return Finding("interfaces", OK, tried.words)
    mend = f"{REINSTALL}; in a colcon workspace, source install/local_setup.bash"
    return Finding("interfaces", FAIL, tried.words, mend)


def check_opencv(distributions: Iterable[str], probe: Probe) -> Finding:
    """One OpenCV, and it loads together with NumPy: two distributions overwrite each other's files."""
    opencv = sorted({name for name in distributions if name.lower().replace("_", "-").startswith("opencv-")})
    mend = "pip uninstall every opencv-* distribution, then install the pinned opencv-python-headless"
    if len(opencv) > 1:
        return Finding("OpenCV, NumPy", FAIL, f"more than one OpenCV: {', '.join(opencv)}", mend)
    tried = probe("import numpy, cv2; print(f'OpenCV {cv2.__version__}, NumPy {numpy.__version__}')", {})
    return Finding("OpenCV, NumPy", OK, tried.words) if tried.ok else Finding("OpenCV, NumPy", FAIL, tried.words, mend)


def check_torch(gpu_here: bool, probe: Probe) -> Finding:
    """torch loads and computes; it uses the GPU where there is one."""
    code = (
        "import torch; torch.ones(2, 2) @ torch.ones(2, 2);"
        "print(torch.__version__, torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'CPU')"
    )
    tried = probe(code, {})
    if not tried.ok:
        return Finding("torch", FAIL, tried.words, REINSTALL)
    if gpu_here and tried.words.endswith("CPU"):
        return Finding(
            "torch", WARN, f"{tried.words}, though there is a GPU", "update the NVIDIA driver; training runs on the CPU"
        )
    return Finding("torch", OK, tried.words)


def check_compiler(compiler: str | None, headers: Path) -> Finding:
    """With ``compile: true`` torch makes C++ on the CPU; it needs a compiler and Python's headers."""
    missing = [] if compiler else ["g++"]
    if not (headers / "Python.h").is_file():
        missing.append("python3.12-dev")
    if not missing:
        return Finding("C++ compiler", OK, str(compiler))
    mend = f"install the Debian packages {' '.join(missing)}; without them `compile: true` has no effect"
    return Finding("C++ compiler", WARN, f"missing: {', '.join(missing)}", mend)


def check_gl(probe: Probe) -> Finding:
    """A GL context off screen, for the simulated cameras; work on states alone needs none. MUJOCO_GL may name one."""
    code = (
        "import sys; from hil_serl_ros.sim import gl; from hil_serl_ros.settings import SettingError; import mujoco\n"
        "try: print(gl.opened(mujoco.MjModel.from_xml_string('<mujoco/>'))[0])\n"
        "except SettingError as error: sys.exit(str(error))"
    )
    tried = probe(code, {})
    if tried.ok:
        return Finding("GL", OK, f"{tried.words} draws without a screen")
    mend = (
        "the simulated cameras need it, states do not: install the Debian packages libegl1 libgl1-mesa-dri, "
        "or libosmesa6, and unset MUJOCO_GL"
    )
    return Finding("GL", WARN, tried.words.split("; install")[0], mend)


def check_domain(domain: str, ours: Iterable[str], look: Callable[[], list[str]]) -> Finding:
    """The domain's number is one, and no other graph of ours runs in it."""
    name = "ROS domain"
    if domain and not (domain.isdecimal() and int(domain) <= 101):
        return Finding(name, FAIL, f"ROS_DOMAIN_ID={domain}", "set ROS_DOMAIN_ID to a number from 0 to 101")
    try:
        nodes = look()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return Finding(name, FAIL, str(error), "mend ROS 2 first")
    graph = sorted({node for node in nodes if node.rsplit("/", 1)[-1] in set(ours)})
    if graph:
        mend = "stop it, or set ROS_DOMAIN_ID to another number from 0 to 101"
        return Finding(name, WARN, f"{domain or 0}: another graph runs in it: {', '.join(graph)}", mend)
    others = f", {len(nodes)} nodes of others" if nodes else ", nobody else in it"
    return Finding(name, OK, f"{domain or 0}{others}")


def check_discovery(talk: Callable[[], Tried]) -> Finding:
    """Two processes really find each other and exchange messages."""
    tried = talk()
    if tried.ok:
        return Finding("DDS discovery", OK, tried.words)
    mend = (
        "allow UDP on the loopback interface (a firewall or a VPN blocks it), "
        "and see that ROS_LOCALHOST_ONLY, ROS_STATIC_PEERS and FASTRTPS_DEFAULT_PROFILES_FILE are as you want them"
    )
    return Finding("DDS discovery", FAIL, tried.words, mend)


def check_joysticks(devices: Iterable[Path]) -> Finding:
    """Gamepads can be read; without one the keys, or the scripted operator in simulation, stand in."""
    names = sorted(devices)
    closed = [str(path) for path in names if not os.access(path, os.R_OK)]
    if closed:
        mend = "add yourself to the group input: sudo usermod -aG input $USER, then log in again"
        return Finding("gamepad", WARN, f"{', '.join(closed)} cannot be read", mend)
    return Finding("gamepad", OK, ", ".join(map(str, names)) or "none; the scripted operator stands in")


def check_disk(folder: Path, free: float) -> Finding:
    """Room for the runs: ``free`` bytes in ``folder``."""
    found = f"{free / GB:.1f} GB free in {folder}"
    if free >= DISK_WARN:
        return Finding("disk", OK, found)
    return Finding(
        "disk", FAIL if free < DISK_FAIL else WARN, found, "make room, or put the run elsewhere with --run-folder"
    )


def check_shared_memory(left_over: Iterable[str], free: float) -> Finding:
    """The middleware's shared memory: ``free`` bytes, and files that processes that were killed left behind."""
    stale = len(list(left_over))
    found = f"{free / GB:.1f} GB free, {stale} left-over files"
    if stale:
        return Finding("/dev/shm", WARN, found, "remove them: fastdds shm clean")
    if free < SHARED_MEMORY_WARN:
        return Finding("/dev/shm", WARN, found, "give it more room (in a container: --shm-size=1g)")
    return Finding("/dev/shm", OK, found)


def examine() -> Iterable[Finding]:
    """All checks of this machine, one after the other."""
    from hil_serl_ros.graph import JOBS
    from hil_serl_ros.ros.discovery import names

    distributions = [d.metadata["Name"] for d in importlib.metadata.distributions()]
    here = Path.cwd()
    yield check_python((sys.version_info.major, sys.version_info.minor), sys.executable)
    yield check_ros(os.environ.get("ROS_DISTRO", ""), "ros-jazzy-rclpy" in distributions, try_python)
    yield check_interfaces(try_python)
    yield check_domain(
        os.environ.get("ROS_DOMAIN_ID", ""), {n for job in JOBS.values() for n in job}, lambda: names(2.0)
    )
    yield check_discovery(two_processes_talk)
    yield check_opencv(distributions, try_python)
    yield check_torch(shutil.which("nvidia-smi") is not None, try_python)
    yield check_compiler(shutil.which(os.environ.get("CXX", "g++")), Path(sysconfig.get_path("include")))
    yield check_gl(try_python)
    yield check_joysticks(Path("/dev/input").glob("js*"))
    yield check_disk(here, shutil.disk_usage(here).free)
    shared = Path("/dev/shm")
    yield check_shared_memory(left_over_files(shared, Path("/proc")), shutil.disk_usage(shared).free)


def report(findings: Iterable[Finding]) -> int:
    """Print a table of ``findings`` as they come; return 1 if one of them is a failure, else 0."""
    failed = 0
    for finding in findings:
        print(f"{finding.level:<5} {finding.name:<14} {finding.found}")
        if finding.mend:
            print(f"{'':<20} -> {finding.mend}", flush=True)
        failed += finding.level == FAIL
    print(f"\n{failed} thing(s) to mend" if failed else "\nthis machine can train")
    return 1 if failed else 0


def main() -> int:
    """Examine this machine; the exit code is 1 if training cannot work on it."""
    return report(examine())
