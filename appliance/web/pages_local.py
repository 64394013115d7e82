"""The local page: what is going on, what can be done about it, and the settings. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from appliance.printer.api import PauseKind
from appliance.setup.api import Step
from appliance.web import html
from appliance.web.html import Attribute, Content, Html, PageContext, tag
from appliance.web.icons import icon
from appliance.web.pages_parts import NAMES, tag_of
from appliance.web.uploads import KEPT, Stored
from appliance.web.words import Words, pause_in_words

MEGABYTE: Final = 1e6
SETTINGS: Final = (Step.NETWORK, Step.TIME, Step.PRINTER, Step.CAMERA, Step.PANEL, Step.CLOUD)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the first page depends on."""

    words: Words
    context: PageContext
    files: Sequence[Stored] = ()
    profile: Stored | None = None  # what models are sliced with
    camera: bool = False
    max_upload: int = 0  # bytes
    error: str = ""  # why the last wish was not carried out


class Act(msgspec.Struct, frozen=True):
    """Something that is asked about before it is done."""

    address: str  # what its form is posted to
    title: str
    text: str
    label: str  # of the button that does it
    back: str  # where no leads to


ACTS: Final[Mapping[str, Act]] = {
    "cancel": Act(
        "/do/cancel",
        "Cancel this print?",
        "The print ends, heaters and motors are switched off. It cannot be taken up again.",
        "Cancel the print",
        "/",
    ),
    "restart": Act(
        "/do/restart",
        "Restart the appliance's program?",
        "This page is away for some seconds. A print goes on meanwhile.",
        "Restart the program",
        "/settings",
    ),
    "reboot": Act(
        "/do/reboot",
        "Restart the device?",
        "The whole device starts again; that takes about a minute. A print would be lost, "
        "so this is refused while something is printed.",
        "Restart the device",
        "/settings",
    ),
    "shutdown": Act(
        "/do/shutdown",
        "Switch the device off?",
        "Take its power away and give it back to switch it on again. This is refused while "
        "something is printed.",
        "Switch off",
        "/settings",
    ),
    "new-key": Act(
        "/do/new-key",
        "Make a new API key?",
        "Slicers that know the old one can send nothing more until they are given the new one.",
        "Make a new key",
        "/settings",
    ),
}


def home(shown: Shown) -> Html:
    """The first page."""
    part = {
        name: _part(name, content(shown), spoken=name == "state") for name, content in PARTS.items()
    }
    blocks = (
        _alert("error", shown.error),
        [part[name] for name in ("state", "progress", "controls", "notices")],
        _camera() if shown.camera else None,
        part["temperatures"],
        _send(shown),
        _files(shown),
        _profile(shown),
        part["about"],
    )
    return _frame("Printer", "/", *blocks, context=shown.context, live=True)


def parts(shown: Shown) -> dict[str, tuple[str, str]]:
    """What the script replaces: tag and HTML by name."""
    made = {name: content(shown) for name, content in PARTS.items()}
    return {name: (tag_of(content), str(content)) for name, content in made.items()}


def settings(context: PageContext, api_key: str, address: str) -> Html:
    """Links to every step, the slicers' key, logs, and restarting."""
    rows = [
        tag("li", html.button([icon(step.value), NAMES[step]], name="step", value=step.value))
        for step in SETTINGS
    ]
    steps = _card(
        tag("h2", "Set up"),
        html.form(context, "/setup/open", tag("ul", rows, class_="links")),
    )
    return _frame(
        "Settings",
        "/settings",
        steps,
        _slicers(api_key, address),
        _card(
            tag("h2", "Log"),
            tag(
                "p",
                "What the appliance did, for whoever helps you. Passwords, PINs and keys are "
                "taken out of it.",
                class_="note",
            ),
            tag("a", "Download the log", href="/logs", class_="button", download=True),
        ),
        _card(
            tag("h2", "Restart"),
            tag(
                "div",
                _ask("restart", "Restart the program"),
                _ask("reboot", "Restart the device"),
                _ask("shutdown", "Switch off"),
                class_="row",
            ),
        ),
        context=context,
    )


def confirm(context: PageContext, act: Act, subject: str = "") -> Html:
    """Ask before it is done."""
    return _frame(
        act.title,
        act.back,
        _card(
            tag("p", subject, class_="lead") if subject else None,
            tag("p", act.text),
            html.form(
                context,
                act.address,
                tag(
                    "div",
                    html.button(act.label, class_="danger"),
                    tag("a", "No, go back", href=act.back, class_="button"),
                    class_="row",
                ),
            ),
        ),
        context=context,
    )


