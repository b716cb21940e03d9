"""Operational-space control of the arm, equal in trajectory to gym_hil's ``opspace`` and several times faster."""

from __future__ import annotations

import mujoco
import numpy as np

POSITION_GAIN = 200.0  # 1/s^2, gym_hil's
ORIENTATION_GAIN = 200.0  # 1/s^2
POSTURE_GAIN = 0.5  # 1/s^2, in the null space
SINGULAR = 1e-2  # determinant below which the task inertia is taken by pseudo-inverse


class OperationalSpace:
    """Torques that pull a site to a pose (Khatib 1987) and the joints to a posture in the null space.

    Arrays are allocated once; MuJoCo's own functions do the geometry.

    Args:
        model: of the world.
        site: id of the controlled site.
        joints: number of the arm's joints, which are the model's first degrees of freedom.
        posture: joint positions to prefer, rad.
    """

    def __init__(self, model: mujoco.MjModel, site: int, joints: int, posture: np.ndarray) -> None:
        self._model = model
        self._site = site
        self._n = joints
        self._posture = np.asarray(posture, np.float64)
        self._jacobian = np.zeros((6, model.nv))
        self._inertia = np.zeros((model.nv, model.nv))
        self._quaternion = np.zeros(4)
        self._conjugate = np.zeros(4)
        self._difference = np.zeros(4)
        self._acceleration = np.zeros(6)
        self._rotation = np.zeros(3)

    def torques(self, data: mujoco.MjData, position: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
        """Joint torques (n,) in N m for a target position (3,) in m and unit quaternion (4,) w x y z."""
        n, full = self._n, self._jacobian
        mujoco.mj_jacSite(self._model, data, full[:3], full[3:], self._site)
        jacobian = full[:, :n]
        velocity = data.qvel[:n]
        # gym_hil reads the velocity after the step and the geometry before it; so do we.
        twist = jacobian @ velocity
        acceleration = self._acceleration
        acceleration[:3] = POSITION_GAIN * (position - data.site_xpos[self._site])
        mujoco.mju_mat2Quat(self._quaternion, data.site_xmat[self._site])
        if self._quaternion @ quaternion < 0:
            self._quaternion *= -1.0
        mujoco.mju_negQuat(self._conjugate, quaternion)
        mujoco.mju_mulQuat(self._difference, self._quaternion, self._conjugate)
        mujoco.mju_quat2Vel(self._rotation, self._difference, 1.0)
        acceleration[3:] = -ORIENTATION_GAIN * self._rotation
        # Critical damping: twice the root of the gain.
        acceleration[:3] -= 2 * np.sqrt(POSITION_GAIN) * twist[:3]
        acceleration[3:] -= 2 * np.sqrt(ORIENTATION_GAIN) * twist[3:]

        mujoco.mj_fullM(self._model, self._inertia, data.qM)
        inverse = np.linalg.inv(self._inertia[:n, :n])
        mapped = jacobian @ inverse
        task_inverse = mapped @ jacobian.T
        if abs(np.linalg.det(task_inverse)) >= SINGULAR:
            task_inertia = np.linalg.inv(task_inverse)
        else:
            task_inertia = np.linalg.pinv(task_inverse, rcond=SINGULAR)
        posture = POSTURE_GAIN * (self._posture - data.qpos[:n]) - 2 * np.sqrt(POSTURE_GAIN) * velocity
        # tau = J' A (a - J M^-1 p) + p: the posture p acts only where it does not move the tool.
        force = task_inertia @ (acceleration - mapped @ posture)
        return jacobian.T @ force + posture + data.qfrc_bias[:n]
