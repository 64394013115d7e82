"""Takes secrets out of log lines before anybody downloads them. Pure.

Three nets, one behind the other: the device's own secrets wherever they stand; whatever is
written as the value of a name that sounds secret; and what looks like a key by itself. A line
too much lost is better than one too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

GONE: Final = "(removed)"
SHORTEST: Final = 4  # characters of a secret of our own that is looked for

_PEM = re.compile(r"-----BEGIN [A-Z ]*KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.DOTALL)
_CUT_PEM = re.compile(r"\A.*-----END [A-Z ]*KEY-----", re.DOTALL)  # begun before the log begins
_NAMES = (
    r"pin|pwd|pass(?:word|wd|phrase)?(?:[_-]?hash)?|psk|wpa[_-]?psk|secret|token|signature|policy|"
    r"credentials?|sign|sig|x-amz-[a-z-]+|aws_?access_?key_?id|(?:x-)?api[_-]?key|"
    r"private[_ -]?key|(?:live|feed)[_-]?key|csrf(?:[_-]token)?|x-csrf|session(?:[_-]?id)?|"
    r"challenge|sid|key"
)
# name = value, name: value, "name": "value", name='value', b'name': b'value'
_VALUE = re.compile(
    rf"""(?<![A-Za-z0-9])(?P<name>[A-Za-z0-9_.-]{{0,40}}?(?<![A-Za-z])(?:{_NAMES}))
    (?P<gap>\\?["']?\s*(?:=>|[=:])\s*b?)
    (?P<value>\\?"(?:[^"\\]|\\.)*(?:"|$)|\\?'(?:[^'\\]|\\.)*(?:'|$)|[^\s,;&}}\])]+)""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
# Passwords may hold spaces; without quotes nobody knows where one ends.
_TO_THE_END = re.compile(
    r"(?<![A-Za-z0-9])((?:[A-Za-z0-9]+[_.-])*(?:pass(?:word|wd|phrase)|psk|pin)\s*[=:]\s*)(?![\s\"'])[^\n]+",
    re.IGNORECASE,
)
_HEADERS = re.compile(
    r"((?:set-)?cookie|authorization|proxy-authorization)(\"?\s*[:=]\s*).*", re.IGNORECASE
)
_USER = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY = re.compile(r"((?:https?|wss?)://[^\s\"'<>?#]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_LONG = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/]{60,}={0,2}")
_EMAIL = re.compile(r"([\w%+-])[\w.%+-]*@([\w-]+(?:\.[\w-]+)+)")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text``, one line or many, without secrets; ``secrets`` are those of this device."""
    text = _CUT_PEM.sub(GONE, _PEM.sub(GONE, text))
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = _wherever(secret).sub(GONE, text)
    text = _HEADERS.sub(rf"\1\2{GONE}", text)
    text = _USER.sub(f"{GONE}@", text)
    text = _QUERY.sub(rf"\1?{GONE}", text)
    text = _TO_THE_END.sub(rf"\1{GONE}", text)
    text = _VALUE.sub(rf"\g<name>\g<gap>{GONE}", text)
    text = _LONG.sub(GONE, text)
    return _EMAIL.sub(r"\1…@\2", text)


def _wherever(secret: str) -> re.Pattern[str]:
    """The secret as it stands, and as JSON, Python and addresses write it.

    Short ones are often part of a number: they count where they stand alone.
    """
    forms = {secret, secret.replace("\\", "\\\\").replace('"', '\\"'), _percent(secret)}
    either = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    if len(secret) < 8:
        return re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])")
    return re.compile(either)


def _percent(secret: str) -> str:
    return "".join(
        c if c.isascii() and (c.isalnum() or c in "-._~") else _escaped(c) for c in secret
    )


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