def told(context: PageContext, title: str, text: str, back: str = "/") -> Html:
    """One sentence, and the way back."""
    link = tag("a", "Go back", href=back, class_="button")
    return _frame(title, back, _card(tag("p", text, role="alert"), link), context=context)


# The parts that change while the page is open.


def _state(shown: Shown) -> Html:
    words = shown.words
    detail = tag("p", words.detail) if words.detail else None
    return _card(
        tag("p", words.headline, class_=f"headline {words.tone}", id="headline"),
        detail,
        tag("p", words.job.name, class_="job") if words.job else None,
        _picture(words.job.picture) if words.job and words.job.picture else None,
    )


def _picture(key: str) -> Html:
    address = f"/model-picture/{key}"
    return tag("img", src=address, alt="The model as its slicer drew it", class_="model")


def _progress(shown: Shown) -> Html:
    job = shown.words.job
    if job is None or job.percent is None:
        return html.NOTHING
    number = f"{int(job.percent)} %"
    return _card(
        tag("h2", "Progress", class_="sr"),
        tag("p", number, class_="percent"),
        tag("progress", number, value=job.percent, max=100, aria_label="Done"),
        _facts(job.facts),
    )


def _controls(shown: Shown) -> Html:
    words, context = shown.words, shown.context
    rows: list[Content] = []
    if words.plate_full:
        rows.append(
            html.form(
                context, "/do/plate-clear", html.button("Build plate is clear", class_="primary")
            )
        )
    if words.can_resume:
        rows.append(html.form(context, "/do/resume", html.button("Resume", class_="primary")))
    if words.can_pause:
        kinds = [
            html.button(pause_in_words(kind), name="kind", value=kind.value) for kind in PauseKind
        ]
        rows.append(html.form(context, "/do/pause", tag("div", kinds, class_="row")))
    if words.can_cancel:
        rows.append(_ask("cancel", "Cancel the print", class_="button bad"))
    if not rows:
        return html.NOTHING
    return _card(tag("h2", "What to do", class_="sr"), rows)


def _notices(shown: Shown) -> Html:
    words = shown.words
    return html.text(
        tag("p", words.notice, class_="banner", id="notice") if words.notice else None,
        tag("p", "Last from the cloud – ", words.last, class_="banner") if words.last else None,
    )


def _temperatures(shown: Shown) -> Html:
    words = shown.words
    heat = _facts(words.temperatures, "facts heat") if words.temperatures else None
    return _card(tag("h2", "Temperatures"), heat or tag("p", "Not known yet.", class_="note"))


def _about(shown: Shown) -> Html:
    return _card(tag("h2", "Appliance"), _facts(shown.words.facts))


PARTS: Final[Mapping[str, Callable[[Shown], Html]]] = {
    "state": _state,
    "progress": _progress,
    "controls": _controls,
    "notices": _notices,
    "temperatures": _temperatures,
    "about": _about,
}


# The parts that stay.


def _camera() -> Html:
    return _card(
        tag("h2", "Camera"),
        tag(
            "div",
            tag("img", src="/live.mjpeg", alt="Live picture of the printer", id="live"),
            class_="view",
        ),
        tag("p", "The camera gives no picture now; it is tried again.", class_="note",
            id="no-live", hidden=True),
    )  # fmt: skip


def _send(shown: Shown) -> Html:
    """The token comes in the address: the body is read while it is stored."""
    megabytes = f"{shown.max_upload / MEGABYTE:.0f} MB"
    chooser = tag(
        "input", type="file", id="file", name="file", required=True,
        accept=".gcode,.gco,.g,.nc,.ngc,.stl,.3mf", aria_describedby="h-file",
    )  # fmt: skip
    return _card(
        tag("h2", "Print a file"),
        tag(
            "form",
            tag("label", "G-code, STL or 3MF", for_="file"),
            chooser,
            tag("p", f"At most {megabytes}. {_slicing(shown)}", class_="hint", id="h-file"),
            tag("progress", max=100, id="sent", hidden=True, aria_label="Sent"),
            tag(
                "div",
                html.button("Send and print", class_="primary", name="print", value="true"),
                html.button("Send only", name="print", value="false"),
                class_="row",
            ),
            method="post",
            action=f"/upload?csrf={shown.context.csrf}",
            enctype="multipart/form-data",
            id="send",
        ),
    )


def _slicing(shown: Shown) -> str:
    if shown.profile is None:
        return "For an STL this device needs slicing settings first, see below."
    return f"An STL is sliced here with the settings of {shown.profile.name}."


