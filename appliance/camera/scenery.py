"""The room and the printer of the synthetic camera, in a design space 720 units high."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]

BED_Y = 560.0  # the middle of the bed
FRONT = 300.0  # half the width of the bed's front edge
BACK = 220.0  # and of its back edge
BED_DEPTH = 62.0  # half its depth as seen
POST = 335.0  # the uprights' distance from the middle
TOP = 92.0  # the top beam
BASE = 668.0  # the printer's feet
ZOOM = 0.87  # of the scene, so that the captions hide nothing
HEAD_ABOVE = 74.0  # the X axis above the nozzle's tip


@dataclass(frozen=True)
class Canvas:
    """A drawing surface with its scale; ``width`` is in design units, the printer in its middle."""

    image: Image.Image
    scale: float  # pixels per unit
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The printer's axis."""
        return self.width / 2

    @property
    def drop(self) -> float:
        """How far the scene is moved down on a canvas higher than 720 units."""
        return 46 + max(0.0, self.height - 720) * 0.55

    def at(self, x: float, y: float) -> Point:
        """Pixels of a point given from the printer's axis and the scene's top."""
        return (self.middle + ZOOM * x) * self.scale, (ZOOM * y + self.drop) * self.scale

    def from_pixels(self, x: float, y: float) -> Point:
        """The inverse of :meth:`at`."""
        return (x / self.scale - self.middle) / ZOOM, (y / self.scale - self.drop) / ZOOM

    def box(self, left: float, top: float, right: float, bottom: float) -> tuple[Point, Point]:
        """Pixels of a rectangle."""
        return self.at(left, top), self.at(right, bottom)

    def pen(self) -> ImageDraw.ImageDraw:
        """Draws opaque colours, or blends those with an alpha channel."""
        return ImageDraw.Draw(self.image, "RGBA")


def sky(hour: float) -> tuple[Colour, Colour]:
    """Colours of the window's sky at its top and bottom at an hour of the day, 0 to 24."""
    day = max(0.0, min(1.0, 0.5 + 1.3 * math.cos((hour - 13) / 12 * math.pi)))
    dusk = max(0.0, 1 - abs(day - 0.45) / 0.45)
    top = _mix((13, 20, 44), (92, 158, 219), day)
    bottom = _mix((34, 44, 84), (205, 229, 244), day)
    return _mix(top, (112, 92, 142), 0.5 * dusk), _mix(bottom, (250, 172, 112), 0.75 * dusk)


def draw_room(canvas: Canvas, hour: float) -> None:
    """Wall, window, shelf and table."""
    top, bottom = sky(hour)
    light = sum(top) / 765
    wall = _mix((58, 64, 82), (206, 212, 218), 0.25 + 0.75 * light)
    _gradient(canvas, 0, 604, _mix(wall, (255, 255, 255), 0.12), _mix(wall, (60, 50, 60), 0.22))
    _window(canvas, top, bottom)
    table = _mix((74, 56, 46), (172, 132, 98), 0.35 + 0.65 * light)
    _gradient(canvas, 604, 720 + canvas.height, _mix(table, (255, 240, 220), 0.10), _dark(table))
    pen = canvas.pen()
    for y in (634, 668, 706):
        pen.line(
            [canvas.at(-2000, y), canvas.at(2000, y)], fill=(0, 0, 0, 18), width=_w(canvas, 1.5)
        )
    _shadow(canvas)


def draw_printer(canvas: Canvas, filament: Colour) -> None:
    """All that does not move: frame, base, bed and spool."""
    pen = canvas.pen()
    _spool(canvas, pen, filament)
    for side in (-1, 1):
        _post(canvas, pen, side)
    _bar(canvas, pen, (-POST - 17, TOP - 14, POST + 17, TOP + 16), (58, 62, 70))
    _bar(canvas, pen, (-POST - 40, 628, POST + 40, BASE), (52, 56, 64))
    pen.rectangle(canvas.box(-POST - 40, 628, POST + 40, 632), fill=(255, 255, 255, 26))
    for side in (-1, 1):
        pen.rounded_rectangle(
            canvas.box(side * 330 - 34, BASE - 3, side * 330 + 34, BASE + 9),
            _w(canvas, 5),
            fill=(22, 23, 26),
        )
    _bed(canvas, pen)


def draw_axis(canvas: Canvas, nozzle: Point) -> None:
    """The X axis behind the object; ``nozzle`` is the tip's place in design units."""
    pen = canvas.pen()
    y = nozzle[1] - HEAD_ABOVE
    for offset in (-9.0, 10.0):
        box = canvas.box(-POST + 4, y + offset - 3.5, POST - 4, y + offset + 3.5)
        pen.rectangle(box, fill=(150, 156, 164))
        pen.rectangle(
            canvas.box(-POST + 4, y + offset - 3.5, POST - 4, y + offset - 1.5),
            fill=(216, 220, 226),
        )
    for side in (-1, 1):
        _bar(canvas, pen, (side * POST - 30, y - 28, side * POST + 30, y + 30), (228, 112, 44))


