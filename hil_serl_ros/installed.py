"""Where the package's own files are."""

from __future__ import annotations

from pathlib import Path


def config_folder() -> Path:
    """The installed ``config`` folder, or the one beside the sources.

    Raises:
        FileNotFoundError: neither is there.
    """
    package = Path(__file__).resolve().parent
    # colcon and pip install both give <prefix>/share/hil_serl_ros/config.
    candidates = [package.parent / "config", *(p / "share/hil_serl_ros/config" for p in package.parents)]
    for folder in candidates:
        if (folder / "pick_cube.yaml").is_file():
            return folder
    raise FileNotFoundError("the folder config of hil_serl_ros is not installed; install the package again")
