"""Typed values from YAML, strictly: an unknown key or a value of another type is named."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from vary.errors import InputError, VaryError


def read_fields(path: Path) -> dict[str, Any]:
    """Return the plain keys and values of a recipe's YAML file.

    Raises:
        InputError: no such file, no YAML, or no keys and values.
    """
    if not path.is_file():
        raise InputError(f"no recipe {path}; recipes/ of the project holds some")
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(fields, dict):
        raise InputError(f"{path} holds no recipe: expected keys and values")
    return fields


def apply_overrides(fields: dict[str, Any], overrides: Sequence[str]) -> None:
    """Write `key=value` changes into a recipe's fields: dots between keys, values in YAML.

    Raises:
        VaryError: one that is not of this form, or whose place does not exist.
    """
    for override in overrides:
        key, sign, value = override.partition("=")
        if not sign:
            raise VaryError(f"{override!r} is no override; write key=value")
        try:
            set_at(fields, key.split("."), yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise VaryError(f"the value of {override!r} is not YAML: {error}") from error


def set_at(fields: Any, keys: list[str], value: Any) -> None:
    """Write a value at a path of keys; a list's members are found by their name or number."""
    key = keys[0]
    if isinstance(fields, list):
        names = [
            str(part.get("name", place)) if isinstance(part, dict) else str(place)
            for place, part in enumerate(fields)
        ]
        if key not in names:
            raise VaryError(f"no {key!r} here; there are {', '.join(names)}")
        place: Any = names.index(key)
    elif not isinstance(fields, dict):
        raise VaryError(f"{key!r} cannot be set in {fields!r}, which holds no keys")
    else:
        place = key
        fields.setdefault(place, {})
    if len(keys) == 1:
        fields[place] = value
    else:
        set_at(fields[place], keys[1:], value)


def build_value(kind: Any, value: Any, where: str) -> Any:
    """Return a value of the wanted type, made from YAML's plain values.

    Args:
        kind: a dataclass, a plain type, or a tuple, dict, literal or optional of such.
        value: as YAML gives it.
        where: its place in the recipe, for messages.

    Raises:
        VaryError: an unknown key (the nearest is named), or a value of another type.
    """
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(typing.cast("type[Any]", kind), value, where)
    parts = typing.get_args(kind)
    if parts:
        return _COMPOUND[typing.get_origin(kind)](parts, value, where)
    if kind is float:
        return _build_float(value, where)
    if kind is Path and isinstance(value, str):
        return Path(value)
    is_no_int = kind is int and isinstance(value, bool)
    if kind is not Any and (is_no_int or not isinstance(value, kind)):
        raise VaryError(f"{where} must be {kind.__name__}, got {value!r}")
    return value


def _build_float(value: Any, where: str) -> float:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise VaryError(f"{where} must be float, got {value!r}")
    try:
        return float(value)  # YAML takes 1e-3 for a string
    except ValueError:
        raise VaryError(f"{where} must be a number, got {value!r}") from None


def _build_literal(allowed: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in allowed:
        raise VaryError(f"{where} must be one of {', '.join(map(str, allowed))}, got {value!r}")
    return value


def _build_optional(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    return None if value is None else build_value(kinds[0], value, where)


def _build_dict(kinds: tuple[Any, ...], value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise VaryError(f"{where} must be dict, got {value!r}")
    return {str(key): build_value(kinds[1], part, f"{where}.{key}") for key, part in value.items()}


def _build_tuple(members: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise VaryError(f"{where} must be a list, got {value!r}")
    kinds = [members[0]] * len(value) if members[-1] is Ellipsis else list(members)
    if len(kinds) != len(value):
        raise VaryError(f"{where} must be a list of {len(kinds)}, got {value!r}")
    parts = enumerate(zip(kinds, value, strict=True))
    return tuple(build_value(kind, part, f"{where}[{place}]") for place, (kind, part) in parts)


def check_keys(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse unknown keys.

    Raises:
        VaryError: a key that is not known; the nearest is named.
    """
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
            raise VaryError(f"{where} has no key {key!r}; {hint}")


def _build_dataclass(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise VaryError(f"{where} must hold keys and values, got {value!r}")
    hints = typing.get_type_hints(kind)
    check_keys(value, hints, where)
    missing = [
        part.name
        for part in dataclasses.fields(kind)
        if part.name not in value
        and part.default is dataclasses.MISSING
        and part.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise VaryError(f"{where} lacks {', '.join(missing)}")
    built = {key: build_value(hints[key], part, f"{where}.{key}") for key, part in value.items()}
    return kind(**built)


_COMPOUND: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    tuple: _build_tuple,
    dict: _build_dict,
    Literal: _build_literal,
    types.UnionType: _build_optional,
}
