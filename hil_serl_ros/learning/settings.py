"""The learner's settings: HIL-SERL's numbers, each a parameter."""

from __future__ import annotations

import dataclasses

from hil_serl_ros.settings import setting


@dataclasses.dataclass(frozen=True)
class LearnerSettings:
    """How the learner learns. Defaults are HIL-SERL's as published with its code where it has them."""

    batch_size: int = setting(256, "Transitions in a batch.", unit="transitions", minimum=2)
    demonstration_share: float = setting(
        0.5, "Share of each batch drawn from demonstrations and interventions.", minimum=0.0, maximum=1.0
    )
    discount: float = setting(0.97, "Discount of the next step's value.", minimum=0.0, maximum=1.0)
    critic_target_update_weight: float = setting(
        0.005, "Share of the online weights that the target takes over in each critic step.", minimum=0.0, maximum=1.0
    )
    critic_lr: float = setting(3e-4, "Adam's rate for the encoder, the critics and the gripper critic.", minimum=0.0)
    actor_lr: float = setting(3e-4, "Adam's rate for the actor.", minimum=0.0)
    temperature_lr: float = setting(3e-4, "Adam's rate for the entropy temperature.", minimum=0.0)
    warmup_updates: int = setting(0, "Updates over which the rates rise from 0; 0: none.", unit="updates", minimum=0)
    cosine_updates: int = setting(
        0, "Updates over which the rates fall to final_lr_share by a cosine; 0: constant.", unit="updates", minimum=0
    )
    final_lr_share: float = setting(0.1, "Share of the rate that a cosine schedule ends at.", minimum=0.0, maximum=1.0)
    grad_clip_norm: float = setting(10.0, "Largest norm of a step's gradient; 0: not clipped.", minimum=0.0)
    temperature_init: float = setting(0.01, "Entropy temperature at the start.", minimum=1e-8)
    target_entropy: float = setting(
        0.0, "Entropy that the temperature aims at; 0: minus half the action's elements, gripper included."
    )
    backup_entropy: bool = setting(False, "Subtract the entropy term in the critics' targets.")
    num_critics: int = setting(2, "Critics in the ensemble.", minimum=1, maximum=64)
    actor_objective: str = setting(
        "mean",
        "Which value of the critics the actor climbs: HIL-SERL's mean or lerobot's min.",
        choices=("mean", "min"),
    )
    imitation_weight: float = setting(
        0.0,
        "Weight of the mean action's squared distance from the operator's, in the actor's loss; 0: none, as HIL-SERL.",
        minimum=0.0,
    )
    gripper_margin: float = setting(
        0.0,
        "By how much the operator's gripper class is to be valued above the others; 0: not asked, as HIL-SERL.",
        minimum=0.0,
    )
    critic_steps: int = setting(2, "Critic steps, each on its own batch, to one actor step.", minimum=1, maximum=64)
    updates_per_step: int = setting(
        1, "Updates (each critic_steps critic steps and one actor step) per robot step.", minimum=1, maximum=64
    )
    hidden_dims: list[int] = setting(
        [256, 256], "Widths of the critics', gripper critic's and actor's layers.", minimum=1, maximum=4096
    )
    latent_dim: int = setting(256, "Width of each encoder's output.", minimum=1, maximum=4096)
    vision_encoder: str = setting(
        "small",
        "Encoder of pictures: small is gaussian_actor's own, resnet10, or the folder of one.",
    )
    vision_encoder_seed: int = setting(0, "Seed of the random weights of small and resnet10.", minimum=0)
    freeze_vision_encoder: bool = setting(True, "Keep the vision encoder as it is; else it learns with the critics.")
    feature_variants: int = setting(
        3,
        "Randomly shifted variants of a picture whose frozen features are kept; 0: pictures, encoded each time.",
        unit="variants",
        minimum=0,
        maximum=64,
    )
    image_embedding_pooling_dim: int = setting(
        8, "Learned spatial averages of each channel of a picture's features.", minimum=1, maximum=64
    )
    std_min: float = setting(1e-5, "Least variance of the actor before tanh (lerobot's std_min).", minimum=0.0)
    std_max: float = setting(5.0, "Largest variance of the actor before tanh (lerobot's std_max).", minimum=0.0)
    online_buffer_capacity: int = setting(100_000, "Steps kept of online data.", unit="steps", minimum=16)
    offline_buffer_capacity: int = setting(
        100_000, "Steps kept of demonstrations and interventions.", unit="steps", minimum=16
    )
    cloning_updates: int = setting(
        0,
        "Updates of behaviour cloning on the operator's steps before the first of SAC's, a warm start; 0: none.",
        unit="updates",
        minimum=0,
    )
    online_step_before_learning: int = setting(
        100, "Robot steps, demonstrations not counted, before the first update.", unit="steps", minimum=0
    )
    mixed_precision: str = setting(
        "none", "Number type of the matrix products: none is float32; bf16 is bfloat16.", choices=("none", "bf16")
    )
    compile: bool = setting(
        False, "Compile the update: it takes half a minute at the start, and on a CPU it is slower than without."
    )
    device: str = setting("cpu", "Where torch computes.")
    threads: int = setting(1, "Torch threads; the same seed gives the same weights for the same number.", minimum=1)
    seed: int = setting(0, "Seed of initial weights, sampling and exploration.", minimum=0)
