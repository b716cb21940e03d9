"""What a run's folder tells about it: episodes, evaluations, intervention, and what is missing or wrong."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.log_index import LogIndex, log_index
from hil_serl_ros.data.rows import read_rows
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.run_settings import CONFIG, PARAMETERS, shared_parameters
from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.data.versions import VERSIONS, other_versions, read_versions

Row = dict[str, str]
EXPECTED = {
    CONFIG: "what the run was configured with is not known",
    PARAMETERS: "what the run was started with is not known",
    LAYOUT: "what was observed is not known",
    VERSIONS: "the versions of its software are not known",
    "episodes.csv": "there are no curves of success and of the person's share, and no evaluation",
    "metrics.csv": "there are no curves of the learner's figures",
    "output.log": "what its nodes said is not known",
}
SPOKEN = re.compile(r"\[(WARN|ERROR|FATAL)\] \[[\d.]+\] \[([^\]]+)\]: (.*)")
MOST_WARNINGS = 12


@dataclass(frozen=True)
class Evaluation:
    """Greedy episodes under one version of the weights; means over the episodes, ``low`` and ``high`` from 0 to 1."""

    name: str
    weights_version: int
    episodes: int
    successes: int
    low: float
    high: float
    steps: float
    episode_return: float

    @property
    def rate(self) -> float:
        """Share of successes."""
        return self.successes / self.episodes


@dataclass
class Facts:
    """All that the page says in words and numbers."""

    folder: Path
    episodes: list[Row] = field(default_factory=list)
    metrics: list[Row] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    index: LogIndex | None = None
    versions: list[dict[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    result: str = ""
    checkpoints: list[int] = field(default_factory=list)  # by their number of updates

    @property
    def updates(self) -> int:
        """Done, as far as a checkpoint or a row of metrics says."""
        return max([0, *self.checkpoints, *(int(float(row["updates"])) for row in self.metrics)])

    def mode(self, name: str) -> list[Row]:
        """The episodes of one mode."""
        return [row for row in self.episodes if row["mode"] == name]

    @property
    def robot_steps(self) -> int:
        """Demonstrations and training."""
        if self.index is not None:
            return len(self.index.places)
        return max((int(row["robot_steps"]) for row in self.episodes), default=0)

    @property
    def operator_steps(self) -> int:
        """Those that the person drove."""
        return max((int(row["operator_steps_total"]) for row in self.episodes), default=0)


def wilson(successes: int, episodes: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of 95 % for a rate of success (Wilson 1927, equation of the score interval), from 0 to 1."""
    if not episodes:
        return 0.0, 1.0
    share, weight = successes / episodes, z * z / episodes
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / episodes + weight / (4 * episodes))
    return 0.0 if successes == 0 else middle - half, 1.0 if successes == episodes else middle + half


def gather(folder: Path) -> Facts:
    """Read the folder of a run. What is missing or torn is named, and the rest is read.

    Raises:
        FileNotFoundError: there is no such folder, or nothing of a run in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    if not any((folder / name).exists() for name in ("log", *EXPECTED)):
        raise FileNotFoundError(f"{folder} is not a run's folder: it has neither log nor {CONFIG} nor episodes.csv")
    facts = Facts(folder)
    facts.missing = [f"{name} is missing: {what}" for name, what in EXPECTED.items() if not (folder / name).is_file()]
    try:
        facts.index = log_index(folder)
        facts.warnings += facts.index.notes
        if len(files := segments(facts.index.folder)) > 1:
            facts.warnings.append(f"the learner was started {len(files)} times: the log has as many files")
    except (DemonstrationsError, LogError) as error:
        facts.missing.append(f"{error}: there are no pictures of episodes")
    facts.checkpoints = sorted(int(p.name) for p in (folder / "checkpoints").glob("[0-9]*") if p.name.isdigit())
    if not facts.checkpoints:
        facts.missing.append("checkpoints are missing: no weights were kept")
    facts.episodes = [row for row in read_rows(folder / "episodes.csv") if "mode" in row]
    facts.metrics = read_rows(folder / "metrics.csv")
    facts.evaluations = _evaluations("this run", facts.mode("evaluate"))
    for other in _evaluation_runs(folder):
        rows = [row for row in read_rows(other / "episodes.csv") if row.get("mode") == "evaluate"]
        facts.evaluations += _evaluations(other.name, rows)
    facts.versions = read_versions(folder)
    facts.warnings += [f"{sentence}: weights learned again may differ" for sentence in other_versions(folder)]
    _read_output(folder / "output.log", facts)
    return facts


def _evaluations(name: str, rows: list[Row]) -> list[Evaluation]:
    """One for each version of the weights, in the order of the rows."""
    found = []
    for version in dict.fromkeys(row["weights_version"] for row in rows):
        here = [row for row in rows if row["weights_version"] == version]
        good = sum(row["success"] == "True" for row in here)
        means = [sum(float(row[key]) for row in here) / len(here) for key in ("steps", "episode_return")]
        found.append(Evaluation(name, int(version), len(here), good, *wilson(good, len(here)), *means))
    return found


def _evaluation_runs(folder: Path) -> list[Path]:
    """Runs of ``hil-serl evaluate`` beside this one, or in ``runs``, that took a checkpoint of this one."""
    own = str(folder.resolve() / "checkpoints")
    found = []
    for home in dict.fromkeys((folder.resolve().parent, Path("runs").resolve())):
        for parameters in sorted(home.glob(f"*/{PARAMETERS}")):
            try:
                checkpoint = shared_parameters(parameters.parent).get("checkpoint", "")
            except (OSError, yaml.YAMLError, AttributeError):
                continue
            if str(checkpoint).startswith(f"{own}/"):
                found.append(parameters.parent)
    return list(dict.fromkeys(found))


def _read_output(file: Path, facts: Facts) -> None:
    """The run's last result, and what its nodes warned of, each sentence once with its count."""
    if not file.is_file():
        return
    spoken: Counter[str] = Counter()
    for line in file.read_text(errors="replace").splitlines():
        if found := SPOKEN.search(line):
            level, node, words = found.groups()
            # Numbers aside, the same sentence is the same warning.
            spoken[f"{level} of {node}: {re.sub(r'[0-9]+', 'N', words) if len(spoken) > 50 else words}"] += 1
        elif " result: " in line:
            facts.result = line.split(" result: ", 1)[1]
    if not facts.result:
        facts.missing.append("the run has said no result: it did not come to its end, or is under way")
    for words, count in spoken.most_common(MOST_WARNINGS):
        facts.warnings.append(words if count == 1 else f"{words} ({count} times)")
