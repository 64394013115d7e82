"""Every refusal in words: a page for a person, JSON for a program or a script of ours."""

from __future__ import annotations

from aiohttp import web

from appliance.errors import ApplianceError, JobRefused, PrinterError, StorageError
from appliance.web import html
from appliance.web.html import PageContext, tag
from appliance.web.routes import json, show

_TEXTS = {
    400: "The device did not understand that.",
    403: "That is not allowed.",
    404: "There is no such page.",
    405: "That cannot be done with this page.",
    408: "It took too long to arrive. Try again.",
    413: "That is too large.",
}
_TITLES = {403: "Not allowed", 404: "Not found", 413: "Too large", 500: "Something went wrong"}
_STATUS: dict[type[ApplianceError], int] = {
    JobRefused: 409,
    StorageError: 507,
    PrinterError: 503,
}


def wants_page(request: web.Request) -> bool:
    """Whether a person's browser asks for a page; programs and scripts get JSON."""
    return "text/html" in request.headers.get("Accept", "")


def refusal(request: web.Request, status: int, text: str) -> web.Response:
    """The answer that says what is wrong."""
    if not wants_page(request):
        return json({"error": text}, status)
    title = _TITLES.get(status, "Not done")
    back = tag("p", tag("a", "To the first page", href="/", class_="button"))
    body = tag("p", text, role="alert")
    return show(html.page(title, body, back, context=PageContext(), scripts=()), status)


def of_error(request: web.Request, error: ApplianceError) -> web.Response:
    """One of our own errors; it may bring its number as ``status``."""
    own = getattr(error, "status", None)
    if isinstance(own, int):
        return refusal(request, own, error.long)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    return refusal(request, status, error.long)


def of_http(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """One that aiohttp raised, or a handler with its text; redirects stay what they are."""
    if error.status < 400:
        return error
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = {"Allow": ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))}
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=allow)
        response = refusal(request, 405, _TEXTS[405])
        response.headers.update(allow)
        return response
    usual = f"{error.status}: {error.reason}"
    text = error.text if error.text and error.text != usual else ""
    if error.status == 413:
        text = _TEXTS[413]
    return refusal(request, error.status, text or _TEXTS.get(error.status, error.reason))
