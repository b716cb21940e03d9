"""ROS parameters out of settings dataclasses: declared once, described, refused when wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from hil_serl_ros.settings import SettingError, check, default_of, validate

S = TypeVar("S")
FIXED = "Read once, at the start: end the node and start it with another value."
NO_LIMIT_INTEGER = 2**62
NO_LIMIT = 1e300


def descriptor(field: dataclasses.Field) -> ParameterDescriptor:
    """What ``ros2 param describe`` says of one setting: description, unit, range, choices."""
    meta, default = field.metadata, default_of(field)
    text = meta["description"]
    if meta["unit"]:
        text += f" Unit: {meta['unit']}."
    if meta["choices"]:
        text += f" One of: {', '.join(meta['choices'])}."
    result = ParameterDescriptor(description=text, read_only=not meta["dynamic"])
    if result.read_only:
        result.additional_constraints = FIXED
    low, high = meta["minimum"], meta["maximum"]
    if low is None and high is None:
        return result
    if type(default) is float:
        span = FloatingPointRange(from_value=float(-NO_LIMIT if low is None else low))
        span.to_value = float(NO_LIMIT if high is None else high)
        result.floating_point_range = [span]
    elif type(default) is int:
        result.integer_range = [
            IntegerRange(
                from_value=int(-NO_LIMIT_INTEGER if low is None else low),
                to_value=int(NO_LIMIT_INTEGER if high is None else high),
                step=1,
            )
        ]
    return result


def declare(node: Node, kind: type[S]) -> S:
    """Declare each field of ``kind`` as a parameter of ``node`` and return the validated settings.

    Fields declared ``dynamic`` follow ``ros2 param set`` while the node runs; the returned object changes.

    Raises:
        SettingError: one sentence that names the parameter, its value and what it may be.
    """
    values = {}
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, field in fields.items():
        try:
            values[name] = _plain(node.declare_parameter(name, default_of(field), descriptor(field)).value)
        except (InvalidParameterTypeException, InvalidParameterValueException):
            values[name] = _declare_wrong(node, field)
    settings = validate(kind(**values))
    node.add_on_set_parameters_callback(lambda parameters: _on_set(settings, fields, parameters))
    return settings


def _plain(value: Any) -> Any:
    """A parameter's value without ROS's array types."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _declare_wrong(node: Node, field: dataclasses.Field) -> Any:
    """Declare what ROS refused: say what is wrong, or take a whole number for a number, as YAML does."""
    anything = ParameterDescriptor(dynamic_typing=True)
    value = _plain(node.declare_parameter(field.name, default_of(field), anything).value)
    check(field, value)
    node.undeclare_parameter(field.name)
    value = [float(item) for item in value] if isinstance(value, list) else float(value)
    return _plain(node.declare_parameter(field.name, value, descriptor(field), ignore_override=True).value)


def _on_set(settings: object, fields: dict[str, dataclasses.Field], parameters: list[Parameter]) -> SetParametersResult:
    try:
        for parameter in parameters:
            if parameter.name in fields:
                check(fields[parameter.name], _plain(parameter.value))
    except SettingError as error:
        return SetParametersResult(successful=False, reason=str(error))
    for parameter in parameters:
        if parameter.name in fields:
            setattr(settings, parameter.name, _plain(parameter.value))
    return SetParametersResult(successful=True)