def draw_head(canvas: Canvas, nozzle: Point, hot: bool) -> None:
    """The print head with its fan, in front of the object; the nozzle glows when ``hot``."""
    pen = canvas.pen()
    x, y = nozzle
    if hot:
        _glow(canvas, x, y)
    pen.polygon(
        [
            canvas.at(x - 9, y - 16),
            canvas.at(x + 9, y - 16),
            canvas.at(x + 2.5, y),
            canvas.at(x - 2.5, y),
        ],
        fill=(214, 164, 74) if not hot else (246, 176, 84),
    )
    pen.rectangle(canvas.box(x - 14, y - 28, x + 14, y - 15), fill=(176, 180, 186))
    _bar(canvas, pen, (x - 42, y - 122, x + 42, y - 26), (44, 47, 54))
    pen.rounded_rectangle(
        canvas.box(x - 42, y - 122, x + 42, y - 112), _w(canvas, 5), fill=(228, 112, 44)
    )
    pen.ellipse(canvas.box(x - 29, y - 103, x + 29, y - 45), fill=(24, 26, 30))
    for blade in range(7):
        pen.pieslice(
            _pixels(canvas.box(x - 26, y - 100, x + 26, y - 48)),
            blade * 51.4 + x % 51,
            blade * 51.4 + x % 51 + 30,
            fill=(70, 75, 84),
        )
    pen.ellipse(canvas.box(x - 9, y - 83, x + 9, y - 65), fill=(112, 118, 128))


