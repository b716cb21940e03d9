"""A gamepad's axes and buttons as the operator's wishes, and back (for the scripted operator).

The layout is gym_hil's on an Xbox pad as the ROS ``joy`` package numbers it: RB held intervenes, left
stick x-y, right stick z, LT opens and RT closes the gripper, Y success, A failure, X again; B is the
emergency stop. The operator stands behind the robot: stick forward is +x, stick left is +y (REP-103).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN


@dataclass(frozen=True)
class Wish:
    """What the hands ask for: motion (6,) in [-1, 1] (x y z roll pitch yaw), gripper class, buttons held."""

    motion: np.ndarray
    gripper: int
    intervening: bool
    success: bool = False
    failure: bool = False
    again: bool = False
    stop: bool = False


@dataclass(frozen=True)
class JoyMapping:
    """Numbers of the axes and buttons, and the dead zone as a fraction of an axis' range."""

    x_axis: int = 1
    y_axis: int = 0
    z_axis: int = 4
    open_axis: int = 2
    close_axis: int = 5
    failure_button: int = 0
    stop_button: int = 1
    again_button: int = 2
    success_button: int = 3
    intervene_button: int = 5
    axes: int = 8
    buttons: int = 11
    deadzone: float = 0.05

    def read(self, axes: Sequence[float], buttons: Sequence[int]) -> Wish:
        """The wish in one ``sensor_msgs/Joy``.

        Raises:
            ValueError: fewer axes or buttons than the mapping needs, or a number that is not finite.
        """
        most_axis = max(self.x_axis, self.y_axis, self.z_axis, self.open_axis, self.close_axis)
        labels = (self.failure_button, self.again_button, self.success_button, self.stop_button)
        most_button = max(*labels, self.intervene_button)
        if len(axes) <= most_axis or len(buttons) <= most_button:
            raise ValueError(
                f"the joystick has {len(axes)} axes and {len(buttons)} buttons; "
                f"the mapping needs {most_axis + 1} and {most_button + 1}"
            )
        sticks = np.array([axes[self.x_axis], axes[self.y_axis], axes[self.z_axis]], np.float64)
        if not np.isfinite(sticks).all():
            raise ValueError(f"the joystick's axes are not finite: {list(axes)}")
        motion = np.zeros(6)
        beyond = np.maximum(np.minimum(np.abs(sticks), 1) - self.deadzone, 0) / (1 - self.deadzone)
        motion[:3] = np.sign(sticks) * beyond
        # Triggers rest at 1 and reach -1 when pressed; drivers say 0 before the first touch.
        closing, opening = axes[self.close_axis] < -0.5, axes[self.open_axis] < -0.5
        gripper = KEEP if closing == opening else (CLOSE if closing else OPEN)
        return Wish(
            motion,
            gripper,
            bool(buttons[self.intervene_button]),
            bool(buttons[self.success_button]),
            bool(buttons[self.failure_button]),
            bool(buttons[self.again_button]),
            bool(buttons[self.stop_button]),
        )

    def write(self, wish: Wish) -> tuple[list[float], list[int]]:
        """Axes and buttons that :meth:`read` turns into ``wish`` again, up to float32."""
        axes, buttons = [0.0] * self.axes, [0] * self.buttons
        axes[self.open_axis] = -1.0 if wish.gripper == OPEN else 1.0
        axes[self.close_axis] = -1.0 if wish.gripper == CLOSE else 1.0
        values = wish.motion[:3]
        pushed = np.where(values == 0, 0.0, np.sign(values) * (np.abs(values) * (1 - self.deadzone) + self.deadzone))
        for axis, value in zip((self.x_axis, self.y_axis, self.z_axis), pushed, strict=True):
            axes[axis] = float(value)
        buttons[self.intervene_button] = int(wish.intervening)
        buttons[self.success_button] = int(wish.success)
        buttons[self.failure_button] = int(wish.failure)
        buttons[self.again_button] = int(wish.again)
        buttons[self.stop_button] = int(wish.stop)
        return axes, buttons
