"""Strict reading of JSON objects into dataclasses, and their JSON schema for the parent process.

A field's type gives its JSON type; `setting(...)` adds default, bounds and meaning. Keys are camelCase in JSON. Unknown
keys, wrong types and out-of-range values are refused with the key, the value and what would be accepted.
"""

import dataclasses
import re
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from .errors import TrainerError

T = TypeVar("T")

_JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", Path: "string"}


def setting(meaning: str, default: Any = dataclasses.MISSING, **rules: Any) -> Any:
    """A dataclass field. Rules: minimum, maximum (inclusive), pattern, choices."""
    metadata = {"meaning": meaning, **rules}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def parse(cls: type[T], raw: Any, where: str) -> T:
    """Raises TrainerError BAD_JOB; `where` is how the message names the object."""
    if not isinstance(raw, dict):
        raise _bad(f"Cannot read {where}: it is {_shown(raw)}, not an object", "Write one JSON object")
    fields = {camel(field.name): field for field in dataclasses.fields(cls)}
    for key in raw:
        if key not in fields:
            raise _bad(f'Cannot read {where}: key "{key}" is not known', f"Remove it or use one of {', '.join(fields)}")
    hints = typing.get_type_hints(cls)
    values = {}
    for key, field in fields.items():
        if key in raw:
            values[field.name] = _value(hints[field.name], field.metadata, raw[key], f'{where}: key "{key}"')
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _bad(f'Cannot read {where}: key "{key}" is missing', f"Add it: {field.metadata['meaning']}")
    return cls(**values)


def json_schema(cls: type) -> dict[str, Any]:
    """JSON schema (2020-12) of the objects that `parse` accepts."""
    hints = typing.get_type_hints(cls)
    properties, required = {}, []
    for field in dataclasses.fields(cls):
        property_schema = _type_schema(hints[field.name], field.metadata)
        property_schema["description"] = field.metadata["meaning"]
        if field.default is not dataclasses.MISSING:
            property_schema["default"] = field.default
        elif field.default_factory is dataclasses.MISSING:
            required.append(camel(field.name))
        properties[camel(field.name)] = property_schema
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _value(kind: Any, rules: Any, raw: Any, what: str) -> Any:
    inner, nullable = _without_none(kind)
    if raw is None and nullable:
        return None
    if typing.get_origin(inner) is list:
        if not isinstance(raw, list):
            raise _bad(f"Cannot read {what}: it is {_shown(raw)}, not a list", rules["meaning"])
        item = typing.get_args(inner)[0]
        return [_value(item, rules, entry, f"{what}, entry {index}") for index, entry in enumerate(raw)]
    if dataclasses.is_dataclass(inner):
        return parse(inner, raw, what)
    value = float(raw) if inner is float and type(raw) is int else raw
    expected = str if inner is Path else inner
    if type(value) is not expected:
        raise _bad(f"Cannot read {what}: it is {_shown(raw)}, not {_JSON_TYPES[inner]}", rules["meaning"])
    _check_rules(rules, value, what)
    return Path(value) if inner is Path else value


def _check_rules(rules: Any, value: Any, what: str) -> None:
    low, high = rules.get("minimum"), rules.get("maximum")
    # Written so that NaN, which compares false with everything, is refused.
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise _bad(
                f"Cannot read {what}: it is {_shown(value)}, outside {low} to {high if high is not None else 'any'}",
                f"Choose a value in range: {rules['meaning']}",
            )
    choices = rules.get("choices")
    if choices is not None and value not in choices:
        raise _bad(f"Cannot read {what}: it is {_shown(value)}", f"Choose one of {', '.join(map(str, choices))}")
    pattern = rules.get("pattern")
    if pattern is not None and re.fullmatch(pattern, value) is None:
        raise _bad(f"Cannot read {what}: it is {_shown(value)}", f"Use text that matches {pattern}")


def _type_schema(kind: Any, rules: Any) -> dict[str, Any]:
    inner, nullable = _without_none(kind)
    if typing.get_origin(inner) is list:
        made: dict[str, Any] = {"type": "array", "items": _type_schema(typing.get_args(inner)[0], rules)}
    elif dataclasses.is_dataclass(inner):
        made = json_schema(inner)
    else:
        made = {"type": _JSON_TYPES[inner]}
        made |= {name: rules[name] for name in ("minimum", "maximum", "pattern") if name in rules}
        if "choices" in rules:
            made["enum"] = list(rules["choices"])
    return {"anyOf": [made, {"type": "null"}]} if nullable else made


def _without_none(kind: Any) -> tuple[Any, bool]:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        return members[0], True
    return kind, False


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _shown(raw: Any) -> str:
    text = f'"{raw}"' if isinstance(raw, str) else str(raw)
    return text if len(text) <= 80 else text[:77] + "..."


def _bad(message: str, hint: str) -> TrainerError:
    return TrainerError("BAD_JOB", message, hint)
