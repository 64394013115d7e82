"""The front panel: which display, and each key pressed once."""

from __future__ import annotations

from typing import Final

from appliance.setup.api import Step
from appliance.web import html
from appliance.web.html import Content, Html, tag
from appliance.web.icons import icon
from appliance.web.pages_parts import Fields, Shown, actions, address_of, card, frame, part

DISPLAYS: Final[tuple[tuple[str, Content], ...]] = (
    ("none", "None"),
    ("hd44780-16x2", "Characters, 2 lines of 16 (HD44780)"),
    ("hd44780-20x4", "Characters, 4 lines of 20 (HD44780)"),
    ("ssd1306", "Small OLED, 128 × 64 (SSD1306)"),
    ("sh1106", "Small OLED, 128 × 64 (SH1106)"),
    ("st7735", "Colour, 160 × 128 (ST7735)"),
    ("st7789", "Colour, 240 × 240 (ST7789)"),
)
_KEYS: Final = {"up": "Up", "down": "Down", "left": "Left", "right": "Right", "ok": "OK"}


def panel(shown: Shown) -> Html:
    """All of the panel's page."""
    fields = Fields(shown, "display")
    return frame(
        shown,
        Step.PANEL,
        "Front panel",
        card(
            tag("h2", "Press each key once"),
            tag(
                "p",
                "A knob is turned both ways, then pushed (OK) and pushed long (Left).",
                class_="note",
            ),
            part("keys", keys(shown)),
            tag(
                "noscript",
                tag("a", "Look again", href=address_of(Step.PANEL), class_="button"),
            ),
        )
        if shown.values.keys
        else None,
        card(
            html.form(
                shown.context,
                address_of(Step.PANEL),
                fields.select("display", "Display", list(DISPLAYS), shown.values.display),
                actions(html.button("Continue", class_="primary")),
            )
        ),
    )


def keys(shown: Shown) -> Html:
    """The connected keys, those that were pressed with a tick."""
    rows = [_key(name, name in shown.pressed) for name in _KEYS if name in shown.values.keys]
    missing = [name for name in shown.values.keys if name in _KEYS and name not in shown.pressed]
    done = None if missing else tag("p", "All keys work.", class_="banner good")
    return tag("div", tag("ul", rows, class_="keys"), done, class_="stack")


def _key(name: str, seen: bool) -> Html:
    said = tag("span", ", pressed" if seen else ", not pressed yet", class_="sr")
    return tag(
        "li",
        icon("ok" if seen else _arrow(name)),
        tag("span", _KEYS[name], said),
        class_="seen" if seen else None,
    )


def _arrow(name: str) -> str:
    return "dot" if name == "ok" else name
