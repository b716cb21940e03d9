"""Operational-space control of the arm, equal in trajectory to gym_hil's ``opspace`` and several times faster."""

from __future__ import annotations

import math

import mujoco
import numpy as np

GAIN = 200.0  # 1/s^2, gym_hil's, of position and orientation
DAMPING = 2.0 * math.sqrt(GAIN)  # 1/s, critical
POSTURE_GAIN = 0.5  # 1/s^2, in the null space
POSTURE_DAMPING = 2.0 * math.sqrt(POSTURE_GAIN)  # 1/s, critical
SINGULAR = 1e-2  # determinant below which the task inertia is taken by pseudo-inverse, and its cut-off


class OperationalSpace:
    """Torques that pull a site to a pose (Khatib 1987) and the joints to a posture in the null space.

    It runs 50 times in a control step, so it is written for few calls: arrays are allocated once, views of
    MuJoCo's are kept, the small symmetric system is solved by MuJoCo's own Cholesky.

    Args:
        model: of the world.
        data: of the world; the controller keeps views of it.
        site: id of the controlled site.
        joints: number of the arm's joints, which are the model's first degrees of freedom and a chain.
        posture: joint positions to prefer, (joints,) rad.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, site: int, joints: int, posture: np.ndarray) -> None:
        n = joints
        self._model, self._data, self._site = model, data, site
        self._positions, self._velocities = data.qpos[:n], data.qvel[:n]
        self._bias, self._torques = data.qfrc_bias[:n], data.ctrl[:n]
        self._site_position, self._site_matrix = data.site_xpos[site], data.site_xmat[site]
        self._packed_inertia = data.qM
        # Where the arm's own block lies in MuJoCo's packed inertia: unpack the places instead of the values.
        places = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, places, np.arange(model.nM, dtype=np.float64))
        self._places = places[:n, :n].astype(np.intp)
        self._posture_pull = POSTURE_GAIN * np.asarray(posture, np.float64)
        jacobian = np.zeros((6, model.nv))
        self._jacobian_linear, self._jacobian_angular = jacobian[:3], jacobian[3:]
        self._jacobian, self._jacobian_transposed = jacobian[:, :n], jacobian[:, :n].T
        self._quaternion, self._difference = np.zeros(4), np.zeros(4)
        self._error = np.zeros(6)
        self._error_linear, self._error_angular = self._error[:3], self._error[3:]
        self._inertia, self._mapped = np.zeros((n, n)), np.zeros((6, n))
        self._task_inverse, self._factor = np.zeros((6, 6)), np.zeros((6, 6))
        self._diagonal = self._factor.reshape(-1)[::7]
        self._acceleration, self._damping, self._force = np.zeros(6), np.zeros(6), np.zeros(6)
        self._posture, self._scratch = np.zeros(n), np.zeros(n)

    def apply(self, position: np.ndarray, quaternion: np.ndarray) -> None:
        """Command the joint torques (joints,) N m into ``data.ctrl`` for a target pose of the site.

        Geometry and inertia are those of the last ``mj_step``, velocities those after it, as in gym_hil.

        Args:
            position: (3,) float64 m in the world frame.
            quaternion: (4,) float64 w x y z, of norm 1.
        """
        error, acceleration, posture, scratch = self._error, self._acceleration, self._posture, self._scratch
        jacobian, jacobian_transposed, velocities = self._jacobian, self._jacobian_transposed, self._velocities
        mujoco.mj_jacSite(self._model, self._data, self._jacobian_linear, self._jacobian_angular, self._site)

        # Error of the pose; `mju_quat2Vel` takes the short way round, whatever the sign of a quaternion.
        np.subtract(position, self._site_position, out=self._error_linear)
        current = self._quaternion
        mujoco.mju_mat2Quat(current, self._site_matrix)
        current[0] = -current[0]  # minus its inverse, the same rotation as its inverse
        mujoco.mju_mulQuat(self._difference, quaternion, current)
        mujoco.mju_quat2Vel(self._error_angular, self._difference, 1.0)
        np.multiply(error, GAIN, out=acceleration)
        np.dot(jacobian, velocities, out=self._damping)
        self._damping *= DAMPING
        acceleration -= self._damping

        np.multiply(self._positions, POSTURE_GAIN, out=scratch)
        np.subtract(self._posture_pull, scratch, out=posture)
        np.multiply(velocities, POSTURE_DAMPING, out=scratch)
        posture -= scratch

        # tau = J' A (a - J M^-1 p) + p + bias: the posture p acts only where it does not move the tool.
        self._packed_inertia.take(self._places, out=self._inertia, mode="clip")
        np.dot(jacobian, np.linalg.inv(self._inertia), out=self._mapped)
        np.dot(self._mapped, jacobian_transposed, out=self._task_inverse)
        acceleration -= self._mapped.dot(posture)
        np.dot(jacobian_transposed, self._task_force(acceleration), out=scratch)
        posture += scratch
        np.add(posture, self._bias, out=self._torques)

    def _task_force(self, acceleration: np.ndarray) -> np.ndarray:
        """Force and torque (6,) at the site for an acceleration (6,): the task inertia times it."""
        factor = self._factor
        factor[:] = self._task_inverse
        # Cholesky of a matrix that is symmetric and, away from singularities, positive definite.
        rank = mujoco.mju_cholFactor(factor, 1e-9)
        if rank == 6 and math.prod(self._diagonal.tolist()) ** 2 >= SINGULAR:
            mujoco.mju_cholSolve(self._force, factor, acceleration)
            return self._force
        return np.linalg.pinv(self._task_inverse, rcond=SINGULAR) @ acceleration
