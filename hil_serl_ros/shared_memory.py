"""Fast DDS's shared-memory files, which a process that is killed leaves behind: half a MB each, for ever."""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path

FOLDER = Path("/dev/shm")
LOCK = "_el"  # suffix of the file that a segment's owner holds locked while it lives


def remove_orphans(folder: Path = FOLDER) -> int:
    """Remove the segments whose owner has died, as `fastdds shm clean` does; how many there were."""
    removed = 0
    for lock in folder.glob(f"fastrtps_*{LOCK}"):
        with contextlib.suppress(OSError), lock.open() as file:  # held by its owner, another user's, or gone meanwhile
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in (lock.with_name(lock.name.removesuffix(LOCK)), lock):
                part.unlink(missing_ok=True)
            removed += 1
    return removed
