"""Which software a run was made with: a small file beside its log."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hil_serl_ros.data.atomic import write_file

VERSIONS = "versions.json"
PACKAGES = ("hil_serl_ros", "torch", "numpy", "mujoco", "lerobot", "rclpy")  # what weights and worlds depend on
UNKNOWN = "not said"


def versions() -> dict[str, str]:
    """Versions of the packages that are here, of Python, of the code that learns; no package is loaded for it."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found["learner's code"] = _code()
    return found | {"python": platform.python_version(), "platform": platform.platform()}


def _code() -> str:
    """Twelve digits of a SHA-256 over what turns steps into weights: a version's number does not say it all."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in [*sorted((package / "learning").glob("*.py")), package / "ros" / "lessons.py"]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def note_versions(run_folder: Path) -> None:
    """Note the versions of now as those of the run, beside those of before if it is gone on with on other ones."""
    noted = read_versions(run_folder)
    here = versions()
    if here not in noted[-1:]:
        write_file(run_folder / VERSIONS, json.dumps([*noted, here], indent=2) + "\n")


def read_versions(run_folder: Path) -> list[dict[str, str]]:
    """What :func:`note_versions` noted, oldest first; empty if it did not, or if the file cannot be read."""
    try:
        noted = json.loads((run_folder / VERSIONS).read_text())
        return [{str(name): str(value) for name, value in each.items()} for each in noted]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def other_versions(run_folder: Path) -> list[str]:
    """Sentences on what is of another version here than in the run."""
    here = versions()
    return [
        f"{name} is {here.get(name, UNKNOWN)} here, and was {was} in the run"
        for noted in read_versions(run_folder)
        for name, was in noted.items()
        if here.get(name) != was
    ]
