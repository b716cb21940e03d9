"""Who gets the processor: two cores are a design limit, and a control period must not be late."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def yield_processor(niceness: int) -> None:
    """Let this process, and the threads that it starts from now on, run at ``niceness`` (0 to 19) below the others.

    Linux shares the processor out among sessions first where it groups them by itself (sched(7), "The autogroup
    feature"), and a niceness counts within a session only. A process that leads a session of its own, as under
    `hil-serl`, therefore lowers that, too.
    """
    os.nice(max(0, niceness - os.nice(0)))
    if os.getsid(0) == os.getpid() and AUTOGROUP.exists():
        AUTOGROUP.write_text(str(niceness))


def claim_processor(priority: int) -> bool:
    """Let all threads of this process run before every ordinary one (SCHED_RR at ``priority``, 1 to 99); if allowed.

    Linux allows it to root and within the limit ``rtprio`` of /etc/security/limits.conf.
    """
    try:
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(priority))
    except OSError:
        return False
    return True
