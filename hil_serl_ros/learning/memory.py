"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")  # version 2; in a container it is the container's own


def available_bytes() -> int | None:
    """Bytes that can be taken before something is killed; the container's limit counts. None: Linux does not say."""
    said = [bytes_ for bytes_ in (_machine(), _container()) if bytes_ is not None]
    return min(said) if said else None


def _machine() -> int | None:
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _container() -> int | None:
    try:
        most = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # Pages of files that were read once are given back when memory is short.
    return None if most == "max" else max(0, int(most) - used + int(stat.get("inactive_file", 0)))
