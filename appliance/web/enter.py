"""The pages for a browser that was not let in yet: the code, the password, the first claim."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from aiohttp import web

from appliance.web import html
from appliance.web.access import Access, Caller, NotLetIn, Ways, in_words
from appliance.web.codes import Answer, Asking
from appliance.web.html import Html, PageContext, tag
from appliance.web.need import Need
from appliance.web.routes import Route, json, page_context, see_other, show

SESSION_COOKIE = "session"
VISITOR_COOKIE = "visitor"
COOKIE_AGE = 365 * 24 * 3600  # seconds; the device forgets an unused session much earlier

_NO_JS_REFRESH = 3  # seconds
_COOKIES = (
    "This browser keeps no cookies, so the device cannot recognise it. "
    "Allow cookies for this address (a private window does it, too), then try again."
)


class EnterPages:
    """Everything a stranger gets. ``caller`` tells who sent a request."""

    def __init__(self, access: Access, caller: Callable[[web.Request], Caller], name: str) -> None:
        self._access = access
        self._caller = caller
        self._name = name

    def routes(self) -> list[Route]:
        """The addresses that need nothing, and signing out."""
        return [
            Route("GET", "/enter", self._enter, Need.OPEN, quiet=True),
            Route("GET", "/enter/state", self._state, Need.OPEN, quiet=True),
            Route("POST", "/enter/password", self._password, Need.OPEN),
            Route("POST", "/enter/claim", self._claim, Need.OPEN),
            Route("POST", "/leave", self._leave, Need.SESSION),
        ]

    def hop(self, request: web.Request) -> web.Response:
        """The first answer to a stranger: go to the code page, from a page of our own.

        A link on another site's page does not send our cookies along (SameSite=Strict), so
        whoever follows one looks like a stranger until the next request, which comes from here.
        """
        return hop_to(f"/enter?to={quote(request.rel_url.path_qs, safe='/')}")

    async def _enter(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        to = safe_target(request.query.get("to", ""))
        if self._access.known(caller):
            return see_other(to)
        if not caller.visitor:
            if "to" not in request.query:
                return hop_to("/enter?to=/")
            return self._page(request, to, [tag("p", _COOKIES), _again("/enter", "Try again")])
        admitted = self._access.admit(caller)
        if admitted:
            return let_in(see_other(to), admitted)
        ways = self._access.ways(caller)
        if ways.claim:
            return self._page(request, to, self._claim_form(request, to))
        ask = self._access.see if "wait" in request.query else self._access.ask
        answer = ask(caller)
        self._withdraw_after(answer)
        return self._page(request, to, self._asking(request, ways, answer, to), answer)

    def _withdraw_after(self, answer: Answer) -> None:
        """The panel must not show a code that nobody asks about any more."""
        if answer.asking is Asking.SHOWN:
            loop = asyncio.get_running_loop()
            loop.call_later(answer.seconds + 0.05, self._access.tick)

    async def _state(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        if self._access.known(caller):
            return json(Answer(Asking.ADMITTED))
        admitted = self._access.admit(caller) if caller.visitor else ""
        if admitted:
            return let_in(json(Answer(Asking.ADMITTED)), admitted)
        return json(self._access.see(caller))

    async def _password(self, request: web.Request) -> web.Response:
        form = await request.post()
        to = safe_target(str(form.get("to", "")))
        caller = self._caller(request)
        try:
            admitted = await self._access.enter(caller, str(form.get("password", "")))
        except NotLetIn as error:
            ways, answer = self._access.ways(caller), self._access.see(caller)
            body = self._asking(request, ways, answer, to, error.long)
            return self._page(request, to, body, answer, status=403)
        return let_in(see_other(to), admitted)

    async def _claim(self, request: web.Request) -> web.Response:
        form = await request.post()
        to = safe_target(str(form.get("to", "")))
        admitted = self._access.claim(self._caller(request))
        return let_in(see_other(to), admitted) if admitted else hop_to(_enter_at(to))

    async def _leave(self, request: web.Request) -> web.Response:
        self._access.sign_out(self._caller(request))
        response = see_other("/")
        response.del_cookie(SESSION_COOKIE)
        return response

    # What they look like.

    def _page(
        self,
        request: web.Request,
        to: str,
        body: list[Html],
        answer: Answer | None = None,
        status: int = 200,
    ) -> web.Response:
        waiting = answer is not None and answer.asking is not Asking.GONE
        reload = f"{_NO_JS_REFRESH};url={_enter_at(to)}&wait"
        refresh = tag("meta", http_equiv="refresh", content=reload)
        frame = tag(
            "div",
            body,
            class_="enter",
            data_asking=answer.asking if answer is not None and waiting else None,
            data_code=answer.code if answer is not None and waiting else None,
            data_to=to,
        )
        return show(
            html.page(
                "Allow this browser",
                frame,
                context=page_context(request),
                head=tag("noscript", refresh) if waiting else html.NOTHING,
                scripts=("/static/enter.js",),
            ),
            status,
        )

    def _asking(
        self, request: web.Request, ways: Ways, answer: Answer, to: str, wrong: str = ""
    ) -> list[Html]:
        parts = [self._password_form(request, to, wrong)] if ways.password else []
        if ways.panel:
            return [*_code(answer, to, f"on the panel of {self._name}"), *parts]
        if answer.asking is not Asking.SHOWN:
            return parts or _code(answer, to, "on the device")
        command = tag("code", f"polar-appliance allow {answer.code}")
        shell = tag("p", "On a command line of the device: ", command, class_="hint")
        return [*parts, shell]

    def _password_form(self, request: web.Request, to: str, wrong: str) -> Html:
        return html.form(
            page_context(request),
            "/enter/password",
            tag("input", type="hidden", name="to", value=to),
            html.field(
                "password",
                f"Password of {self._name}",
                type="password",
                autocomplete="current-password",
                required=True,
                error=wrong,
            ),
            html.button("Open"),
        )

    def _claim_form(self, request: web.Request, to: str) -> list[Html]:
        return [
            tag("p", f"{self._name} is new, and no browser set it up yet. Begin here?"),
            html.form(
                page_context(request),
                "/enter/claim",
                tag("input", type="hidden", name="to", value=to),
                html.button("Begin"),
            ),
        ]


def _code(answer: Answer, to: str, place: str) -> list[Html]:
    wait = in_words(answer.seconds)
    match answer.asking:
        case Asking.SHOWN:
            spoken = tag("span", " ".join(answer.code), class_="sr")
            digits = tag("p", tag("span", answer.code, aria_hidden="true"), spoken, class_="code")
            return [
                tag("p", f"The same number stands {place} now:"),
                digits,
                tag("p", "Compare the two, then press OK there.", role="status"),
            ]
        case Asking.BUSY:
            text = "Another browser is asking to be let in. This one is next, by itself."
            return [tag("p", text, role="status")]
        case Asking.WAIT:
            return [tag("p", f"Codes were asked for too often. Wait {wait}.", role="status")]
        case Asking.REFUSED:
            text = f"This browser was refused at the panel. It may ask again in {wait}."
            return [tag("p", text, role="status")]
        case _:
            text = "The number is not valid any more."
            return [tag("p", text, role="status"), _again(_enter_at(to), "Show another one")]


def _again(address: str, label: str) -> Html:
    return tag("p", tag("a", label, href=address, class_="button"))


def _enter_at(to: str) -> str:
    return f"/enter?to={quote(to, safe='/')}"


def hop_to(address: str) -> web.Response:
    """A page that does nothing but go to ``address``."""
    return show(
        html.page(
            "Allow this browser",
            tag("p", tag("a", "Go on", href=address)),
            context=PageContext(),
            head=tag("meta", http_equiv="refresh", content=f"0;url={address}"),
            scripts=(),
        ),
        403,
    )


def let_in(response: web.Response, token: str) -> web.Response:
    """Give the browser its session."""
    give_cookie(response, SESSION_COOKIE, token, COOKIE_AGE)
    response.del_cookie(VISITOR_COOKIE)
    return response


def give_cookie(
    response: web.StreamResponse, name: str, value: str, age: int | None = None
) -> None:
    """A cookie that no script reads and no other site sends; Secure is impossible over http."""
    response.set_cookie(name, value, max_age=age, httponly=True, samesite="Strict", path="/")


def safe_target(to: str) -> str:
    """An address of ours to go on to; anything else becomes the first page."""
    try:
        parts = urlsplit(to)
    except ValueError:
        return "/"
    plain = to.isascii() and to.isprintable() and "\\" not in to
    ours = not parts.scheme and not parts.netloc and to.startswith("/") and to[:2] != "//"
    return to if plain and ours and parts.path not in ("/enter", "/leave") else "/"
