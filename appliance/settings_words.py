"""What a setting expects, in words for the person who wrote the settings file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import inspect

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_MISSING = re.compile(r"Object missing required field `(.*)`", re.S)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.S)
_SHOWN = 40  # characters of a wrong value


def explain(problem: str, layer: Mapping[str, Any], settings: type, secret: frozenset[str]) -> str:
    """msgspec's "…problem… - at `$.cloud.url`" as "cloud.url: Expected …; found …."."""
    text, _, where = problem.rpartition(" - at `$")
    if not text:
        text, where = problem, ""
    key = where.rstrip("`").lstrip(".")
    kind, value = _look_up(inspect.type_info(settings), layer, key)
    if match := _UNKNOWN.fullmatch(text):
        words = _unknown(match.group(1), kind)
    elif match := _MISSING.fullmatch(text):
        words = f'A setting named "{match.group(1)}" is missing here.'
    elif kind is None:
        words = f"{text}."
    else:
        hidden = any(each == key or each.startswith(f"{key}.") for each in secret)
        found = "" if hidden else f"; found {_shown(value)}"
        words = f"Expected {expected(kind)}{found}."
    return f"{key}: {words}" if key else words


def expected(kind: inspect.Type) -> str:
    """A type of the settings in words."""
    match kind:
        case inspect.EnumType(cls=cls):
            words = _choice([member.value for member in cls])
        case inspect.LiteralType(values=values):
            words = _choice(sorted(str(value) for value in values if value != ""))
        case inspect.StrType():
            words = "text in quotes" + _bounds(
                kind.min_length, None, kind.max_length, " characters"
            )
        case inspect.IntType():
            words = "a whole number" + _bounds(kind.ge, kind.gt, kind.le)
        case inspect.FloatType():
            words = "a number" + _bounds(kind.ge, kind.gt, kind.le)
        case inspect.ListType(item_type=inspect.StructType()):
            words = "tables in double brackets, such as [[commands]]"
        case inspect.ListType(item_type=item):
            words = f"a list in brackets, each item {expected(item)}"
        case inspect.StructType():
            words = "a table of settings"
        case inspect.UnionType(types=types):
            parts = sorted((expected(part) for part in types), key=lambda one: one[0] != '"')
            words = " or ".join(parts)
        case _:
            words = type(kind).__name__.removesuffix("Type").lower()
    return words


def _choice(values: list[str]) -> str:
    quoted = [f'"{value}"' for value in values]
    return quoted[0] if len(quoted) == 1 else "one of " + ", ".join(quoted)


def _bounds(least: float | None, above: float | None, most: float | None, unit: str = "") -> str:
    low = f"at least {least:g}" if least is not None else ""
    low = f"greater than {above:g}" if above is not None else low
    high = f"at most {most:.10g}" if most is not None else ""
    words = " and ".join(word for word in (low, high) if word)
    return f" of {words}{unit}" if words and unit else f", {words}" if words else ""


def _unknown(name: str, kind: inspect.Type | None) -> str:
    words = f'There is no setting named "{name[:_SHOWN]}".'
    if isinstance(kind, inspect.StructType):
        names = [field.encode_name for field in kind.fields]
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            return f'{words} Did you mean "{near[0]}"?'
        return f"{words} Possible are {', '.join(names)}."
    return words


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _look_up(
    kind: inspect.Type, layer: object, key: str
) -> tuple[inspect.Type | None, object | None]:
    """The type that the settings have at ``key``, and the value that was found there."""
    found: inspect.Type | None = kind
    value: Any = layer
    for name, index in _STEP.findall(key):
        if index and isinstance(found, inspect.ListType):
            found, value = found.item_type, value[int(index)]
        elif isinstance(found, inspect.StructType):
            fields: dict[str, inspect.Field] = {one.encode_name: one for one in found.fields}
            found = fields[name].type if name in fields else None
            value = value.get(name) if isinstance(value, dict) else None
        else:
            return None, None
    return found, value
