"""The object that the synthetic camera's printer prints: a twisted vase, drawn layer by layer."""

from __future__ import annotations

import colorsys
import math
import zlib
from dataclasses import dataclass

from PIL import ImageDraw

LAYERS = 150
SIDES = 96
DEPTH = 0.30  # how much of a circle's depth is seen: the camera looks down a little
FLOOR_LAYERS = 4  # printed as a disc before the wall begins
SATURATION = 0.74
_LIGHT = math.radians(125)  # the lamp stands in front, to the left

Point = tuple[float, float]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Shape:
    """A vase; lengths are in units of its base radius."""

    hue: float
    lobes: int
    twist: float  # radians from bottom to top
    belly: float
    waist: float

    @classmethod
    def named(cls, name: str) -> Shape:
        """The shape that belongs to a job's name, so that two jobs look different."""
        seed = zlib.crc32(name.encode())
        return cls(
            hue=(0.05, 0.49, 0.57, 0.36, 0.93, 0.12)[seed % 6],
            lobes=5 + seed // 6 % 4,
            twist=math.radians(50 + seed // 24 % 70) * (1 if seed // 2048 % 2 else -1),
            belly=0.24 + 0.08 * (seed // 4096 % 3),
            waist=0.10 + 0.05 * (seed // 65536 % 3),
        )

    def radius(self, angle: float, height: float) -> float:
        """Distance from the axis at ``height`` (0 to 1), in base radii."""
        profile = 1 + self.belly * math.sin(math.pi * min(1.0, height * 1.35))
        profile -= self.waist * math.exp(-(((height - 0.84) / 0.12) ** 2))
        profile += 0.10 * max(0.0, height - 0.86) / 0.14
        phase = self.lobes * (angle + self.twist * height)
        return 0.78 * profile * (1 + 0.085 * math.cos(phase))


@dataclass(frozen=True)
class Place:
    """Where the object stands on the canvas, in pixels: its foot, base radius and height."""

    x: float
    y: float
    radius: float
    height: float

    def outline(self, shape: Shape, layer: int) -> list[Point]:
        """The layer's wall, going round."""
        height = layer / LAYERS
        points = []
        for side in range(SIDES):
            angle = 2 * math.pi * side / SIDES
            radius = self.radius * shape.radius(angle, height)
            points.append(
                (
                    self.x + radius * math.cos(angle),
                    self.y - self.height * height + DEPTH * radius * math.sin(angle),
                )
            )
        return points

    def nozzle(self, shape: Shape, layer: int, turn: float) -> Point:
        """Where the nozzle is, ``turn`` (0 to 1) of the way round the layer."""
        outline = self.outline(shape, layer)
        return outline[int(turn * SIDES) % SIDES]


def draw_layer(draw: ImageDraw.ImageDraw, shape: Shape, place: Place, layer: int) -> None:
    """Draw one more layer upon those below it."""
    below = place.outline(shape, layer)
    above = place.outline(shape, layer + 1)
    # The back half first: it shows only where the wall leans inwards, else the hole covers it.
    for side in (*range(SIDES // 2, SIDES), *range(SIDES // 2)):
        following = (side + 1) % SIDES
        colour = _shade(shape, side, layer)
        corners = [below[side], below[following], above[following], above[side]]
        draw.polygon(corners, fill=colour, outline=colour)
    draw.polygon(above, fill=_inside(shape, layer))


def draw_rim(draw: ImageDraw.ImageDraw, shape: Shape, place: Place, layer: int) -> None:
    """Draw the fresh plastic along the top of the last layer."""
    top = place.outline(shape, layer)
    colour = _colour(shape.hue, 0.42, 1.0)
    draw.line([*top, top[0]], fill=colour, width=max(2, round(place.radius / 34)), joint="curve")


def colour(shape: Shape) -> Colour:
    """The filament's colour."""
    return _colour(shape.hue, SATURATION, 0.80)


def _shade(shape: Shape, side: int, layer: int) -> Colour:
    """Diffuse and a little specular light on the wall, with the layer lines showing."""
    angle = 2 * math.pi * (side + 0.5) / SIDES
    height = layer / LAYERS
    slope = shape.radius(angle + 0.03, height) - shape.radius(angle - 0.03, height)
    normal = angle - math.atan2(slope, 0.06 * shape.radius(angle, height))
    facing = max(0.0, math.cos(normal - _LIGHT))
    light = 0.30 + 0.52 * facing + 0.08 * height
    shine = facing**24 * 0.26
    if layer % 3 == 0:
        light *= 0.94
    return _colour(shape.hue, SATURATION - shine, min(1.0, light + shine))


def _inside(shape: Shape, layer: int) -> Colour:
    if layer < FLOOR_LAYERS:
        return _colour(shape.hue, 0.62, 0.82)
    return _colour(shape.hue, SATURATION + 0.06, 0.27 if layer % 2 else 0.25)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
