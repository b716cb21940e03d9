"""torch.compile with a fall-back: no C++ compiler is a warning, not a failure."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from typing import Any, TypeVar

import torch

_log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])


def compiler() -> str | None:
    """The C++ compiler that torch.compile would call on a CPU, None where there is none."""
    wanted = os.environ.get("CXX")
    return next((found for name in (wanted, "g++", "clang++") if name and (found := shutil.which(name))), None)


def can_compile(device: torch.device) -> bool:
    """Whether torch.compile can work here; where it cannot, one warning says what is missing."""
    if device.type == "cpu" and compiler() is None:
        _log.warning("No C++ compiler (g++ or clang++) found: the learner runs uncompiled and slower.")
        return False
    return True


def compiled(function: F) -> F:
    """``function`` compiled for fixed shapes."""
    return torch.compile(function, dynamic=False, fullgraph=True)  # type: ignore[return-value]
