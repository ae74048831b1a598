"""Fields of a configuration: read from plain values and checked, each error naming its field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar

C = TypeVar("C")


class ConfigError(ValueError):
    """A configuration that names no model; the message names the field, its value and what was
    expected."""


def check_sizes(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or not 0 < value < 2**31:  # the engine's int
            raise ConfigError(f"{name}={repr(value)[:40]}: expected a positive integer below 2**31")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name}={repr(value)[:40]}: expected one of {', '.join(choices)}")


def check_count(name: str, value: Any, least: int = 1) -> None:
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
    """Finite, 0 <= value < below, value <= most; with `positive` more than 0."""
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
    """Build the dataclass `cls` from a mapping such as parsed JSON.

    Raises:
        ConfigError: an unknown or missing field, or a value of another type; the message names it.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{cls.__name__}: expected a mapping of fields, got {type(values).__name__}"
        )
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
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
    """The fields of a configuration as plain JSON types; `from_dict` reads them back."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _typed(owner: str, field: Any, value: Any) -> Any:
    """`value` as the field's declared type; only int to float and list to tuple are converted."""
    declared = str(field.type)
    if declared == "float" and type(value) is int:
        return float(value)
    if declared.startswith("tuple") and isinstance(value, (list, tuple)):
        return tuple(value)
    expected = {"int": int, "float": float, "str": str, "bool": bool}.get(declared)
    if expected is not None and type(value) is not expected:
        raise ConfigError(f"{owner}.{field.name}={value!r}: expected {declared}")
    return value
