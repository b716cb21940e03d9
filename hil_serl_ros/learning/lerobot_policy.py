"""lerobot's own objects for a layout: policy and algorithm configuration, processors. Importing lerobot is slow."""

from __future__ import annotations

from typing import Any

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, Layout
from hil_serl_ros.learning.networks import INIT_FINAL
from hil_serl_ros.learning.settings import LearnerSettings

ACTION = "action"


def dataset_stats(layout: Layout) -> dict[str, dict[str, list[float]]]:
    """Ranges for lerobot's MIN_MAX: each vector's own, and -1 to 1 for the action, which leaves it as it is."""
    stats = {name: {"min": list(v.minimum), "max": list(v.maximum)} for name, v in layout.vectors.items()}
    size = len(layout.continuous)
    return stats | {ACTION: {"min": [-1.0] * size, "max": [1.0] * size}}


def policy_config(layout: Layout, settings: LearnerSettings) -> Any:
    """The ``GaussianActorConfig`` whose policy is the one that we train."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.gaussian_actor.configuration_gaussian_actor import (
        ActorNetworkConfig,
        CriticNetworkConfig,
        GaussianActorConfig,
        PolicyConfig,
    )

    kinds = {name: FeatureType.ENV if name == ENVIRONMENT_STATE else FeatureType.STATE for name in layout.vectors}
    return GaussianActorConfig(
        input_features={name: PolicyFeature(kinds[name], (v.size,)) for name, v in layout.vectors.items()},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (len(layout.continuous),))},
        dataset_stats=dataset_stats(layout),
        device=settings.device,
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


def algorithm_config(layout: Layout, settings: LearnerSettings) -> Any:
    """The ``SACAlgorithmConfig`` nearest to our settings."""
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
        policy_config=policy_config(layout, settings),
    )


def processors(layout: Layout, settings: LearnerSettings) -> tuple[Any, Any]:
    """lerobot's pre- and post-processor with the same ranges as in the configuration."""
    from lerobot.policies.gaussian_actor.processor_gaussian_actor import make_gaussian_actor_pre_post_processors

    config = policy_config(layout, settings)
    return make_gaussian_actor_pre_post_processors(config, dataset_stats=config.dataset_stats)
