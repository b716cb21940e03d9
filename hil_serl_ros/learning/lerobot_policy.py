"""lerobot's own objects for a layout: policy and algorithm configuration, processors. Importing lerobot is slow."""

from __future__ import annotations

from typing import Any

from hil_serl_ros.learning.encoder import MEAN, STD, is_small
from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, Layout
from hil_serl_ros.learning.networks import INIT_FINAL
from hil_serl_ros.learning.settings import LearnerSettings

ACTION = "action"


def dataset_stats(layout: Layout) -> dict[str, dict[str, Any]]:
    """Ranges for lerobot's MIN_MAX: each vector's own, and -1 to 1 for the action, which leaves it as it is.

    Mean and deviation of each camera, on pixels scaled to [0, 1], one number a channel: lerobot's configuration
    takes flat lists only, and its normalizer lays them along the channels.
    """
    stats: dict[str, dict[str, Any]] = {
        name: {"min": list(v.minimum), "max": list(v.maximum)} for name, v in layout.vectors.items()
    }
    stats |= {name: {"mean": list(MEAN), "std": list(STD)} for name in layout.images}
    size = len(layout.continuous)
    return stats | {ACTION: {"min": [-1.0] * size, "max": [1.0] * size}}


def policy_config(layout: Layout, settings: LearnerSettings, encoder_folder: str = "") -> Any:
    """The ``GaussianActorConfig`` whose policy is the one that we train.

    Args:
        layout: features.
        settings: the learner's.
        encoder_folder: where lerobot finds the vision encoder, if that is not its own small one; empty: where
            the settings have it.

    Raises:
        EncoderError: there is no such encoder.
    """
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.gaussian_actor.configuration_gaussian_actor import (
        ActorNetworkConfig,
        CriticNetworkConfig,
        GaussianActorConfig,
        PolicyConfig,
    )

    seen = bool(layout.images)
    encoder_folder = encoder_folder or settings.vision_encoder
    kinds = {name: FeatureType.ENV if name == ENVIRONMENT_STATE else FeatureType.STATE for name in layout.vectors}
    return GaussianActorConfig(
        input_features={name: PolicyFeature(FeatureType.VISUAL, shape) for name, shape in layout.images.items()}
        | {name: PolicyFeature(kinds[name], (v.size,)) for name, v in layout.vectors.items()},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (len(layout.continuous),))},
        dataset_stats=dataset_stats(layout),
        device=settings.device,
        vision_encoder_name=encoder_folder if seen and not is_small(settings.vision_encoder) else None,
        freeze_vision_encoder=settings.freeze_vision_encoder,
        image_embedding_pooling_dim=settings.image_embedding_pooling_dim,
        latent_dim=settings.latent_dim,
        state_encoder_hidden_dim=settings.latent_dim,
        num_discrete_actions=len(layout.gripper_classes),
        online_buffer_capacity=settings.online_buffer_capacity,
        offline_buffer_capacity=settings.offline_buffer_capacity,
        online_step_before_learning=settings.online_step_before_learning,
        actor_network_kwargs=ActorNetworkConfig(hidden_dims=list(settings.hidden_dims)),
        policy_kwargs=PolicyConfig(std_min=settings.std_min, std_max=settings.std_max, init_final=INIT_FINAL),
        discrete_critic_network_kwargs=CriticNetworkConfig(hidden_dims=list(settings.hidden_dims)),
        push_to_hub=False,
    )


def algorithm_config(layout: Layout, settings: LearnerSettings, encoder_folder: str = "") -> Any:
    """The ``SACAlgorithmConfig`` nearest to our settings; arguments as ``policy_config``'s."""
    from lerobot.policies.gaussian_actor.configuration_gaussian_actor import CriticNetworkConfig
    from lerobot.rl.algorithms.sac.configuration_sac import SACAlgorithmConfig

    hidden = list(settings.hidden_dims)
    return SACAlgorithmConfig(
        actor_lr=settings.actor_lr,
        critic_lr=settings.critic_lr,
        temperature_lr=settings.temperature_lr,
        discount=settings.discount,
        use_backup_entropy=settings.backup_entropy,
        critic_target_update_weight=settings.critic_target_update_weight,
        num_critics=settings.num_critics,
        critic_network_kwargs=CriticNetworkConfig(hidden_dims=hidden),
        discrete_critic_network_kwargs=CriticNetworkConfig(hidden_dims=hidden),
        temperature_init=settings.temperature_init,
        target_entropy=settings.target_entropy or None,
        utd_ratio=settings.critic_steps,
        grad_clip_norm=settings.grad_clip_norm or float("inf"),
        policy_config=policy_config(layout, settings, encoder_folder),
    )


def processors(layout: Layout, settings: LearnerSettings) -> tuple[Any, Any]:
    """lerobot's pre- and post-processor with the same ranges as in the configuration.

    Pictures go into it as lerobot's own environments give them: float32, pixels scaled to [0, 1]. It would turn its
    mean and deviation into whole numbers for uint8 ones.
    """
    from lerobot.policies.gaussian_actor.processor_gaussian_actor import make_gaussian_actor_pre_post_processors

    config = policy_config(layout, settings)
    return make_gaussian_actor_pre_post_processors(config, dataset_stats=config.dataset_stats)
