"""Reward classifier: success probability of an observation's pictures, by lerobot's architecture.

A frozen encoder's features, learned spatial averages and a layer for each camera, a small head over all of them
(lerobot's ``rewards/classifier``). Training and running read pictures through ``Encoder`` alone, which scales them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from hil_serl_ros.learning.encoder import MEAN, STD, Encoder, EncoderError, tensors_hash

# What is done to pixels; a classifier that was trained with anything else is refused.
PREPROCESSING = f"uint8 rgb / 255, minus {list(MEAN)}, divided by {list(STD)}"
DROPOUT = 0.1
# Of the training pictures' largest distance: a lamp or a shadow more than in training is not yet strange.
STRANGE_MARGIN = 1.5


class ClassifierError(ValueError):
    """A classifier that cannot be trained, loaded or asked; the message is one sentence for the user."""


class SpatialEmbeddings(nn.Module):
    """lerobot's ``SpatialLearnedEmbeddings``: [N, C, h, w] -> [N, C F], F learned sums over each channel's places."""

    def __init__(self, features: tuple[int, int, int], count: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(*features, count))
        nn.init.kaiming_normal_(self.kernel, mode="fan_in", nonlinearity="linear")

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return torch.einsum("nchw,chwf->ncf", features, self.kernel).flatten(1)


class Head(nn.Module):
    """All that is learned: features of each camera to one logit.

    Args:
        cameras: number of cameras.
        features: (channels, rows, columns) of one picture's features.
        embeddings: learned averages of each channel.
        width: of the layers, lerobot's ``latent_dim`` and ``hidden_dim``.
    """

    def __init__(self, cameras: int, features: tuple[int, int, int], embeddings: int = 8, width: int = 256) -> None:
        super().__init__()
        self.embeddings, self.width = embeddings, width
        self.cameras = nn.ModuleList(
            nn.Sequential(
                SpatialEmbeddings(features, embeddings),
                nn.Dropout(DROPOUT),
                nn.Linear(features[0] * embeddings, width),
                nn.LayerNorm(width),
                nn.Tanh(),
            )
            for _ in range(cameras)
        )
        self.joint = nn.Sequential(
            nn.Linear(width * cameras, width), nn.Dropout(DROPOUT), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[N, cameras, C, h, w] float32 -> logits [N]."""
        each = [camera(features[:, index]) for index, camera in enumerate(self.cameras)]
        return self.joint(torch.cat(each, 1)).squeeze(1)

    @torch.no_grad()
    def fold(self, mean: Tensor, deviation: Tensor) -> None:
        """Take ``(features - mean) / deviation`` into the weights: what learned on those then reads raw features.

        Args:
            mean: [cameras, C, h, w].
            deviation: [cameras, C, h, w], positive.
        """
        for index, camera in enumerate(self.cameras):
            assert isinstance(camera, nn.Sequential)
            embeddings, linear = camera[0], camera[2]
            assert isinstance(embeddings, SpatialEmbeddings)
            assert isinstance(linear, nn.Linear)
            embeddings.kernel.div_(deviation[index].unsqueeze(-1))
            linear.bias.sub_(linear.weight @ embeddings(mean[index].unsqueeze(0)).squeeze(0))


