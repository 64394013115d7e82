"""The signs of :class:`~appliance.panel.screen.Icon` as bitmaps, 8 x 8 dots and multiples.

Twice as large is drawn by Scale2x (EPX: an edge that runs diagonally stays one), so signs are
crisp at every size; in between there are softened ones for displays with grey tones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from appliance.panel.screen import Icon

if TYPE_CHECKING:
    from PIL import Image

SIDE: Final = 8

_ART: Final = """
nozzle   bed      chamber  cloud    offline  network  clock    layers   door
.######. .#..#..# ######## ........ #....... ..####.. ..####.. ...##... .######.
..####.. ..#..#.. #......# ...##... .#.##... .#....#. .#.#..#. .######. .#....#.
.######. .#..#..# #..#.#.# ..####.. ..#.##.. #......# #..#...# ###..### .#....#.
..####.. #..#..#. #.#.#..# .####### .#.#.##. ..####.. #..#...# .######. .#..#.#.
.######. ........ #..#.#.# ######## ###.#.## .#....#. #..###.# #.####.# .#..#.#.
.######. ######## #.#.#..# ######## ####.#.# ........ #......# ##.##.## .#....#.
..####.. ######## #......# .######. .####.#. ...##... .#....#. .##..##. .#....#.
...##... .#....#. ######## ........ .......# ...##... ..####.. ...##... ########

warning  done     play     pause    queue    camera   settings back     lock
.######. ........ .##..... ........ ........ ........ ...##... ........ ..####..
###..### .......# .####... .##..##. ##.##### ..###... .#.##.#. ...#.... .#....#.
###..### ......## .######. .##..##. ##.##### ######## ..####.. ..##.... .#....#.
###..### #....##. .####### .##..##. ........ ###..### ##....## .######. ########
###..### ##..##.. .####### .##..##. ##.##### ##.##.## ##....## .######. ###..###
######## .####... .######. .##..##. ##.##### ###..### ..####.. ..##.... ###..###
###..### ..##.... .####... .##..##. ........ ######## .#.##.#. ...#.... ########
.######. ........ .##..... ........ ##.##### ........ ...##... ........ ........
"""


def _read(art: str) -> Mapping[Icon, tuple[int, ...]]:
    rows: dict[Icon, tuple[int, ...]] = {}
    for block in art.strip().split("\n\n"):
        names, *lines = block.splitlines()
        columns = zip(*(line.split() for line in lines), strict=True)
        for name, column in zip(names.split(), columns, strict=True):
            rows[Icon(name)] = tuple(int(dots.translate(_BITS), 2) for dots in column)
    return MappingProxyType(rows)


_BITS: Final = {ord("#"): "1", ord("."): "0"}

BITMAPS: Final[Mapping[Icon, tuple[int, ...]]] = _read(_ART)
"""Eight rows from the top; bit 7 of each is the leftmost dot."""


def icon_mask(icon: Icon, side: int, *, soft: bool) -> Image.Image:
    """The sign as a picture of ``side`` x ``side`` pixels to paste a colour through.

    Mode "1" and the largest multiple of the bitmap that fits, or, where ``soft``, mode "L"
    and filling the whole square.
    """
    from PIL import Image  # noqa: PLC0415 -- only the panel worker draws

    dots = [[bool(row >> (SIDE - 1 - x) & 1) for x in range(SIDE)] for row in BITMAPS[icon]]
    if soft:
        large = _picture(_twice(_twice(_twice(dots)))).convert("L")
        return large.resize((side, side), Image.Resampling.BOX)
    times = max(side // SIDE, 1)
    drawn = _picture(_scaled(dots, times))
    mask = Image.new("1", (side, side))
    mask.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    return mask


def _scaled(dots: Sequence[Sequence[bool]], times: int) -> Sequence[Sequence[bool]]:
    if times % 2 == 0:
        return _scaled(_twice(dots), times // 2)
    return [[dot for dot in row for _ in range(times)] for row in dots for _ in range(times)]


def _twice(dots: Sequence[Sequence[bool]]) -> list[list[bool]]:
    """Scale2x: each dot becomes four, of which a corner follows its two neighbours."""
    size = len(dots)

    def at(x: int, y: int) -> bool:
        return dots[min(max(y, 0), size - 1)][min(max(x, 0), size - 1)]

    large = [[False] * (2 * size) for _ in range(2 * size)]
    for y in range(size):
        for x in range(size):
            up, down, left, right = at(x, y - 1), at(x, y + 1), at(x - 1, y), at(x + 1, y)
            edge = up != down and left != right
            here = dots[y][x]
            large[2 * y][2 * x] = left if edge and left == up else here
            large[2 * y][2 * x + 1] = right if edge and right == up else here
            large[2 * y + 1][2 * x] = left if edge and left == down else here
            large[2 * y + 1][2 * x + 1] = right if edge and right == down else here
    return large


def _picture(dots: Sequence[Sequence[bool]]) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    picture = Image.new("1", (len(dots[0]), len(dots)))
    picture.putdata([255 if dot else 0 for row in dots for dot in row])
    return picture
