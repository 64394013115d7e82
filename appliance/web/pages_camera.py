"""The camera's picture, turned and mirrored by tapping."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.setup.api import Step
from appliance.web import html
from appliance.web.html import Html, tag
from appliance.web.icons import icon
from appliance.web.pages_parts import Fields, Shown, actions, address_of, card, frame
from appliance.web.turning import ALL, Turn, between, turned

PICTURE = "/setup/camera.jpg"
FOCUS_MOST = 15.0  # dioptres: a picture from 7 cm

_TAPS = (
    (Turn.LEFT, "turn-left", "Turn left"),
    (Turn.RIGHT, "turn-right", "Turn right"),
    (Turn.MIRROR, "mirror", "Mirror"),
)


def camera(shown: Shown) -> Html:
    """All of the camera's page; without JavaScript each tap is a page of its own."""
    present = shown.values.transform
    wanted = present if shown.transform is None else shown.transform
    fields = Fields(shown, "transform", "focus")
    error = shown.error("transform")
    return frame(
        shown,
        Step.CAMERA,
        "Camera",
        tag("p", "Tap until the picture stands as you see the printer."),
        card(
            _picture(present, wanted),
            tag(
                "div",
                [_tap(turn, name, text, wanted) for turn, name, text in _TAPS],
                class_="turns",
            ),
            html.form(
                shown.context,
                address_of(Step.CAMERA),
                tag("input", type="hidden", name="transform", id="transform", value=wanted),
                tag("p", error, class_="error", role="alert") if error else None,
                _focus(shown, fields),
                actions(html.button("Continue", class_="primary")),
            ),
        ),
    )


def _picture(present: int, wanted: int) -> Html:
    return tag(
        "div",
        tag(
            "img",
            src=PICTURE,
            alt="What the camera sees now",
            class_=f"t{between(present, wanted)}",
            data_picture=PICTURE,
            data_shown=_table(between(present, each) for each in ALL),
        ),
        tag("p", "No picture yet. Check the camera's cable.", id="no-picture", hidden=True),
        class_="frame",
    )


def _tap(turn: Turn, name: str, text: str, wanted: int) -> Html:
    return tag(
        "a",
        icon(name, 32),
        text,
        href=f"?transform={turned(wanted, turn)}",
        class_="button",
        data_turn=_table(turned(each, turn) for each in ALL),
    )


def _table(values: Iterable[int]) -> str:
    return ",".join(map(str, values))


def _focus(shown: Shown, fields: Fields) -> Html | None:
    if shown.values.focus is None:
        return None
    return fields.text(
        "focus",
        ["Focus: ", tag("output", shown.value("focus", shown.values.focus), for_="f-focus")],
        shown.values.focus,
        hint="Far to the left, near to the right.",
        type="range",
        min=0,
        max=FOCUS_MOST,
        step=0.1,
    )
