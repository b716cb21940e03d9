"""Bytes of the weights as the learner publishes them, for small and large networks: one table.

Run ``python bench/weights_size.py`` (seconds). A robot gets them at most once in ``weights_period`` control periods.
"""

from __future__ import annotations

import torch

from hil_serl_ros.learning import networks, weights
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.settings import LearnerSettings

SIDE = 128
KINDS = {"state only": ((), "small"), "two cameras, small": (("front", "wrist"), "small")}
KINDS |= {"two cameras, resnet10": (("front", "wrist"), "resnet10")}


def bytes_of(cameras: tuple[str, ...], encoder: str, latent: int) -> int:
    """Size of one publication."""
    layout = panda_layout(environment_state=not cameras, images=dict.fromkeys(cameras, (3, SIDE, SIDE)))
    shape = networks.shape_of(layout, LearnerSettings(latent_dim=latent, vision_encoder=encoder))
    trunk, actor = (
        FlatParameters(shapes(shape), torch.device("cpu")).values
        for shapes in (networks.trunk_shapes, networks.actor_shapes)
    )
    return len(weights.pack(trunk, actor, shape)[0])


def main() -> None:
    """Print the table."""
    print("| MB of the weights | latent_dim 64 | latent_dim 256 |\n|---|---|---|")
    for label, (cameras, encoder) in KINDS.items():
        print(f"| {label} | {' | '.join(f'{bytes_of(cameras, encoder, n) / 1e6:.2f}' for n in (64, 256))} |")


if __name__ == "__main__":
    main()
