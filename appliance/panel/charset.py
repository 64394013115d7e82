"""Unicode text as cells of an HD44780, for its two usual ROMs: A00 (Japanese), A02 (European).

What the ROM has is taken from it, usual accents are drawn, other letters become their Latin
neighbours, and what nobody could draw in 5 x 8 dots becomes one small box a grapheme.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final, Literal, TypeAlias

from appliance.panel.glyphs import (
    ICONS,
    SIGNS,
    UNKNOWN,
    Cell,
    accented,
    bar_cell,
    mark,
)
from appliance.panel.screen import Icon

Rom: TypeAlias = Literal["A00", "A02"]

SPACE: Final = 0x20
_BLOCK: Final = 0xFF  # of A00

# Greek and Cyrillic stand in the ROMs in part only: whole words read better spelled in Latin.
_A00_SIGNS: Final = {
    "¥": 0x5C, "→": 0x7E, "←": 0x7F, "▸": 0x7E, "◂": 0x7F, "°": 0xDF, "·": 0xA5, "•": 0xA5,
    "ä": 0xE1, "µ": 0xE4, "√": 0xE8, "¢": 0xEC, "ñ": 0xEE, "ö": 0xEF, "∞": 0xF3,
    "Ω": 0xF4, "ü": 0xF5, "÷": 0xFD, "█": _BLOCK,
}  # fmt: skip
_A02_SIGNS: Final = {
    "▶": 0x10, "▸": 0x10, "◀": 0x11, "◂": 0x11, "“": 0x12, "”": 0x13, "●": 0x16, "↵": 0x17,
    "↑": 0x18, "↓": 0x19, "→": 0x1A, "←": 0x1B, "≤": 0x1C, "≥": 0x1D, "▴": 0x1E, "▾": 0x1F,
    "Ω": 0x9A, "∞": 0x9C, "ƒ": 0xA8, "‘": 0xAF, "•": 0xB7,
}  # fmt: skip
_A02_NOT_LATIN1: Final = frozenset({0xA8, 0xAC, 0xAD, 0xAF, 0xB4, 0xB8})
_KANA: Final = {
    unicodedata.normalize("NFKC", chr(0xFF61 + index)): 0xA1 + index for index in range(63)
}
_VOICED: Final = {"\u3099": 0xDE, "\u309a": 0xDF}

_SPELLED: Final = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
    "ħ": "h", "Ħ": "H", "ı": "i", "ŧ": "t", "Ŧ": "T", "ŋ": "ng", "Ŋ": "NG", "ĸ": "k", "ſ": "s",
    "ə": "e", "Ə": "E", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "―": "-", "−": "-",
    "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": "<",
    "›": ">", "…": "...", "×": "x", "⁄": "/", "•": "*", "·": "-", "°": "o", "¿": "?", "¡": "!",
    "≤": "<=", "≥": ">=", "≈": "~", "≠": "/=", "©": "(c)", "®": "(R)", "¦": "|", "£": "GBP",
    "▶": ">", "◀": "<", "●": "*", "↵": "OK",
}  # fmt: skip
_CYRILLIC: Final = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z",
    "и": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch",
    "ъ": "'", "ы": "y", "ь": "'", "э": "e", "ю": "yu", "я": "ya", "і": "i", "ї": "yi",
    "є": "ye", "ґ": "g",
}  # fmt: skip
_GREEK: Final = {
    "α": "a", "β": "b", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_JOINER: Final = "\u200d"


class Charset:
    """What one ROM can show."""

    def __init__(self, rom: Rom) -> None:
        self._codes = _a00() if rom == "A00" else _a02()
        self._looks = {code: char for char, code in reversed(self._codes.items())}
        self.full: int | None = _BLOCK if rom == "A00" else None
        self.cursor = self._mark("▸")
        self.left = self._codes["←"]
        self.right = self._codes["→"]
        self.above: Cell = mark("▴", ord("^"))
        self.below: Cell = mark("▾", ord("v"))
        self.both: Cell = mark("⬍", ord("|"))

    def cells(self, text: str) -> tuple[Cell, ...]:
        """``text`` as cells; white space of any kind is one blank."""
        words = unicodedata.normalize("NFC", text).split()
        found: list[Cell] = []
        for word in words:
            if found and found[-1] != SPACE:
                found.append(SPACE)
            for cluster in graphemes(word):
                found.extend(self._grapheme(cluster))
        if found and found[-1] == SPACE:
            found.pop()
        return tuple(found)

    def icon(self, icon: Icon) -> Cell:
        """The sign."""
        return ICONS[icon]

    def bar(self, filled: int, *, first: bool, last: bool) -> Cell:
        """One cell of a bar: ``glyphs.bar_cell`` for this ROM."""
        return bar_cell(filled, first=first, last=last, full=self.full)

    def text(self, code: int) -> str:
        """What a code of the ROM looks like, as one Unicode character."""
        return self._looks.get(code, UNKNOWN)

    def _mark(self, char: str) -> Cell:
        return mark(char, self._codes[char])

    def _grapheme(self, cluster: str) -> tuple[Cell, ...]:
        base = cluster[0]
        if len(cluster) == 1:
            return self._character(base)
        if cluster[1] in _VOICED and base in _KANA and base in self._codes:
            return (self._codes[base], _VOICED[cluster[1]])
        known = base.isascii() or unicodedata.category(base)[0] in "LC"
        return self._character(base) if known and _JOINER not in cluster else self._unknown()

    def _character(self, char: str) -> tuple[Cell, ...]:
        """One character of NFC, or of what NFC left over."""
        if (code := self._codes.get(char)) is not None:
            return (code,)
        if char in SIGNS:
            return (SIGNS[char],)
        parts = unicodedata.normalize("NFKD", char)
        if len(parts) == 2 and (glyph := accented(char, *parts)) is not None:
            return (glyph,)
        if (spelled := _spelled(char)) is not None:
            return tuple(cell for each in spelled for cell in self._character(each))
        if unicodedata.category(char) in ("Cc", "Cf", "Mn", "Me"):
            return ()
        return self._parts(char, parts)

    def _parts(self, char: str, parts: str) -> tuple[Cell, ...]:
        """A character by what it is made of: a base with an accent, a ligature, a fraction."""
        if parts[0] in _KANA and parts[0] in self._codes:
            voiced = [_VOICED[part] for part in parts[1:] if part in _VOICED]
            return (self._codes[parts[0]], *voiced)
        plain = [part for part in parts if unicodedata.category(part) != "Mn"]
        if not plain or parts == char:
            return self._unknown()
        found = [self._character(part) for part in plain if not part.isspace()]
        unknown = self._unknown()
        return unknown if unknown in found else tuple(cell for each in found for cell in each)

    def _unknown(self) -> tuple[Cell, ...]:
        return (SIGNS[UNKNOWN],)


@cache
def charset(rom: Rom) -> Charset:
    """The character set of this ROM."""
    return Charset(rom)


def graphemes(word: str) -> Iterator[str]:
    """What a reader sees as one character each; near enough to Unicode's annex 29."""
    cluster = ""
    for char in word:
        if cluster and not _joins(cluster, char):
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _joins(cluster: str, char: str) -> bool:
    if char == _JOINER or cluster.endswith(_JOINER):
        return True
    if unicodedata.category(char) in ("Mn", "Me", "Mc"):
        return True
    if 0x1F3FB <= ord(char) <= 0x1F3FF or 0xE0020 <= ord(char) <= 0xE007F:  # skin tones, tags
        return True
    return len(cluster) == 1 and _regional(cluster) and _regional(char)  # a flag


def _regional(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


def _spelled(char: str) -> str | None:
    """The Latin spelling of a letter or sign, in its case."""
    if (spelled := _SPELLED.get(char)) is not None:
        return spelled
    small = char.lower()
    latin = _CYRILLIC.get(small, _GREEK.get(small))
    return latin.capitalize() if latin is not None and small != char else latin


def _a00() -> dict[str, int]:
    ascii_part = {chr(code): code for code in range(SPACE, 0x7E) if chr(code) != "\\"}
    return ascii_part | _A00_SIGNS | {char: code for char, code in _KANA.items() if char != "・"}


def _a02() -> dict[str, int]:
    latin = {chr(code): code for code in range(0xA1, 0x100) if code not in _A02_NOT_LATIN1}
    return {chr(code): code for code in range(SPACE, 0x7F)} | latin | _A02_SIGNS