@dataclasses.dataclass(frozen=True)
class Familiar:
    """How the training pictures' features are spread, to tell pictures of another kind.

    Features are averaged over places; their distance is Mahalanobis' for each camera, the largest camera's counts.

    Attributes:
        mean: [cameras, C].
        whitening: [cameras, C, C]; the distance is the length of ``(pooled - mean) @ whitening``, over sqrt(C).
        limit: distance above which pictures are unlike the training data.
    """

    mean: Tensor
    whitening: Tensor
    limit: float

    @classmethod
    def fit(cls, pooled: Tensor, others: Tensor) -> Familiar:
        """Fit to training features [N, cameras, C]; ``others`` [M, cameras, C], of other episodes, widen the limit."""
        mean = pooled.mean(0)
        whitenings = []
        for camera in range(pooled.shape[1]):
            centred = (pooled[:, camera] - mean[camera]).double()
            values, vectors = torch.linalg.eigh(centred.T @ centred / max(len(pooled) - 1, 1))
            # A floor under the directions in which the training pictures happened not to differ.
            values = values.clamp_min(0) + 0.01 * values.clamp_min(0).mean() + 1e-12
            whitenings.append((vectors / values.sqrt()).float())
        fitted = cls(mean, torch.stack(whitenings), float("inf"))
        distances = torch.cat([fitted.distance(pooled), fitted.distance(others)])
        return dataclasses.replace(fitted, limit=STRANGE_MARGIN * float(torch.quantile(distances.float(), 0.999)))

    def distance(self, pooled: Tensor) -> Tensor:
        """Distance [N] of pooled features [N, cameras, C]."""
        white = torch.einsum("nkc,kcd->nkd", pooled - self.mean, self.whitening)
        return white.square().mean(2).sqrt().amax(1)

    def tensors(self) -> dict[str, Tensor]:
        """To be kept beside the weights."""
        return {"mean": self.mean, "whitening": self.whitening, "limit": torch.tensor([self.limit])}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Familiar:
        """What ``tensors`` gave.

        Raises:
            KeyError: something is missing.
        """
        return cls(tensors["mean"], tensors["whitening"], float(tensors["limit"][0]))


def encode(encoder: Encoder, pictures: Tensor) -> Tensor:
    """uint8 [N, cameras, 3, H, W] -> float32 features [N, cameras, C, h, w]; for training and running alike."""
    made = encoder(pictures.flatten(0, 1))
    return made.unflatten(0, pictures.shape[:2])


def make_encoder(
    name: str, picture: tuple[int, int, int], seed: int, device: str, tensors: Mapping[str, Tensor] | None = None
) -> Encoder:
    """An encoder on a device that is there; ``tensors`` are its weights if they were kept elsewhere.

    Raises:
        ClassifierError: no such device or encoder.
    """
    if device != "cpu" and not (device.split(":")[0] == "cuda" and torch.cuda.is_available()):
        raise ClassifierError(f"there is no device {device} on this machine; choose cpu")
    try:
        encoder = Encoder(name, picture, seed, device)
    except EncoderError as error:
        raise ClassifierError(str(error)) from None
    if tensors is not None:
        encoder.module.load_state_dict(dict(tensors))
        encoder.hash = tensors_hash(encoder.module.state_dict())
    return encoder


class RewardClassifier:
    """A trained classifier that runs.

    Attributes:
        cameras: names of the pictures that it reads, in its order.
        picture: (3, height, width) of each.
        threshold: recommended; a probability of at least this is a success.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        familiar: Familiar,
        cameras: tuple[str, ...],
        picture: tuple[int, int, int],
        threshold: float,
    ) -> None:
        self.encoder = encoder
        self.head = head.eval().requires_grad_(False)
        self.familiar = familiar
        self.cameras = cameras
        self.picture = picture
        self.threshold = threshold

    def check(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Refuse pictures that it was not trained on; names without ``observation.images.``.

        Raises:
            ClassifierError: other cameras, or another size.
        """
        if pictures.keys() != set(self.cameras):
            seen = ", ".join(sorted(pictures)) or "no picture"
            raise ClassifierError(
                f"the classifier was trained on the cameras {', '.join(self.cameras)}; the observation has {seen}"
            )
        for name, picture in pictures.items():
            if picture.shape != self.picture:
                raise ClassifierError(
                    f"the classifier was trained on pictures of {self.picture[2]}x{self.picture[1]}; "
                    f"{name} is {picture.shape[2]}x{picture.shape[1]}"
                )

    def __call__(self, pictures: Mapping[str, np.ndarray]) -> tuple[float, float]:
        """Success probability, and the distance to the training pictures (over ``familiar.limit``: unlike them).

        Raises:
            ClassifierError: as ``check``.
        """
        self.check(pictures)
        stacked = np.stack([pictures[name] for name in self.cameras])
        probabilities, distances = self.judge(torch.from_numpy(stacked).unsqueeze(0))
        return float(probabilities[0]), float(distances[0])

    @torch.inference_mode()
    def judge(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities [N] and distances [N] of uint8 pictures [N, cameras, 3, H, W]."""
        features = encode(self.encoder, pictures).cpu()
        return torch.sigmoid(self.head(features)), self.familiar.distance(features.mean((3, 4)))
