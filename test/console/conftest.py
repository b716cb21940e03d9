"""Lets these tests import what lies beside them, and the browser of ``bench/``."""

from __future__ import annotations

import sys
from pathlib import Path

here = Path(__file__).parent
sys.path += [str(here), str(here.parents[1] / "bench")]
