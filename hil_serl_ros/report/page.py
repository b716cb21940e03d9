"""The page: facts and pictures through one template, with nothing that a network would have to bring."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tqdm import tqdm

from hil_serl_ros.data.run_settings import run_settings
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.report.configuration import Parameter, parameters_of, unchanged
from hil_serl_ros.report.curves import learner_curves, learning_curve, share_curve
from hil_serl_ros.report.facts import Facts
from hil_serl_ros.report.strips import Strip, endings, strips, worst
from hil_serl_ros.settings import SettingError

TEMPLATE = "page.html"


def page(facts: Facts) -> str:
    """The whole HTML text."""
    learning, layout = _learned(facts)
    rows, rest = _configuration(facts)
    shown, told = _strips(facts, layout)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["picture"] = picture
    return environment.get_template(TEMPLATE).render(
        facts=facts,
        name=facts.folder.resolve().name,
        when=time.strftime("%Y-%m-%d %H:%M"),
        task=layout.task if layout else "unknown task",
        observes=", ".join(layout.shapes()) if layout else "",
        curve=learning_curve(facts),
        share=share_curve(facts),
        learner=learner_curves(facts, learning),
        strips=shown,
        episodes_told=told,
        changed=[row for row in rows if row.differs],
        same=[row for row in rows if not row.differs] + rest,
        best=max(facts.evaluations, key=lambda e: e.episodes, default=None),
    )


def picture(content: bytes) -> str:
    """A picture's bytes as an address that holds them."""
    kinds = {b"\x89PN": "image/png", b"\xff\xd8\xff": "image/jpeg"}
    kind = kinds.get(content[:3], "image/svg+xml")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _learned(facts: Facts) -> tuple[LearnerSettings | None, Layout | None]:
    try:
        settings = run_settings(facts.folder)
    except (SettingError, OSError) as error:
        facts.missing.append(f"the learner's settings are not known: {error}")
        return None, None
    return settings.learning, settings.layout


def _configuration(facts: Facts) -> tuple[list[Parameter], list[Parameter]]:
    try:
        rows = parameters_of(facts.folder)
    except (OSError, ValueError):
        return [], []  # named already among what is missing
    return rows, unchanged(rows)


def _strips(facts: Facts, layout: Layout | None) -> tuple[list[Strip], str]:
    if facts.index is None:
        return [], "There is no log to take them from."
    trained = endings(facts.index)
    if not trained:
        return [], "The log holds no episode of training."
    failed = sum(ending.whole and not ending.last.success for ending in trained)
    cut = sum(not ending.whole for ending in trained)
    words = f"{failed} of {len(trained)} episodes of training did not succeed"
    words += f", {cut} are not whole" if cut else ""
    words += ". The latest failures stand first, then the longest successes."
    chosen = worst(trained)
    made = tqdm(strips(chosen, layout), total=len(chosen), desc="pictures", unit=" episodes", leave=False)
    return list(made), words
