"""What the display shows, as a pure value; the renderers decide how it looks on theirs.

The screens say *what* (a title, lines in the order of their weight, a bar, what the keys
do now); whether a line scrolls, which cells a bar fills and how a selected line is marked
is the renderer's business. A display that has no room leaves out what comes last, or shows
the lines in turn.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Icon(StrEnum):
    """A small sign; one cell of a character display, 8 x 8 pixels and larger on others."""

    NOZZLE = "nozzle"
    BED = "bed"
    CHAMBER = "chamber"
    CLOUD = "cloud"
    OFFLINE = "offline"
    NETWORK = "network"
    CLOCK = "clock"
    LAYERS = "layers"
    DOOR = "door"
    WARNING = "warning"
    DONE = "done"
    PLAY = "play"
    PAUSE = "pause"
    QUEUE = "queue"
    CAMERA = "camera"
    LOCK = "lock"
    SETTINGS = "settings"
    BACK = "back"


class Tone(StrEnum):
    """The mood of a screen: a colour where there are colours, an inverted title elsewhere."""

    CALM = "calm"
    WORKING = "working"
    ASKING = "asking"  # the device needs a person
    TROUBLE = "trouble"


class Line(msgspec.Struct, frozen=True):
    """One line: text at the left, a value at the right, perhaps a sign in front.

    A text that is too long scrolls; the value never does and is never cut for the text.
    """

    text: str
    value: str = ""
    icon: Icon | None = None


class Bar(msgspec.Struct, frozen=True):
    """How far something is: 0 to 1, or None for "under way, nobody knows how far"."""

    fraction: float | None
    label: str = ""  # beside or in it: "42 %"


class Keys(msgspec.Struct, frozen=True):
    """What the keys do now, in a word each; empty = nothing worth saying.

    Up and down are understood: they move the selection, or turn the pages.
    """

    left: str = ""
    ok: str = ""
    right: str = ""


class Picture(msgspec.Struct, frozen=True):
    """A picture for graphic displays: a QR code of ``qr``, or a JPEG. One of the two."""

    qr: str = ""
    jpeg: bytes = b""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is being entered: what stands there, and what can be chosen next.

    It is shown as it is, also a password: nobody enters one blindly with five keys.
    """

    text: str
    before: tuple[str, ...]  # the nearest last
    choice: str
    after: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Entry({len(self.text)} characters)"


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a display shows at one moment.

    ``selected`` makes ``lines`` a list to choose from, of which the renderer shows the part
    around line ``selected``. ``text`` is running text (a whole sentence): it is wrapped over
    the rows that the lines leave, and scrolls where it does not fit.
    """

    title: str
    value: str = ""  # at the right of the title: "42 %", a page number
    icon: Icon | None = None
    tone: Tone = Tone.CALM
    lines: tuple[Line, ...] = ()
    selected: int | None = None
    text: str = ""
    bar: Bar | None = None
    keys: Keys = Keys()
    picture: Picture | None = None
    entry: Entry | None = None  # below the title, instead of lines and text
    big: str = ""  # a few characters to be read from afar, before the lines
    farewell: bool = False  # stays on the display after the panel worker has ended
