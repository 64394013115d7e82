"""What every page of the wizard is made of: the frame, fields with their errors, live parts."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

import msgspec

from appliance.setup.api import Errand, Progress, SetupView, Step
from appliance.web import html
from appliance.web.html import Attribute, Content, Html, PageContext, tag
from appliance.web.icons import icon

NAMES: Final[Mapping[Step, str]] = {
    Step.WELCOME: "Welcome",
    Step.NETWORK: "Network",
    Step.TIME: "Time",
    Step.PRINTER: "Printer",
    Step.CAMERA: "Camera",
    Step.PANEL: "Panel",
    Step.CLOUD: "Cloud",
    Step.DONE: "Done",
}
FIELDS: Final[Mapping[Step, frozenset[str]]] = {
    Step.NETWORK: frozenset({"country", "ssid", "ssid_text", "password"}),
    Step.TIME: frozenset({"time_zone"}),
    Step.PRINTER: frozenset(
        {"clear", "printer_make", "size_x", "size_y", "size_z", "port", "baud"}
    ),
    Step.CAMERA: frozenset({"transform", "focus"}),
    Step.PANEL: frozenset({"display"}),
    Step.CLOUD: frozenset({"email", "pin"}),
    Step.DONE: frozenset({"password"}),
}
"""The names of each page's inputs: what is wrong with another stands above the page."""

OTHER: Final = "other"  # value of `ssid` for a network that is not in the list
NO_JS_REFRESH: Final = 3  # seconds after which a browser without JavaScript looks again


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings and the machine say, for the forms to begin with. No secrets."""

    countries: tuple[tuple[str, str], ...] = ()  # (ISO 3166 code, name), by name
    zones: tuple[str, ...] = ()  # time zones that the machine knows, by name
    ports: tuple[str, ...] = ()  # serial ports that may be a printer's
    port: str = "auto"
    baud: str = "auto"
    bauds: tuple[str, ...] = ()  # those that can be chosen
    size: tuple[float, float, float] = (220.0, 220.0, 250.0)  # build volume, mm
    transform: int = 0  # of the pictures as the camera gives them now (section 3.6)
    focus: float | None = None  # dioptres; None: this camera's lens cannot be moved
    display: str = "none"
    keys: tuple[str, ...] = ()  # those that are connected, by the names of panel.keys.Key
    address: str = ""  # such as polar-appliance.local, where the name is announced
    has_password: bool = False  # one was set for this page


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a page depends on."""

    view: SetupView
    values: Values
    context: PageContext
    errors: Mapping[str, str] = {}  # a sentence by field, "" for one that is none's fault
    entered: Mapping[str, str] = {}  # what that form held; secrets are not shown again
    pressed: frozenset[str] = frozenset()  # keys of the panel's step
    transform: int | None = None  # what the camera's page is turned to, not kept yet

    def error(self, name: str) -> str:
        """What is wrong with the field ``name``."""
        return self.errors.get(name, "")

    def value(self, name: str, usual: object = "") -> str:
        """What stands in the field ``name`` at first."""
        return self.entered.get(name, str(usual))


def address_of(step: Step) -> str:
    """Where the page of ``step`` is."""
    return f"/setup/{step}"


def beside(view: SetupView, step: Step, by: int) -> Step | None:
    """The step ``by`` places after ``step`` among those that apply, None at the ends."""
    if step not in view.steps:
        return None
    place = view.steps.index(step) + by
    return view.steps[place] if 0 <= place < len(view.steps) else None


def waits_for(view: SetupView, step: Step) -> Errand:
    """What the page of ``step`` waits for before another takes its place."""
    return {Step.NETWORK: view.join, Step.CLOUD: view.register}.get(step, Errand())


def frame(shown: Shown, step: Step, title: str, *body: Content, wait: bool = False) -> Html:
    """The whole page of ``step``; with ``wait`` it looks again by itself without JavaScript."""
    running = waits_for(shown.view, step).progress is Progress.RUNNING
    refresh = tag("meta", http_equiv="refresh", content=NO_JS_REFRESH)
    return html.page(
        title,
        tag(
            "div",
            _head(shown, step),
            tag("h1", title),
            _banners(shown, step),
            body,
            _leave(shown, step),
            data_step=step,
            data_waits=Progress.RUNNING if running else None,
            class_="wizard",
        ),
        context=shown.context,
        head=tag("noscript", refresh) if wait or running else html.NOTHING,
        heading=False,
    )


def _leave(shown: Shown, step: Step) -> Html | None:
    """The way back to the local page, once the setup was finished."""
    if not shown.view.record.finished or step is Step.DONE:
        return None
    button = html.button("Leave the set-up", class_="plain")
    return tag("footer", html.form(shown.context, "/setup/close", button), class_="leave")


