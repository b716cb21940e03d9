"""What the learner of a run was set to, read from the run's folder alone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.data.checkpoint import LAST, PRETRAINED, TRAINING
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.versions import other_versions
from hil_serl_ros.learning.layout import Layout, LayoutError
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.settings import SettingError, default_of, setting, validate
from hil_serl_ros.sim.tasks import name_of

# In the order in which a node takes them: what comes later stands above what came before.
CONFIG, PARAMETERS = "config.yaml", "parameters.yaml"
K = TypeVar("K")


@dataclass
class LearningSettings:
    """Those parameters of node ``learner`` beside :class:`LearnerSettings` that its weights depend on."""

    task: str = setting("pick_cube", "Task, by which the layout is chosen.")
    clock: str = setting("lockstep", "lockstep: so many updates per step exactly.", choices=("lockstep", "realtime"))
    run: str = setting("run", "Name of the run; transitions of another are refused.", name=True)
    demonstrations_folder: str = setting("", "Folder with a log of demonstrations to start from; empty: none.")
    weights_period: int = setting(5, "Steps between two publications of weights.", unit="steps", minimum=1)
    log_freq: int = setting(250, "Updates between two lines of metrics.", unit="updates", minimum=1, dynamic=True)


@dataclass(frozen=True)
class RunSettings:
    """A run's ``folder``, its layout, and how it learned."""

    folder: Path
    layout: Layout
    node: LearningSettings
    learning: LearnerSettings

    @property
    def lockstep(self) -> bool:
        """The weights are a function of the log."""
        return self.node.clock == "lockstep"

    def differences(self, other: RunSettings) -> list[str]:
        """What ``other`` has otherwise, as "name is this, not that"."""
        mine, theirs = ({**dataclasses.asdict(s.node), **dataclasses.asdict(s.learning)} for s in (self, other))
        return [f"{name} is {theirs[name]!r}, not {mine[name]!r}" for name in mine if mine[name] != theirs[name]]

    def with_changes(self, changes: Mapping[str, Any]) -> RunSettings:
        """The same run under other settings.

        Raises:
            SettingError: a parameter that weights do not depend on, or a value that it cannot have.
        """
        allowed = [field.name for field in dataclasses.fields(LearnerSettings)] + ["demonstrations_folder", "log_freq"]
        for name in changes:
            if name not in allowed:
                raise SettingError(
                    f"{name} is nothing that can be learned again with; the learner's own parameters are, and "
                    "demonstrations_folder and log_freq"
                )
        node, learning = ({**dataclasses.asdict(part), **changes} for part in (self.node, self.learning))
        return dataclasses.replace(
            self, node=settings_from(LearningSettings, node), learning=settings_from(LearnerSettings, learning)
        )


def run_settings(folder: Path) -> RunSettings:
    """How the run in ``folder`` was learned: its parameter files, and the nodes' defaults for what they do not say.

    Raises:
        SettingError: no such folder, a file that is missing or cannot be read, or a value that no learner has.
    """
    parameters = node_parameters(folder, "learner")
    node = settings_from(LearningSettings, parameters)
    learning = settings_from(LearnerSettings, parameters)
    return RunSettings(folder, _layout(folder, node, parameters), node, learning)


def node_parameters(folder: Path, node: str) -> dict[str, Any]:
    """The parameters that a run's files give to one of its nodes.

    Raises:
        SettingError: no such folder, or a file that is missing or is no parameter file.
    """
    if not folder.is_dir():
        raise SettingError(f"there is no folder {folder}")
    found: dict[str, Any] = {}
    for name in (CONFIG, PARAMETERS):
        file = folder / name
        if not file.is_file():
            raise SettingError(f"{folder} is not a run's folder: it has no {name}")
        try:
            content = yaml.safe_load(file.read_text()) or {}
            for whose, part in content.items():
                if whose.rsplit("/", 1)[-1] in ("**", node):
                    found |= part.get("ros__parameters") or {}
        except (yaml.YAMLError, AttributeError, TypeError) as error:
            raise SettingError(f"{file} is not a ROS parameter file: {' '.join(str(error).split())}") from None
    return found


def shared_parameters(folder: Path) -> dict[str, Any]:
    """What the run was started with beside its configuration, for every node."""
    content = yaml.safe_load((folder / PARAMETERS).read_text()) or {}
    return dict(content.get("/**", {}).get("ros__parameters", {}))


def write_parameters(folder: Path, settings: RunSettings) -> None:
    """Write a parameter file of all that ``settings`` say, to stand above the run's configuration."""
    parameters = {**dataclasses.asdict(settings.node), **dataclasses.asdict(settings.learning)}
    content = {"/**/learner": {"ros__parameters": parameters}}
    write_file(folder / PARAMETERS, "# Written when it was learned again.\n" + yaml.safe_dump(content))


def settings_from(kind: type[K], parameters: Mapping[str, Any]) -> K:
    """Settings of ``kind`` with the values of its own parameters, defaults for the others.

    Raises:
        SettingError: a value that it cannot have.
    """
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in parameters:
            values[field.name] = _typed(parameters[field.name], default_of(field))
    return validate(kind(**values))


def why_other_weights(settings: RunSettings) -> list[str]:
    """Why the log need not give the weights that the run had, in sentences; empty: it must."""
    reasons = []
    if not settings.lockstep:
        reasons.append("the run's clock was realtime: how many updates came between two steps was an accident of time")
    if settings.learning.device != "cpu":
        reasons.append(f"it learned on {settings.learning.device}, whose sums are not the same each time")
    mine = dataclasses.asdict(settings.learning)
    for name, path in _settings_files(settings.folder).items():
        try:
            saved = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        # A resume takes the encoder that its checkpoint holds: it is the same one under another name.
        other = [key for key in mine if key != "vision_encoder" and key in saved and saved[key] != mine[key]]
        if other:
            words = ", ".join(f"{key} {saved[key]}, not {mine[key]}" for key in other)
            reasons.append(f"the run went on with other settings than at checkpoint {name}: it was made with {words}")
    return reasons + other_versions(settings.folder)


def _settings_files(folder: Path) -> dict[str, Path]:
    """Each checkpoint's own note of the learner's settings, by the checkpoint's name."""
    found = sorted((folder / "checkpoints").glob(f"[0-9]*/{PRETRAINED}/learner_settings.json"))
    return {path.parents[1].name: path for path in found}


def _typed(value: Any, default: Any) -> Any:
    """What ROS makes of a YAML value: a whole number serves as a number, and 1e-3 is one."""
    if isinstance(value, list) and isinstance(default, list) and default:
        return [_typed(item, default[0]) for item in value]
    if type(default) is float and type(value) in (int, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _layout(folder: Path, node: LearningSettings, parameters: Mapping[str, Any]) -> Layout:
    for file in (folder / LAYOUT, folder / "checkpoints" / LAST / TRAINING / "layout.json"):
        if file.is_file():
            try:
                return Layout.from_json(file.read_text())
            except LayoutError as error:
                raise SettingError(f"{file}: {error}") from None
    return settings_from(ObservationSettings, parameters).layout(name_of(node.task))
