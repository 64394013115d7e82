"""Empties a text in a TOML file and leaves every other byte as it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

_BOM = b"\xef\xbb\xbf"
_EMPTY = '""'
_COMMENT_OR_STRING = re.compile(
    r"""
      \#[^\n]*
    | \"\"\"(?:[^\\]|\\.)*?\"{3,5}
    | '''.*?'{3,5}
    | "(?:[^"\\\n]|\\.)*"
    | '[^'\n]*'
    """,
    re.DOTALL | re.VERBOSE,
)


def wiped(data: bytes, keys: Sequence[str]) -> bytes:
    """``data`` with the texts at the dotted ``keys`` empty; those that are none stay.

    Raises ValueError when it is no TOML.
    """
    bom = _BOM if data.startswith(_BOM) else b""
    text = data.removeprefix(bom).decode()
    for key in keys:
        text = _without(text, key.split("."))
    return bom + text.encode()


def _without(text: str, path: list[str]) -> str:
    tree = tomllib.loads(text)
    table: Any = tree
    for name in path[:-1]:
        table = table.get(name) if isinstance(table, dict) else None
    secret = table.get(path[-1]) if isinstance(table, dict) else None
    if not isinstance(secret, str) or not secret:
        return text
    table[path[-1]] = ""
    # Whatever way the key is written: the right string is the one whose loss has this result.
    for start, end in _strings(text, secret):
        candidate = f"{text[:start]}{_EMPTY}{text[end:]}"
        if repr(_parsed(candidate)) == repr(tree):
            return candidate
    raise ValueError(f"The text at {'.'.join(path)} is not found.")


def _strings(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Where the strings stand that say ``wanted``."""
    for match in _COMMENT_OR_STRING.finditer(text):
        token = match.group()
        if not token.startswith("#") and _parsed(f"x = {token}") == {"x": wanted}:
            yield match.span()


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
