"""A camera that draws what a real one would see, for a desk with no printer on it.

The object grows with the scene's percent, the head works on its rim, the window follows the
time of day, and the caption says that the picture is simulated. Only the worker imports this.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime

from PIL import Image, ImageDraw, ImageFont

from appliance.camera import model, orient, scenery
from appliance.camera.driver import Scene
from appliance.camera.scenery import Canvas
from appliance.config import CameraSettings

SMOOTH = 2  # drawn so much larger in both directions, then averaged
OBJECT_HEIGHT = 300.0  # design units
BASE_RADIUS = 104.0
HOT = 160.0  # °C, from which the nozzle glows
COLD = 100.0  # °C, below which nothing is being printed
PARKED = (-230.0, 256.0)  # the nozzle's place when nothing is being printed
_WHITE = (245, 247, 250)
_GREY = (176, 184, 196)
_ACCENT = (255, 138, 61)


class SyntheticDriver:
    """Draws :class:`Scene`; keeps the room and the layers already printed as pictures."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._size = (settings.width, settings.height)
        self._now = now
        self._unit = min(settings.width / 960, settings.height / 720)  # pixels per design unit
        self._room: tuple[tuple[int, model.Colour], Image.Image] | None = None
        self._printed: tuple[model.Shape, int, Image.Image] | None = None

    def open(self) -> None:
        """Nothing to claim."""

    def capture(self, scene: Scene) -> bytes:
        """The scene as a JPEG in the size of the settings."""
        return orient.encode(self.picture(scene))

    def close(self) -> None:
        """Forget the kept pictures."""
        self._room = self._printed = None

    def picture(self, scene: Scene) -> Image.Image:
        """The scene as an RGB image."""
        now = self._now()
        shape = model.Shape.named(scene.name)
        canvas = self._canvas(self._background(now, model.colour(shape)).copy())
        self._draw_print(canvas, scene, shape)
        image = canvas.image.reduce(SMOOTH)
        if image.size != self._size:  # odd sizes
            image = image.resize(self._size)
        Caption(image, self._unit).draw(scene, now)
        return image

    def _canvas(self, image: Image.Image) -> Canvas:
        width, height = self._size
        return Canvas(image, self._unit * SMOOTH, width / self._unit, height / self._unit)

    def _background(self, now: datetime, filament: model.Colour) -> Image.Image:
        """Room and printer; drawn again when the light or the spool has changed."""
        quarter = now.hour * 4 + now.minute // 15
        if self._room is None or self._room[0] != (quarter, filament):
            pixels = (self._size[0] * SMOOTH, self._size[1] * SMOOTH)
            canvas = self._canvas(Image.new("RGB", pixels))
            scenery.draw_room(canvas, quarter / 4)
            scenery.draw_printer(canvas, filament)
            self._room = ((quarter, filament), canvas.image)
        return self._room[1]

    def _draw_print(self, canvas: Canvas, scene: Scene, shape: model.Shape) -> None:
        percent = _percent(scene)
        layers = round((percent or 0.0) / 100 * model.LAYERS)
        at_work = percent is not None and percent < 100 and not (scene.tool or COLD) < COLD
        nozzle = self._rim(canvas, shape, percent or 0.0, layers) if at_work else PARKED
        scenery.draw_axis(canvas, nozzle)
        if layers:
            scenery.draw_contact_shadow(canvas, BASE_RADIUS)
            printed = self._object(canvas, shape, layers)
            canvas.image.paste(printed, (0, 0), printed)
            model.draw_rim(canvas.pen(), shape, self._place(canvas), layers)
        scenery.draw_filament(canvas, nozzle, model.colour(shape))
        scenery.draw_head(canvas, nozzle, hot=(scene.tool or 0.0) >= HOT)

    def _rim(
        self, canvas: Canvas, shape: model.Shape, percent: float, layers: int
    ) -> tuple[float, float]:
        """A place on the front half of the rim, another one in each picture."""
        tip = self._place(canvas).nozzle(shape, layers, percent * 7.3 % 1 / 2)
        return canvas.from_pixels(*tip)

    def _place(self, canvas: Canvas) -> model.Place:
        x, y = canvas.at(0, scenery.BED_Y)
        unit = canvas.scale * scenery.ZOOM
        return model.Place(x, y, BASE_RADIUS * unit, OBJECT_HEIGHT * unit)

    def _object(self, canvas: Canvas, shape: model.Shape, layers: int) -> Image.Image:
        """The layers so far. A print only grows, so just the new ones are drawn."""
        if self._printed is None or self._printed[0] != shape or self._printed[1] > layers:
            self._printed = (shape, 0, Image.new("RGBA", canvas.image.size))
        _, drawn, image = self._printed
        pen = ImageDraw.Draw(image)
        for layer in range(drawn, layers):
            model.draw_layer(pen, shape, self._place(canvas), layer)
        self._printed = (shape, layers, image)
        return image


