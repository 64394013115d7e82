"""Messages as the local cloud remembers them: without secrets and of bounded size."""

from __future__ import annotations

from typing import Any

SECRETS = frozenset({"pin", "signature", "private", "privatekey"})
HIDDEN = "(hidden)"
_LONGEST_TEXT = 4000
_MOST_ITEMS = 200
_DEEPEST = 6
_EXACT = 2**53  # larger whole numbers are not exact in JSON readers


def safe(event: str, payload: object) -> Any:
    """A copy of ``payload`` that may be shown and kept.

    The PIN, signatures, private keys and the signed form fields of an upload are hidden, long
    texts and lists cut.
    """
    if event == "getUrlResponse" and isinstance(payload, dict) and "fields" in payload:
        payload = {**payload, "fields": HIDDEN}
    return _copy(payload, 0)


def _copy(value: object, depth: int) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        pairs = list(value.items())[:_MOST_ITEMS]
        return {
            _name(key): HIDDEN if _name(key).lower() in SECRETS else _copy(item, depth + 1)
            for key, item in pairs
        }
    if isinstance(value, list | tuple):
        return [_copy(item, depth + 1) for item in value[:_MOST_ITEMS]]
    return _leaf(value)


def _leaf(value: object) -> Any:
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else "(a huge number)"
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    text = str(value)[: _LONGEST_TEXT + 1].encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _name(key: object) -> str:
    return str(key)[:100].encode("utf-8", "replace").decode()
