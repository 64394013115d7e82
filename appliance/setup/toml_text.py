"""Writes what ``tomllib`` reads: text, numbers, true and false, lists and tables of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(tree: Mapping[str, Any]) -> str:
    """``tree`` as TOML. Raises ValueError for what TOML cannot hold, such as None."""
    return "".join(f"{line}\n" for line in _table(tree, ())).lstrip("\n")


def _table(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in tree.items() if isinstance(value, Mapping)}
    plain = {key: value for key, value in tree.items() if key not in inner}
    if path and (plain or not inner):
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        yield from _table(value, (*path, key))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return _float(value)
        case str():
            return _string(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            pairs = (f"{_key(key)} = {_value(each)}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
    raise ValueError(f"TOML has no {type(value).__name__}.")


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _string(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("TOML has no halves of surrogate pairs.") from None
    # JSON escapes all that TOML wants escaped but DEL.
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
