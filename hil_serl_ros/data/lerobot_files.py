"""The files of a checkpoint that stay the same throughout a run: lerobot's configurations and processors."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hil_serl_ros.learning import lerobot_policy
from hil_serl_ros.learning.encoder import IN_POLICY, build, is_small
from hil_serl_ros.learning.encoder import save as save_encoder
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.settings import LearnerSettings

MODEL = "model.safetensors"
PRETRAINED, ALGORITHM = "pretrained_model", "algorithm"
SETTINGS = f"{PRETRAINED}/learner_settings.json"


def lerobot_files(layout: Layout, settings: LearnerSettings) -> dict[str, bytes]:
    """Configuration and processor files, written by lerobot's own savers."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        pretrained, algorithm = Path(folder) / PRETRAINED, Path(folder) / ALGORITHM
        pretrained.mkdir()
        algorithm.mkdir()
        lerobot_policy.policy_config(layout, settings, IN_POLICY)._save_pretrained(pretrained)
        for processor in lerobot_policy.processors(layout, settings):
            processor.save_pretrained(pretrained)
        lerobot_policy.algorithm_config(layout, settings, IN_POLICY)._save_pretrained(algorithm)
        if layout.images and not is_small(settings.vision_encoder):
            save_encoder(build(settings.vision_encoder, settings.vision_encoder_seed), pretrained / IN_POLICY)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                files[str(path.relative_to(folder))] = path.read_bytes()
    files[SETTINGS] = json.dumps(dataclasses.asdict(settings), indent=2).encode()
    return files


def files_of(path: Path, settings: LearnerSettings) -> dict[str, bytes] | None:
    """What ``lerobot_files`` makes, out of a checkpoint of the same settings; None: there is none here.

    The vision encoder's name may differ: a resumed run takes it from this very checkpoint.
    """
    if not (path / SETTINGS).is_file():
        return None
    mine, saved = dataclasses.asdict(settings), json.loads((path / SETTINGS).read_text())
    if mine | {"vision_encoder": ""} != saved | {"vision_encoder": ""}:
        return None
    found = [p for part in (PRETRAINED, ALGORITHM) for p in sorted((path / part).rglob("*")) if p.is_file()]
    files = {str(p.relative_to(path)): p.read_bytes() for p in found if p.name != MODEL or p.parent.name == IN_POLICY}
    files = placed(files, Path(IN_POLICY), path / PRETRAINED / IN_POLICY)
    # Where it was moved, its files name another place.
    return files if b'"vision_encoder_name": "/' not in files[f"{PRETRAINED}/config.json"] else None


def placed(files: Mapping[str, bytes], encoder: Path, before: Path = Path(IN_POLICY)) -> dict[str, bytes]:
    """The files with the path of the vision encoder's folder, where the configurations name it."""
    name = b'"vision_encoder_name": '
    old, new = (name + json.dumps(str(folder)).encode() for folder in (before, encoder))
    return {path: content.replace(old, new) if path.endswith(".json") else content for path, content in files.items()}
