"""The simulated front panel drawn with characters for a terminal. Pure."""

from __future__ import annotations

import io
import unicodedata
from typing import TYPE_CHECKING

from appliance.panel.keys import Key
from appliance.sim.panel_wire import Seen

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN = "  "
AROUND = 7  # lines of title, frame, keys and help
HELP = "arrows  Enter OK  h home (left held)  d door  q quit"
SIGNS = {Key.UP: "▲", Key.DOWN: "▼", Key.LEFT: "◀", Key.RIGHT: "▶", Key.OK: "OK"}
LEGIBLE = 0.6  # of the display's pixels in a row
HALVES = " ▀▄█"  # by the upper pixel (1) and the lower one (2)
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell, by row
BOLD, INVERSE, FAINT, PLAIN = "\x1b[1m", "\x1b[7m", "\x1b[2m", "\x1b[0m"


def draw(seen: Seen | None, columns: int, lines: int) -> list[str]:
    """The panel in at most ``lines`` lines of ``columns`` cells, with escape codes for style."""
    if seen is None:
        body = ["The front panel is not there. Waiting for it …"]
    else:
        body = [*_framed(_display(seen, columns - len(MARGIN) - 2, lines - AROUND)), ""]
        body.append("   ".join((_keys(seen), *_door(seen))))
    words = _enlarge(seen, columns, lines) if seen is not None else ""
    shown = [f"{BOLD}Front panel{PLAIN}", *body, "", _cut(words or HELP, columns - len(MARGIN))]
    return [MARGIN + line for line in shown][:lines]


def _enlarge(seen: Seen, columns: int, lines: int) -> str:
    """What the terminal lacks, so that every pixel is seen."""
    needed = (seen.width + 1) // 2 + len(MARGIN) + 2, (seen.height + 3) // 4 + AROUND
    if seen.rows or (columns >= needed[0] and lines >= needed[1]):
        return ""
    return f"{HELP}  (every pixel: {needed[0]} x {needed[1]})"


def _cut(text: str, columns: int) -> str:
    return f"{FAINT}{text[: max(columns, 0)]}{PLAIN}"


def _keys(seen: Seen) -> str:
    return " ".join(
        f"{INVERSE}{sign}{PLAIN}" if key in seen.keys else sign for key, sign in SIGNS.items()
    )


def _door(seen: Seen) -> list[str]:
    if seen.door_open is None:
        return []
    return [f"{BOLD}Door open{PLAIN}" if seen.door_open else "Door closed"]


def _framed(inside: list[tuple[str, int]]) -> list[str]:
    """A frame around lines that are so many cells wide."""
    width = max((cells for _, cells in inside), default=0)
    middle = [f"│{text}{' ' * (width - cells)}│" for text, cells in inside]
    return [f"╭{'─' * width}╮", *middle, f"╰{'─' * width}╯"]


def _display(seen: Seen, columns: int, lines: int) -> list[tuple[str, int]]:
    if not seen.rows:
        return picture(seen.png, max(columns, 1), max(lines, 1))
    rows = [_plain(row)[: max(columns, 0)] for row in seen.rows[: max(lines, 0)]]
    return [(row, len(row)) for row in rows]


def _plain(row: str) -> str:
    """Every character one cell wide."""
    return "".join(one if _one_cell(one) else "?" for one in row)


def _one_cell(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in ("W", "F")
    return character.isprintable() and not wide and not unicodedata.combining(character)


def picture(png: bytes, columns: int, lines: int) -> list[tuple[str, int]]:
    """A PNG in so many cells: half blocks where they fit, else braille, which has no colours.

    Where nobody could read even that, colours tell more. Each line comes with its width in
    cells.
    """
    from PIL import Image  # noqa: PLC0415  # only the terminal needs it

    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    if image.getcolors(2) is None:
        scale = min(2 * columns / image.width, 4 * lines / image.height)
        whole = image.width <= columns and image.height <= 2 * lines
        if whole or scale < LEGIBLE:
            return _coloured(_fitted(image, columns, 2 * lines))
    elif image.width <= columns and image.height <= 2 * lines:
        return _halves(_lit(image))
    return _braille(_lit(_fitted(image, 2 * columns, 4 * lines)))


def _fitted(image: Image, width: int, height: int) -> Image:
    """Made smaller where it is too large, in proportion."""
    factor = min(width / image.width, height / image.height, 1.0)
    if factor == 1.0:
        return image
    size = max(1, int(image.width * factor)), max(1, int(image.height * factor))
    from PIL import Image as module  # noqa: PLC0415

    return image.resize(size, module.Resampling.BOX)


def _lit(image: Image) -> list[list[bool]]:
    """Which pixels shine, by row and column."""
    values = image.convert("L").tobytes()
    threshold = (min(values) + max(values)) / 2 if min(values) != max(values) else 64
    lit = [value > threshold for value in values]
    return [lit[start : start + image.width] for start in range(0, len(lit), image.width)]


def _at(lit: list[list[bool]], row: int, column: int) -> bool:
    return row < len(lit) and column < len(lit[row]) and lit[row][column]


def _halves(lit: list[list[bool]]) -> list[tuple[str, int]]:
    width = len(lit[0])
    return [
        ("".join(HALVES[_at(lit, row, x) + 2 * _at(lit, row + 1, x)] for x in range(width)), width)
        for row in range(0, len(lit), 2)
    ]


def _braille(lit: list[list[bool]]) -> list[tuple[str, int]]:
    width = (len(lit[0]) + 1) // 2
    return [
        ("".join(_cell(lit, row, 2 * cell) for cell in range(width)), width)
        for row in range(0, len(lit), 4)
    ]


def _cell(lit: list[list[bool]], row: int, column: int) -> str:
    dots = sum(
        dot
        for down, pair in enumerate(DOTS)
        for right, dot in enumerate(pair)
        if _at(lit, row + down, column + right)
    )
    return chr(0x2800 + dots)


def _coloured(image: Image) -> list[tuple[str, int]]:
    """Two pixels a cell in 24-bit colours; a colour is named only where it changes."""
    data, width = image.tobytes(), image.width
    rows = [data[start : start + 3 * width] for start in range(0, len(data), 3 * width)]
    if len(rows) % 2:
        rows.append(bytes(3 * width))
    return [(_colours(*rows[row : row + 2]), width) for row in range(0, len(rows), 2)]


def _colours(upper: bytes, lower: bytes) -> str:
    text, before = "", b""
    for x in range(0, len(upper), 3):
        now = upper[x : x + 3] + lower[x : x + 3]
        if now != before:
            text += "\x1b[38;2;{};{};{};48;2;{};{};{}m".format(*now)
            before = now
        text += "▀"
    return text + PLAIN