def _profile(shown: Shown) -> Html:
    """The settings that models are sliced with; without a script, as all of this."""
    kept = shown.profile
    chooser = tag(
        "input", type="file", id="profile", name="file", required=True,
        accept=".ini,.cfg,.txt", aria_describedby="h-profile",
    )  # fmt: skip
    return _card(
        tag("h2", "Slicing settings"),
        tag("p", f"{kept.name}, of {_at(kept)}", class_="name") if kept is not None else None,
        tag(
            "form",
            tag("label", "Settings of your slicer", for_="profile"),
            chooser,
            tag(
                "p",
                "STL files are sliced on this device with them. In PrusaSlicer: File, Export, "
                "Export Config. A 3MF brings its own.",
                class_="hint",
                id="h-profile",
            ),
            html.button("Replace them" if kept is not None else "Keep them"),
            method="post",
            action=f"/profile?csrf={shown.context.csrf}",
            enctype="multipart/form-data",
        ),
    )


def _files(shown: Shown) -> Html:
    if not shown.files:
        return html.NOTHING
    rows = [
        tag(
            "li",
            tag("div", tag("span", file.name, class_="name"), tag("small", _size(file))),
            html.form(
                shown.context,
                "/do/print",
                tag("input", type="hidden", name="name", value=file.name),
                html.button("Print", aria_label=f"Print {file.name}"),
            ),
        )
        for file in shown.files
    ]
    return _card(
        tag("h2", "Files that were sent"),
        tag("ul", rows, class_="files"),
        tag("p", f"The last {KEPT} are kept.", class_="note"),
    )


def _size(file: Stored) -> str:
    return f"{max(0.1, file.size / MEGABYTE):.1f} MB, {_at(file)}"


def _at(file: Stored) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(file.at))


def _slicers(api_key: str, address: str) -> Html:
    return _card(
        tag("h2", "Send from a slicer"),
        tag(
            "p",
            "PrusaSlicer, OrcaSlicer and Cura send to this device as to an OctoPrint: "
            "choose OctoPrint there, and enter this address and key.",
        ),
        tag("label", "Address", for_="address"),
        tag("input", id="address", value=address, readonly=True),
        tag("label", "API key", for_="api-key"),
        tag("input", id="api-key", value=api_key, readonly=True, autocomplete="off",
            spellcheck="false"),
        tag(
            "div",
            html.button("Copy the key", type="button", data_copies="api-key", data_script=True,
                        hidden=True),
            _ask("new-key", "Make a new key"),
            class_="row",
        ),
        tag("p", class_="note", id="copied", role="status"),
    )  # fmt: skip


def _ask(name: str, label: str, class_: str = "button") -> Html:
    return tag("a", label, href=f"/confirm/{name}", class_=class_)


def _facts(facts: Iterable[tuple[str, str]], class_: str = "facts") -> Html:
    rows = [tag("div", tag("dt", label), tag("dd", text)) for label, text in facts]
    return tag("dl", rows, class_=class_)


def _card(*content: Content) -> Html:
    return tag("section", *content, class_="card")


def _alert(name: str, text: str) -> Html:
    if not text:
        return html.NOTHING
    return tag("div", text, class_="banner bad", role="alert", id=name)


def _part(name: str, content: Html, *, spoken: bool) -> Html:
    live: Attribute = "polite" if spoken else None
    return tag(
        "div",
        content,
        class_="part",
        data_local=name,
        data_tag=tag_of(content),
        aria_live=live,
    )


def _frame(title: str, here: str, *body: Content, context: PageContext, live: bool = False) -> Html:
    """One of the local pages: the ways to the others, then its blocks."""
    links = [
        tag("a", label, href=to, aria_current="page" if to == here else None)
        for to, label in (("/", "Printer"), ("/settings", "Settings"))
    ]
    brand = tag("span", icon("logo"), "Polar Appliance", class_="brand")
    flash = tag("p", context.flash, class_="banner good", role="status") if context.flash else None
    lost = tag(
        "p",
        "The printer does not answer. This page goes on by itself once it does.",
        class_="banner wait",
        id="lost",
        role="status",
        hidden=True,
    )
    return html.page(
        title,
        tag("header", brand, tag("nav", links, aria_label="Pages"), class_="top local"),
        tag("h1", title),
        flash,
        lost,
        tag("div", body, class_="local-page", data_live="yes" if live else None),
        context=msgspec.structs.replace(context, flash=""),
        head=tag("link", rel="stylesheet", href="/static/local.css"),
        scripts=("/static/page.js", "/static/local.js"),
        heading=False,
    )
