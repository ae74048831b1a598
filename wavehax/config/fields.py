"""Reads fields of a configuration from plain values, and checks them; errors name their field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")


class ConfigError(ValueError):
    """A configuration that describes no model.

    The message names the field, its value and the expectation.
    """


def check_sizes(config: Any, *names: str) -> None:
    """Raise ConfigError unless these fields are positive and fit into the engine's int."""
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or not 0 < value < 2**31:
            raise ConfigError(f"{name}={repr(value)[:40]}: expected a positive integer below 2**31")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f"{name}={repr(value)[:40]}: expected one of {', '.join(choices)}")


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raise ConfigError unless `value` is an integer, `least` or more."""
    if type(value) is not int or not least <= value < 2**31:
        raise ConfigError(f"{name}={repr(value)[:40]}: expected an integer of at least {least}")


def check_number(
    name: str,
    value: Any,
    *,
    positive: bool = False,
    below: float = math.inf,
    most: float = math.inf,
) -> None:
    """Raise ConfigError unless `value` is finite, 0 <= value < `below` and value <= `most`.

    With `positive` it must also be more than 0.
    """
    number = (
        type(value) in (int, float)
        and math.isfinite(value)
        and 0 <= value < below
        and value <= most
    )
    if not number or (positive and value == 0):
        least = "more than 0" if positive else "0 or more"
        limit = (
            f" and below {below:g}"
            if below < math.inf
            else f" and at most {most:g}"
            if most < math.inf
            else ""
        )
        raise ConfigError(f"{name}={repr(value)[:40]}: expected a number, {least}{limit}")


def from_dict(cls: type[C], values: Mapping[str, Any]) -> C:
    """Build the dataclass `cls` from a mapping of its fields, such as parsed JSON.

    Raises:
        ConfigError: an unknown or missing field, or a value of another type; the message names it.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{cls.__name__}: expected a mapping of fields, got {type(values).__name__}"
        )
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name in values:
        if name not in fields:
            raise ConfigError(
                f"{cls.__name__}: unknown field {name!r}; expected one of {', '.join(fields)}"
            )
    for name, field in fields.items():
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and name not in values:
            raise ConfigError(f"{cls.__name__}: missing field {name!r}")
    return cls(
        **{name: _typed(cls.__name__, fields[name], value) for name, value in values.items()}
    )


def to_dict(config: Any) -> dict[str, Any]:
    """The fields of a configuration as plain JSON types; `from_dict` reads them back.

    A field whose metadata has `omit_default` is left out where it has its default.
    """
    values = {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}
    return {
        f.name: values[f.name]
        for f in dataclasses.fields(config)
        if not (f.metadata.get("omit_default") and values[f.name] == _plain(f.default))
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _typed(owner: str, field: Any, value: Any) -> Any:
    """`value` in the declared type of the field; only int to float and list to tuple convert."""
    declared = str(field.type)
    if declared == "float" and type(value) is int:
        return float(value)
    if declared.startswith("tuple") and isinstance(value, (list, tuple)):
        return tuple(value)
    expected = {"int": int, "float": float, "str": str, "bool": bool}.get(declared)
    if expected is not None and type(value) is not expected:
        raise ConfigError(f"{owner}.{field.name}={value!r}: expected {declared}")
    return value
