"""HTML by plain functions: whatever is not marked as ``Html`` is escaped, always.

Text from outside can therefore never become markup. Attribute values are always quoted and
escaped, also those marked as Html; names of tags and attributes are ours and are checked.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import msgspec

VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "source"})
UNSAFE_SCHEME = "refused:"  # what stands in place of javascript: and its like

_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")
_ADDRESSES = frozenset({"href", "src", "action", "formaction"})
_RELATIVE = re.compile(r"(?:https?://|mailto:|[/?#]|\.{0,2}/|[A-Za-z0-9_.-]*(?:[/?#]|\Z))")


class Html(str):
    """Text that is markup already. Write ``Html("…")`` around literals of ours alone."""

    __slots__ = ()


Content = str | int | float | None | Iterable["Content"]
Attribute = str | int | float | bool | None

NOTHING = Html("")


class PageContext(msgspec.Struct, frozen=True, kw_only=True):
    """What every page of one request needs; made by the server."""

    csrf: str = ""  # for the field ``csrf`` of each form and the header X-CSRF
    path: str = "/"  # of this request
    flash: str = ""  # a sentence to be shown once
    signed_in: bool = False  # a session, not only the hotspot of the first boot


def text(*content: Content) -> Html:
    """``content`` one after the other: strings escaped, Html as it is, None as nothing."""
    return Html("".join(_pieces(content)))


def _pieces(content: Iterable[Content]) -> Iterable[str]:
    for item in content:
        if isinstance(item, Html):
            yield str(item)
        elif isinstance(item, str):
            yield html.escape(item)
        elif isinstance(item, int | float):
            yield str(item)
        elif item is not None:
            yield from _pieces(item)


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Html:
    """One element. ``class_`` is class, ``aria_label`` is aria-label; True is a bare attribute.

    None and False leave an attribute out. Addresses with a scheme other than http, https and
    mailto (``javascript:``) are replaced. Raises ValueError for a name that is none.
    """
    opened = f"<{_checked(name)}{''.join(_attributes(attributes))}>"
    if name in VOID:
        return Html(opened)
    return Html(f"{opened}{text(*content)}</{name}>")


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is not a name of a tag or an attribute.")
    return name


def _attributes(attributes: dict[str, Attribute]) -> Iterable[str]:
    for key, value in attributes.items():
        name = _checked(key.rstrip("_").replace("_", "-"))
        if value is None or value is False:
            continue
        if value is True:
            yield f" {name}"
            continue
        shown = str(value)
        if name in _ADDRESSES and not _RELATIVE.match(shown):
            shown = UNSAFE_SCHEME
        yield f' {name}="{html.escape(shown)}"'


def hidden_csrf(context: PageContext) -> Html:
    """The field without which no form is taken."""
    return tag("input", type="hidden", name="csrf", value=context.csrf)


def form(context: PageContext, action: str, *content: Content, **attributes: Attribute) -> Html:
    """A form that is posted to ``action``, with the token that proves it is ours."""
    return tag("form", hidden_csrf(context), content, method="post", action=action, **attributes)


def button(label: Content, **attributes: Attribute) -> Html:
    """A button; it sends its form unless ``type`` says otherwise."""
    return tag("button", label, **({"type": "submit"} | attributes))


def field(
    name: str,
    label: Content,
    value: str = "",
    *,
    hint: Content = None,
    error: str = "",
    **attributes: Attribute,
) -> Html:
    """A labelled input; hint and error are tied to it by aria-describedby.

    A password's value is never written into the page, whatever is handed in.
    """
    kind = attributes.pop("type", "text")
    shown = None if kind == "password" else value
    return _labelled(
        name,
        label,
        tag(
            "input",
            id=f"f-{name}",
            name=name,
            type=kind,
            value=shown,
            **_described(name, hint, error),
            **attributes,
        ),
        hint,
        error,
    )


def select(
    name: str,
    label: Content,
    options: Iterable[tuple[str, Content]],
    chosen: str = "",
    *,
    hint: Content = None,
    error: str = "",
    **attributes: Attribute,
) -> Html:
    """A labelled choice of (value, what is shown), tied to its hint and error as a field is."""
    rows = [tag("option", shown, value=key, selected=key == chosen) for key, shown in options]
    described = _described(name, hint, error)
    chooser = tag("select", rows, id=f"f-{name}", name=name, **described, **attributes)
    return _labelled(name, label, chooser, hint, error)


def checkbox(
    name: str, label: Content, checked: bool = False, *, hint: Content = None, error: str = ""
) -> Html:
    """A box to tick, with its label behind it; sends ``on`` when it is ticked."""
    box = tag(
        "input",
        id=f"f-{name}",
        name=name,
        type="checkbox",
        checked=checked,
        **_described(name, hint, error),
    )
    lines = _lines(name, hint, error)
    return tag("div", tag("label", box, " ", label, for_=f"f-{name}"), lines, class_="field check")


def _labelled(name: str, label: Content, control: Html, hint: Content, error: str) -> Html:
    caption = tag("label", label, for_=f"f-{name}")
    return tag("div", caption, control, _lines(name, hint, error), class_="field")


def _lines(name: str, hint: Content, error: str) -> list[Html]:
    lines = []
    if hint:
        lines.append(tag("p", hint, class_="hint", id=f"h-{name}"))
    if error:
        lines.append(tag("p", error, class_="error", id=f"e-{name}"))
    return lines


def _described(name: str, hint: Content, error: str) -> dict[str, Attribute]:
    by = [f"h-{name}"] * bool(hint) + [f"e-{name}"] * bool(error)
    return {
        "aria_describedby": " ".join(by) or None,
        "aria_invalid": "true" if error else None,
    }


def page(
    title: str,
    *body: Content,
    context: PageContext,
    head: Html = NOTHING,
    scripts: Iterable[str] = ("/static/page.js",),
    heading: bool = True,
) -> Html:
    """A whole page in the one frame: style sheet, scripts, title as heading, flash.

    ``head`` goes into <head> as it is. ``scripts`` are modules of ours under /static.
    """
    top = tag("h1", title) if heading else NOTHING
    flash = tag("p", context.flash, class_="flash", role="status") if context.flash else NOTHING
    main = tag("main", top, flash, body, id="main", tabindex=-1)
    frame = tag("body", main, data_csrf=context.csrf or None)
    return Html(f'<!doctype html>\n<html lang="en">{_head(title, head, scripts)}{frame}</html>\n')


def _head(title: str, more: Html, scripts: Iterable[str]) -> Html:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title, " – Polar Appliance"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/static/style.css"),
        [tag("script", src=address, type="module") for address in scripts],
        more,
    )