def draw_filament(canvas: Canvas, nozzle: Point, filament: Colour) -> None:
    """The filament's bow from the spool to the head."""
    x, y = nozzle[0], nozzle[1] - 120
    start, sag = (52.0, TOP - 8), (58 + 0.25 * x, TOP + 0.55 * (y - TOP))
    points = []
    for step in range(25):
        t = step / 24
        points.append(
            canvas.at(
                *(
                    (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
                    for a, b, c in zip(start, sag, (x, y), strict=True)
                )
            )
        )
    canvas.pen().line(points, fill=_mix(filament, (255, 255, 255), 0.2), width=_w(canvas, 3))


def draw_contact_shadow(canvas: Canvas, radius: float) -> None:
    """What the lamp leaves dark on the bed around an object's foot."""
    pen = canvas.pen()
    for step in range(12):
        reach = radius * (1.34 - step * 0.03)
        pen.ellipse(
            canvas.box(16 - reach, BED_Y - 0.3 * reach, 16 + reach, BED_Y + 4 + 0.3 * reach),
            fill=(30, 18, 6, 12),
        )


def _window(canvas: Canvas, top: Colour, bottom: Colour) -> None:
    pen = canvas.pen()
    left, right, up, down = 300.0, 560.0, 60.0, 330.0
    pen.rectangle(canvas.box(left - 14, up - 14, right + 14, down + 18), fill=(236, 236, 232))
    steps = 60
    for step in range(steps):
        y = up + (down - up) * step / steps
        pen.rectangle(
            canvas.box(left, y, right, y + (down - up) / steps + 1),
            fill=_mix(top, bottom, step / steps),
        )
    dark = _mix(bottom, (20, 32, 40), 0.62)
    hill = [canvas.at(left + 26 * i, down - 38 - 26 * math.sin(i * 0.55 + 0.4)) for i in range(11)]
    pen.polygon([*hill, canvas.at(right, down), canvas.at(left, down)], fill=dark)
    pen.rectangle(canvas.box(427, up, 434, down), fill=(236, 236, 232))
    pen.rectangle(canvas.box(left, 190, right, 197), fill=(236, 236, 232))
    pen.rectangle(canvas.box(left - 24, down + 12, right + 24, down + 24), fill=(222, 222, 218))


def _spool(canvas: Canvas, pen: ImageDraw.ImageDraw, filament: Colour) -> None:
    pen.polygon(
        [canvas.at(-26, TOP), canvas.at(26, TOP), canvas.at(8, TOP - 48), canvas.at(-8, TOP - 48)],
        fill=(38, 40, 46),
    )
    for radius, colour in ((74, (34, 36, 41)), (66, filament), (30, (40, 42, 48))):
        pen.ellipse(canvas.box(-radius, TOP - 48 - radius, radius, TOP - 48 + radius), fill=colour)
    for radius in range(34, 66, 4):
        pen.ellipse(
            canvas.box(-radius, TOP - 48 - radius, radius, TOP - 48 + radius),
            outline=_mix(filament, (0, 0, 0), 0.28),
            width=_w(canvas, 1),
        )
    pen.ellipse(canvas.box(-9, TOP - 57, 9, TOP - 39), fill=(150, 154, 160))


def _post(canvas: Canvas, pen: ImageDraw.ImageDraw, side: int) -> None:
    x = side * POST
    _bar(canvas, pen, (x - 17, TOP - 4, x + 17, 640), (66, 70, 79))
    pen.rectangle(canvas.box(x - 3, TOP + 22, x + 3, 622), fill=(30, 32, 37))
    rod = x - side * 30
    pen.rectangle(canvas.box(rod - 4, TOP + 12, rod + 4, 628), fill=(168, 174, 182))
    pen.rectangle(canvas.box(rod - 4, TOP + 12, rod - 1, 628), fill=(222, 226, 230))


def _bed(canvas: Canvas, pen: ImageDraw.ImageDraw) -> None:
    front, back = BED_Y + BED_DEPTH, BED_Y - BED_DEPTH
    thick = 13
    pen.polygon(
        [
            canvas.at(-FRONT, front),
            canvas.at(FRONT, front),
            canvas.at(FRONT - 4, front + thick),
            canvas.at(-FRONT + 4, front + thick),
        ],
        fill=(28, 29, 33),
    )
    steps = 40
    for step in range(steps):  # a sheet of PEI that catches the light at its back
        a, b = step / steps, (step + 1) / steps
        half_a, half_b = BACK + (FRONT - BACK) * a, BACK + (FRONT - BACK) * b
        y_a, y_b = back + 2 * BED_DEPTH * a, back + 2 * BED_DEPTH * b + 0.6
        pen.polygon(
            [
                canvas.at(-half_a, y_a),
                canvas.at(half_a, y_a),
                canvas.at(half_b, y_b),
                canvas.at(-half_b, y_b),
            ],
            fill=_mix((206, 168, 92), (150, 108, 48), a),
        )
    for line in range(-5, 6):
        pen.line(
            [canvas.at(BACK * line / 5.2, back), canvas.at(FRONT * line / 5.2, front)],
            fill=(80, 54, 20, 46),
            width=_w(canvas, 1.2),
        )
    for line in range(1, 6):
        ratio = (line / 6) ** 1.25
        half, y = BACK + (FRONT - BACK) * ratio, back + 2 * BED_DEPTH * ratio
        pen.line(
            [canvas.at(-half, y), canvas.at(half, y)], fill=(80, 54, 20, 46), width=_w(canvas, 1.2)
        )


def _bar(
    canvas: Canvas,
    pen: ImageDraw.ImageDraw,
    edges: tuple[float, float, float, float],
    colour: Colour,
) -> None:
    """A rounded body, lighter where the lamp meets it."""
    left, top, right, bottom = edges
    radius = _w(canvas, 7)
    pen.rounded_rectangle(canvas.box(left, top, right, bottom), radius, fill=_dark(colour))
    pen.rounded_rectangle(canvas.box(left, top, right - 3, bottom - 4), radius, fill=colour)
    pen.rounded_rectangle(
        canvas.box(left + 2, top + 2, right - 5, bottom - 6),
        radius,
        outline=(255, 255, 255, 30),
        width=_w(canvas, 1.5),
    )


def _shadow(canvas: Canvas) -> None:
    """The soft shadow of the printer on the table."""
    mask = Image.new("L", (canvas.image.width // 8, canvas.image.height // 8), 0)
    pen = ImageDraw.Draw(mask)
    corners = canvas.box(-POST - 80, 642, POST + 110, 700)
    pen.ellipse([(x / 8, y / 8) for x, y in corners], fill=130)
    soft = mask.filter(ImageFilter.GaussianBlur(1.6 * canvas.scale)).resize(canvas.image.size)
    canvas.image.paste((18, 12, 10), (0, 0), soft)


def _glow(canvas: Canvas, x: float, y: float) -> None:
    pen = canvas.pen()
    for radius in range(26, 2, -3):
        pen.ellipse(
            canvas.box(x - radius, y - radius, x + radius, y + radius), fill=(255, 150, 60, 13)
        )


def _gradient(canvas: Canvas, top: float, bottom: float, above: Colour, below: Colour) -> None:
    first, last = round(canvas.at(0, top)[1]), round(canvas.at(0, bottom)[1])
    if top <= 0:
        first = 0
    column = Image.linear_gradient("L").resize((1, max(1, last - first)))
    strip = Image.composite(
        Image.new("RGB", column.size, below), Image.new("RGB", column.size, above), column
    )
    canvas.image.paste(strip.resize((canvas.image.width, strip.height)), (0, first))


def _mix(first: Colour, second: Colour, part: float) -> Colour:
    red, green, blue = (
        round(a + (b - a) * max(0.0, min(1.0, part))) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def _dark(colour: Colour) -> Colour:
    return _mix(colour, (0, 0, 0), 0.45)


def _w(canvas: Canvas, units: float) -> int:
    return max(1, round(units * canvas.scale))


def _pixels(box: tuple[Point, Point]) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = box
    return left, top, right, bottom