class Caption:
    """Texts on the finished picture; ``unit`` is pixels per design unit."""

    def __init__(self, image: Image.Image, unit: float) -> None:
        self._image = image
        self._unit = unit
        self._pen = ImageDraw.Draw(image, "RGBA")

    def draw(self, scene: Scene, now: datetime) -> None:
        """Clock above, the job and its progress below."""
        self._tag(now.strftime("%d %b %Y  %H:%M:%S"), 20, 18, right=False)
        self._tag("Simulated camera", 20, 18, right=True)
        self._panel(scene)

    def _panel(self, scene: Scene) -> None:
        width, height = self._image.width / self._unit, self._image.height / self._unit
        left, top, right, bottom = 20.0, height - 84, width - 20, height - 18
        self._pen.rounded_rectangle(
            self._box(left, top, right, bottom), 12 * self._unit, fill=(16, 20, 28, 205)
        )
        readings = _readings(scene)
        room = right - left - 36
        taken = self._write(readings, right - 18, top + 13, 19, _GREY, anchor="ra")
        state = scene.state[:1].upper() + scene.state[1:] or "Idle"
        title = f"{state} · {_plain(scene.name)}" if scene.name else state
        self._write(title, left + 18, top + 11, 22, _WHITE, room=room - taken - 24)
        percent = _percent(scene)
        if percent is None:
            self._write("No print", left + 18, top + 39, 16, _GREY)
            return
        self._write(f"{percent:.0f} %", right - 18, top + 37, 20, _WHITE, anchor="ra")
        self._progress(left + 18, top + 46, right - 90, percent)

    def _progress(self, left: float, top: float, right: float, percent: float) -> None:
        radius = 4 * self._unit
        end = left + (right - left) * percent / 100
        self._pen.rounded_rectangle(
            self._box(left, top, right, top + 8), radius, fill=(255, 255, 255, 46)
        )
        if end - left >= 8:
            self._pen.rounded_rectangle(self._box(left, top, end, top + 8), radius, fill=_ACCENT)

    def _tag(self, text: str, margin: float, top: float, *, right: bool) -> None:
        length = self._font(17).getlength(text) / self._unit
        width = self._image.width / self._unit
        left = width - margin - length - 24 if right else margin
        self._pen.rounded_rectangle(
            self._box(left, top, left + length + 24, top + 32),
            8 * self._unit,
            fill=(16, 20, 28, 170),
        )
        self._write(text, left + 12, top + 6, 17, _WHITE)

    def _write(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        colour: tuple[int, int, int],
        *,
        anchor: str = "la",
        room: float | None = None,
    ) -> float:
        """Write ``text``, shortened to ``room`` units; its length in units."""
        font = self._font(size)
        while room and len(text) > 1 and font.getlength(text) > room * self._unit:
            text = text[:-2].rstrip() + "…"
        self._pen.text(
            (x * self._unit, y * self._unit), text, fill=colour, font=font, anchor=anchor
        )
        return float(font.getlength(text)) / self._unit

    def _font(self, size: float) -> ImageFont.FreeTypeFont:
        font = ImageFont.load_default(max(8.0, size * self._unit))
        assert isinstance(font, ImageFont.FreeTypeFont)
        return font

    def _box(self, left: float, top: float, right: float, bottom: float) -> list[float]:
        return [edge * self._unit for edge in (left, top, right, bottom)]


def _percent(scene: Scene) -> float | None:
    """How much of the object stands there, 0 to 100; None when nothing was begun."""
    if scene.percent is None or not scene.name:
        return None
    return min(100.0, max(0.0, scene.percent))


def _plain(text: str) -> str:
    """``text`` in the letters of Pillow's built-in font: no accents, nothing beyond ASCII."""
    letters = unicodedata.normalize("NFKD", text)
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in letters)


def _readings(scene: Scene) -> str:
    parts = []
    if scene.tool is not None:
        parts.append(f"Nozzle {scene.tool:.0f} °C")
    if scene.bed is not None:
        parts.append(f"Bed {scene.bed:.0f} °C")
    if scene.elapsed is not None:
        minutes, seconds = divmod(int(scene.elapsed), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}")
    return "   ".join(parts)