def _head(shown: Shown, step: Step) -> Html:
    steps = shown.view.steps
    place = steps.index(step)
    previous = beside(shown.view, step, -1)
    left = (
        go_form(shown, previous, [icon("back"), "Back"], class_="back")
        if previous
        else tag("span", icon("logo"), "Polar Appliance", class_="brand")
    )
    count = tag("span", f"{place + 1} / {len(steps)}", aria_hidden="true", class_="count")
    dots = [
        tag(
            "li",
            tag("span", NAMES[each], class_="sr name"),
            class_="past" if index < place else None,
            aria_current="step" if index == place else None,
        )
        for index, each in enumerate(steps)
    ]
    return html.text(
        tag("header", left, count, class_="top"),
        tag("nav", tag("ol", dots, class_="steps"), aria_label="Steps of the set-up"),
    )


def _banners(shown: Shown, step: Step) -> Html:
    """What went wrong and has no field on this page."""
    names = FIELDS.get(step, frozenset())
    at_field = {text for name, text in shown.errors.items() if name in names}
    others = [text for name, text in shown.errors.items() if name not in names]
    texts = dict.fromkeys([*others, shown.view.record.problem])
    unique = [text for text in texts if text and text not in at_field]
    return html.text(
        tag("p", shown.context.flash, class_="banner", role="status")
        if shown.context.flash
        else None,
        [tag("div", text, class_="banner bad", role="alert") for text in unique],
    )


def go_form(shown: Shown, step: Step, label: Content, **attributes: Attribute) -> Html:
    """A button that leads to ``step`` without an answer."""
    return html.form(
        shown.context, "/setup/go", html.button(label, name="step", value=step, **attributes)
    )


def card(*content: Content) -> Html:
    """A block of the page."""
    return tag("section", *content, class_="card")


def actions(*content: Content) -> Html:
    """The buttons at the end of a page or form, the first the main one."""
    return tag("div", *content, class_="actions")


def part(name: str, content: Content, *, spoken: bool = True) -> Html:
    """Something that the script replaces when it changes; read aloud where ``spoken``."""
    inner = html.text(content)
    return tag(
        "div",
        inner,
        data_part=name,
        data_tag=tag_of(inner),
        aria_live="polite" if spoken else None,
    )


def tag_of(content: Html) -> str:
    """Tells the script whether a part is another one now."""
    return f"{zlib.crc32(content.encode()):x}"


def busy(text: str) -> Html:
    """Something is under way."""
    return tag("p", text, class_="busy")


def errand_text(errand: Errand) -> Html:
    """What became of ``errand``, or that it runs."""
    if errand.progress is Progress.RUNNING:
        return busy(errand.text or "One moment …")
    if errand.progress is Progress.NONE or not errand.text:
        return html.NOTHING
    good = errand.progress is Progress.DONE
    return tag("p", errand.text, class_=f"banner {'good' if good else 'bad'}")


class Fields:
    """The fields of one form in their order: errors at their field, the first wrong one first.

    ``names`` are all names of the form in the order in which they stand on the page.
    """

    def __init__(self, shown: Shown, *names: str) -> None:
        self._shown = shown
        self._first = next((name for name in names if shown.error(name)), "")

    def text(
        self, name: str, label: Content, value: object = "", hint: Content = None, **more: Attribute
    ) -> Html:
        """An input; ``type="password"`` is always empty."""
        return html.field(
            name,
            label,
            self._shown.value(name, value),
            hint=hint,
            error=self._shown.error(name),
            autofocus=name == self._first,
            **more,
        )

    def secret(self, name: str, label: Content, hint: Content = None, **more: Attribute) -> Html:
        """A password or PIN: always empty, with a switch that shows what is typed."""
        switch = tag(
            "label",
            tag("input", type="checkbox", data_shows=f"f-{name}"),
            " Show it",
            class_="tick",
            data_script=True,
            hidden=True,
        )
        entry = self.text(
            name,
            label,
            hint=hint,
            type="password",
            spellcheck="false",
            autocapitalize="none",
            **more,
        )
        return tag("div", entry, switch, class_="secret")

    def select(
        self,
        name: str,
        label: Content,
        options: list[tuple[str, Content]],
        chosen: object = "",
        hint: Content = None,
        **more: Attribute,
    ) -> Html:
        """A choice of (value, what is shown)."""
        return html.select(
            name,
            label,
            options,
            self._shown.value(name, chosen),
            hint=hint,
            error=self._shown.error(name),
            autofocus=name == self._first,
            **more,
        )

    def tick(self, name: str, label: Content, **more: Attribute) -> Html:
        """A box to tick; sends ``on``."""
        error = self._shown.error(name)
        box = tag(
            "input",
            type="checkbox",
            id=f"f-{name}",
            name=name,
            aria_invalid="true" if error else None,
            aria_describedby=f"e-{name}" if error else None,
            autofocus=name == self._first,
            **more,
        )
        line = tag("p", error, class_="error", id=f"e-{name}") if error else None
        return tag("div", tag("label", box, " ", label, class_="tick"), line, class_="field")
