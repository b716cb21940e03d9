"""A reward classifier's folder: lerobot's files where lerobot can load it, and ours beside them.

``config.json``, ``model.safetensors`` and the processors are lerobot's, ``encoder/`` is the transformers model that
its configuration names. ``classifier.json`` (threshold, cameras, figures) and ``familiar.safetensors`` (what training
pictures look like) are ours.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from hil_serl_ros.data.atomic import write_folder
from hil_serl_ros.learning.classifier import (
    DROPOUT,
    PREPROCESSING,
    ClassifierError,
    Familiar,
    Head,
    RewardClassifier,
    make_encoder,
)
from hil_serl_ros.learning.classifier_trainer import ClassifierSettings, Trained, summary
from hil_serl_ros.learning.encoder import MEAN, SMALL, STD, TransformersEncoder
from hil_serl_ros.learning.layout import IMAGE_PREFIX

OURS, MODEL, FAMILIAR, ENCODER = "classifier.json", "model.safetensors", "familiar.safetensors", "encoder"
LEROBOT_PLACES = (4, 4)  # rows and columns of the features that lerobot's classifier is written for
# Where the layers of a camera and of the head that have weights lie in lerobot's.
CAMERA_LAYERS = {"0": "1", "2": "3", "3": "4"}


def save(folder: Path, trained: Trained, settings: ClassifierSettings) -> None:
    """Write ``folder``, whole or not at all.

    Raises:
        FileExistsError: there is one; it is left as it is.
    """
    classifier = trained.classifier
    files: dict[str, bytes] = {}
    module = classifier.encoder.module
    own = isinstance(module, TransformersEncoder)  # a model of transformers goes into a folder of its own
    for_lerobot = own and classifier.encoder.features[1:] == LEROBOT_PLACES
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        if isinstance(module, TransformersEncoder):
            module.image_enc_layers.save_pretrained(made / ENCODER)  # type: ignore[operator]
        if for_lerobot:
            _lerobot_files(classifier, made, (folder / ENCODER).resolve())
        for path in sorted(made.rglob("*")):
            if path.is_file():
                files[str(path.relative_to(made))] = path.read_bytes()
    ours = {
        "cameras": list(classifier.cameras),
        "picture": list(classifier.picture),
        "threshold": classifier.threshold,
        "preprocessing": PREPROCESSING,
        "encoder": ENCODER if own else SMALL,
        "encoder_hash": classifier.encoder.hash,
        "embeddings": classifier.head.embeddings,
        "width": classifier.head.width,
        "loads_in_lerobot": for_lerobot,
        "settings": dataclasses.asdict(settings),
        "validation": summary(trained),
    }
    files[OURS] = json.dumps(ours, indent=2).encode()
    files[MODEL] = to_bytes({name: t.contiguous() for name, t in _lerobot_tensors(classifier).items()})
    files[FAMILIAR] = to_bytes({name: t.contiguous() for name, t in classifier.familiar.tensors().items()})
    write_folder(folder, files)


def load(folder: Path, device: str = "cpu") -> RewardClassifier:
    """The classifier in ``folder``; the encoder runs on ``device``.

    Raises:
        ClassifierError: not such a folder, another preprocessing, another encoder than trained with, no such device.
    """
    ours = _json(folder / OURS)
    tensors, familiar = _tensors(folder / MODEL), _tensors(folder / FAMILIAR)
    try:
        cameras = tuple(str(name) for name in ours["cameras"])
        channels, height, width = (int(v) for v in ours["picture"])
        if ours["preprocessing"] != PREPROCESSING:
            raise ClassifierError(
                f"the classifier {folder} was trained with another preprocessing ({ours['preprocessing']}) "
                f"than this version's ({PREPROCESSING}); train it again"
            )
        small = ours["encoder"] == SMALL
        kept = {key.removeprefix("encoder."): t for key, t in tensors.items() if key.startswith("encoder.")}
        name = SMALL if small else str(folder / ENCODER)
        encoder = make_encoder(name, (channels, height, width), 0, device, kept if small else None)
        if encoder.hash != ours["encoder_hash"]:
            raise ClassifierError(f"the encoder in {folder} is not the one that the classifier was trained with")
        head = Head(len(cameras), encoder.features, int(ours["embeddings"]), int(ours["width"]))
        head.load_state_dict({own: tensors[theirs] for own, theirs in _names(head, cameras).items()})
        return RewardClassifier(
            encoder, head, Familiar.of(familiar), cameras, (channels, height, width), float(ours["threshold"])
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ClassifierError):
            raise
        raise ClassifierError(f"{folder} is not a classifier's folder: {' '.join(str(error).split())}") from None


def _names(head: Head, cameras: tuple[str, ...]) -> dict[str, str]:
    """Our name of each of the head's tensors to lerobot's."""
    names = {}
    for name in head.state_dict():
        group, _, rest = name.partition(".")
        if group == "joint":
            names[name] = f"classifier_head.{rest}"
        else:
            index, layer, kind = rest.split(".")
            key = (IMAGE_PREFIX + cameras[int(index)]).replace(".", "_")
            names[name] = f"encoders.{key}.{CAMERA_LAYERS[layer]}.{kind}"
    return names


def _lerobot_tensors(classifier: RewardClassifier) -> dict[str, Tensor]:
    """All weights by lerobot's names; the encoder once, as safetensors keeps what several modules share."""
    state = classifier.head.state_dict()
    tensors = {theirs: state[own] for own, theirs in _names(classifier.head, classifier.cameras).items()}
    module = classifier.encoder.module
    encoder = module.image_enc_layers if isinstance(module, TransformersEncoder) else module
    return tensors | {f"encoder.{name}": tensor.cpu() for name, tensor in encoder.state_dict().items()}


def _lerobot_files(classifier: RewardClassifier, folder: Path, encoder: Path) -> None:
    """lerobot's configuration and processors, written by its own savers. Importing lerobot is slow."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.rewards.classifier.configuration_classifier import RewardClassifierConfig
    from lerobot.rewards.classifier.processor_classifier import make_classifier_processor

    keys = [IMAGE_PREFIX + name for name in classifier.cameras]
    config = RewardClassifierConfig(
        input_features={key: PolicyFeature(FeatureType.VISUAL, classifier.picture) for key in keys},
        output_features={},
        num_cameras=len(keys),
        hidden_dim=classifier.head.width,
        latent_dim=classifier.head.width,
        image_embedding_pooling_dim=classifier.head.embeddings,
        dropout_rate=DROPOUT,
        model_name=str(encoder),
        device="cpu",
    )
    config._save_pretrained(folder)
    scale = {"mean": [[[v]] for v in MEAN], "std": [[[v]] for v in STD]}
    for processor in make_classifier_processor(config, dataset_stats=dict.fromkeys(keys, scale)):
        processor.save_pretrained(folder)


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise ClassifierError(f"cannot read the classifier's {file}: {error}") from None


def _json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ClassifierError(f"cannot read the classifier's {file}: {error}") from None
