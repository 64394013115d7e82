from __future__ import annotations

import json
import logging
import re

import aiohttp
import pytest
from aiohttp import web

from appliance.errors import ApplianceError, JobRefused
from appliance.web.passwords import hash_password
from appliance.web.routes import Need, Route
from appliance.web.server import SECURITY
from tests.web.doorway import (
    PAGE,
    SECRET,
    Doorway,
    Handled,
    browsing,
    by_hotspot,
    csrf_of_page,
    served,
    sign_in,
    table,
    text_of,
)

ROUTES = table(Handled())
GUARDED = [route for route in ROUTES if route.needs is not Need.OPEN]
FORMS = [r for r in ROUTES if r.method != "GET" and r.needs in (Need.SETUP, Need.SESSION)]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def address_of(route: Route) -> str:
    return route.path.replace("{name}", "x")


async def nobody_gets_in(http: aiohttp.ClientSession, route: Route, handled: Handled) -> None:
    methods = [route.method, "HEAD"] if route.method == "GET" else [route.method]
    for method in methods:
        for headers in (PAGE, {"Accept": "*/*"}, {"X-CSRF": "0" * 64}, {"X-Api-Key": "0" * 32}):
            path = address_of(route) + "?key=" + "0" * 32
            async with http.request(
                method, path, headers=headers, allow_redirects=False
            ) as response:
                assert response.status == 403, name_of(route)
                assert SECRET not in await response.text()
    assert handled.count == 0


# Who gets what.


@pytest.mark.parametrize("route", GUARDED, ids=name_of)
async def test_a_stranger_gets_no_route(route: Route) -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as web_server, browsing(web_server) as http:
        await nobody_gets_in(http, route, handled)
        # Nor with a code that nobody confirmed.
        await text_of(http, "/enter?to=/")
        await text_of(http, "/enter?to=/")
        assert len(door.shown) == 1
        await nobody_gets_in(http, route, handled)
        # Nor with cookies that nobody gave.
        http.cookie_jar.update_cookies({"session": "ab" * 32})
        await nobody_gets_in(http, route, handled)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_who_was_let_in_gets_every_route(route: Route) -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as web_server, browsing(web_server) as http:
        await sign_in(door, http)
        token = {"X-CSRF": await csrf_of_page(http, "/")}
        before = handled.count
        async with http.request(route.method, address_of(route), headers=token) as response:
            assert (response.status, handled.count) == (200, before + 1)
            assert SECRET in await response.text()


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_the_hotspot_of_the_first_boot_opens_the_wizard_alone(route: Route) -> None:
    door, handled = Doorway(), Handled()
    door.first_boot()
    async with served(door, table(handled), by_hotspot) as site, browsing(site) as http:
        token = {"X-CSRF": await csrf_of_page(http, "/setup/get")}
        before = handled.count
        async with http.request(route.method, address_of(route), headers=token) as response:
            allowed = route.needs in (Need.OPEN, Need.SETUP)
            assert response.status == (200 if allowed else 403)
            assert handled.count - before == allowed


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_the_api_key_opens_its_routes_alone_and_needs_no_token(route: Route) -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        key = {"X-Api-Key": door.access.api_key}
        async with http.request(route.method, address_of(route), headers=key) as response:
            opened = route.needs is Need.API_KEY or (
                route.needs is Need.OPEN and route.method == "GET"
            )
            assert (response.status == 200) is opened
            assert handled.count == opened


async def test_the_cameras_address_shows_the_picture_and_nothing_else() -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        key = f"?key={door.access.feed_key}"
        assert (await text_of(http, "/feed/get" + key))[0] == 200
        assert (await text_of(http, "/session/get" + key))[0] == 403
        async with http.post("/feed/post" + key) as response:
            assert response.status == 403  # no token


async def test_the_servers_own_addresses_tell_a_stranger_nothing() -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site:
        key = door.access.api_key
        for route in site.routes:
            if route.method != "GET" or route.needs is not Need.OPEN:
                continue
            async with browsing(site) as http:
                status, text = await text_of(http, route.path.replace("{name}", "style.css"))
                assert status in (200, 403)
                assert key not in text and door.access.feed_key not in text


# The code page.


async def test_two_browsers_see_two_codes_one_after_the_other() -> None:
    door = Doorway()
    async with (
        served(door, table(Handled())) as site,
        browsing(site) as one,
        browsing(site) as two,
    ):
        for http in (one, two):
            await text_of(http, "/")
        _, first = await text_of(one, "/enter?to=/")
        _, waiting = await text_of(two, "/enter?to=/")
        assert door.shown[0] in first
        assert door.shown[0] not in waiting and "Another browser" in waiting
        assert door.access.confirm(door.shown[0])
        assert json.loads((await text_of(two, "/enter/state"))[1])["asking"] == "busy"
        assert json.loads((await text_of(one, "/enter/state"))[1])["asking"] == "admitted"
        assert (await text_of(one, "/"))[0] == 200
        assert (await text_of(two, "/"))[0] == 403
        _, second = await text_of(two, "/enter?to=/")
        assert door.shown[-1] != door.shown[0] and door.shown[-1] in second


async def test_without_javascript_the_code_page_lets_in_by_itself() -> None:
    door = Doorway()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        _, hop = await text_of(http, "/files/a?b=c&d")
        found = re.search(r'content="0;url=([^"]+)"', hop)
        assert found
        _, page = await text_of(http, found[1])
        refresh = re.search(r'<noscript><meta [^>]*content="3;url=([^"]+)"', page)
        assert refresh
        again = refresh[1].replace("&amp;", "&")
        assert door.shown[-1] in (await text_of(http, again))[1]
        assert len(door.shown) == 1
        door.access.confirm(door.shown[-1])
        async with http.get(again, allow_redirects=False) as response:
            assert response.status == 303
            assert response.headers["Location"] == "/files/a?b=c&d"
        assert (await text_of(http, "/files/a?b=c&d"))[0] == 200


async def test_a_forgotten_code_page_does_not_light_the_panel_again_and_again() -> None:
    door = Doorway()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        await text_of(http, "/")
        await text_of(http, "/enter?to=/")
        door.time += 130
        assert json.loads((await text_of(http, "/enter/state"))[1])["asking"] == "gone"
        _, page = await text_of(http, "/enter?to=/&wait")
        assert "Show another one" in page and "<noscript>" not in page
        assert [code for code in door.shown if code] == door.shown[:1]


async def test_a_browser_without_cookies_is_told_so() -> None:
    door = Doorway()
    async with (
        served(door, table(Handled())) as site,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=PAGE) as http,
    ):
        status, page = await text_of(http, f"http://127.0.0.1:{site.port}/enter?to=/")
        assert status == 200 and "keeps no cookies" in page and "refresh" not in page
        assert door.shown == []


@pytest.mark.parametrize(
    "to",
    [
        "//evil.com",
        "///evil.com",
        "https://evil.com",
        "/\\evil.com",
        "evil",
        "/a\nb",
        "/enter?to=/",
        "http://[",
    ],
)
async def test_nobody_is_led_elsewhere(to: str) -> None:
    door = Doorway()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        await sign_in(door, http)
        async with http.get("/enter", params={"to": to}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/")


async def test_cookies_are_for_this_site_and_no_script() -> None:
    door = Doorway()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        async with http.get("/") as response:
            made = response.headers.getall("Set-Cookie")
        await text_of(http, "/enter?to=/")
        door.access.confirm(door.shown[-1])
        async with http.get("/enter/state") as response:
            made += [c for c in response.headers.getall("Set-Cookie") if "Max-Age=0" not in c]
        assert [cookie.partition("=")[0] for cookie in made] == ["visitor", "session"]
        for cookie in made:
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie


async def test_a_session_outlives_a_restart_and_ends_after_30_days_or_on_leaving() -> None:
    door = Doorway()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        await sign_in(door, http)
        saved = {c.key: c.value for c in http.cookie_jar}
    door.access = door.make()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        http.cookie_jar.update_cookies(saved)
        assert (await text_of(http, "/"))[0] == 200
        door.time += 31 * 86400.0
        assert (await text_of(http, "/"))[0] == 403
        await sign_in(door, http)
        token = await csrf_of_page(http, "/")
        again = {c.key: c.value for c in http.cookie_jar}
        async with http.post("/leave", data={"csrf": token}, allow_redirects=False) as response:
            assert response.status == 303
        http.cookie_jar.update_cookies(again)  # a copy of the cookie is worth nothing
        assert (await text_of(http, "/"))[0] == 403


# Password, and the first browser.


async def test_the_password_page_lets_in_and_slows_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    door = Doorway(panel=False, password=hash_password("correct horse"))
    async with served(door, table(Handled())) as site, browsing(site) as http:
        await text_of(http, "/")
        _, page = await text_of(http, "/enter?to=/session/get")
        assert 'type="password"' in page and "<noscript>" not in page  # typing is not cut off
        form = {"csrf": await csrf_of_page(http, "/enter?to=/"), "to": "/session/get"}
        for _ in range(3):
            wrong = form | {"password": "hunter2"}
            async with http.post("/enter/password", data=wrong) as response:
                text = await response.text()
                assert response.status == 403 and "not the password" in text
                assert 'aria-invalid="true"' in text and "hunter2" not in text
        right = form | {"password": "correct horse"}
        async with http.post("/enter/password", data=right) as response:
            assert "Too many" in await response.text()
        door.time += 2
        async with http.post("/enter/password", data=right, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/session/get")
        assert (await text_of(http, "/"))[0] == 200
    assert "hunter2" not in caplog.text and "correct horse" not in caplog.text


async def test_the_first_browser_begins_where_there_is_nothing_else() -> None:
    door = Doorway(panel=False)
    door.first_boot()
    async with (
        served(door, table(Handled())) as site,
        browsing(site) as one,
        browsing(site) as two,
    ):
        for http in (one, two):
            await text_of(http, "/")
        token = await csrf_of_page(one, "/enter?to=/")
        other = await csrf_of_page(two, "/enter?to=/")
        async with one.post("/enter/claim", data={"csrf": token, "to": "/"}) as response:
            assert SECRET in await response.text()
        async with two.post("/enter/claim", data={"csrf": other, "to": "/"}) as response:
            assert SECRET not in await response.text()
        assert "allow" in (await text_of(two, "/enter?to=/"))[1]
        assert (await text_of(two, "/"))[0] == 403


# Requests from elsewhere.


@pytest.mark.parametrize(
    "host", ["evil.com", "polar.evil.com", "127.0.0.1.evil.com", "", "a b", "10.42.0.1", "::::"]
)
@pytest.mark.parametrize("path", ["/", "/enter", "/static/style.css", "/nowhere", "/api-key/get"])
async def test_a_name_that_is_not_ours_gets_nothing(host: str, path: str) -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        await sign_in(door, http)
        before = handled.count
        headers = {"Host": host, "X-Api-Key": door.access.api_key}
        async with http.get(path, headers=headers, allow_redirects=False) as response:
            assert response.status == 421
            assert (await response.text()).startswith("This device is not called that.")
            assert "Set-Cookie" not in response.headers
        assert handled.count == before


@pytest.mark.parametrize("host", ["polar.local", "POLAR.local:8080", "localhost", "127.0.0.1"])
async def test_our_names_are_taken(host: str) -> None:
    door = Doorway()
    async with (
        served(door, table(Handled())) as site,
        browsing(site) as http,
        http.get("/open/get", headers={"Host": host}) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("route", FORMS, ids=name_of)
async def test_nothing_changes_without_the_token_of_this_browser(route: Route) -> None:
    door, handled = Doorway(), Handled()
    async with (
        served(door, table(handled)) as site,
        browsing(site) as http,
        browsing(site) as other,
    ):
        await sign_in(door, http)
        await sign_in(door, other)
        strange = await csrf_of_page(other, "/")
        right = await csrf_of_page(http, "/")
        before, path = handled.count, address_of(route)
        for headers in (
            {},
            {"X-CSRF": ""},
            {"X-CSRF": strange},
            {"X-CSRF": right, "Origin": "http://evil.com"},
            {"X-CSRF": right, "Origin": "null"},
            {"X-CSRF": right, "Sec-Fetch-Site": "cross-site"},
        ):
            async with http.request(route.method, path, headers=headers) as response:
                assert response.status == 403
        async with http.request(route.method, path, data={"csrf": strange}) as response:
            assert response.status == 403
        assert handled.count == before
        origin = {"Origin": f"http://127.0.0.1:{site.port}", "Sec-Fetch-Site": "same-origin"}
        for options in ({"data": {"csrf": right}}, {"headers": {"X-CSRF": right}}):
            headers = origin | options.get("headers", {})
            data = options.get("data")
            if route.streams and data:
                path, data = f"{path}?csrf={right}", None
            async with http.request(route.method, path, headers=headers, data=data) as response:
                assert response.status == 200
        assert handled.count == before + 2


async def test_a_token_in_the_address_counts_for_uploads_alone() -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        await sign_in(door, http)
        token = await csrf_of_page(http, "/")
        async with http.post(f"/session/post?csrf={token}") as response:
            assert response.status == 403


async def test_another_sites_page_cannot_open_a_socket() -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        await sign_in(door, http)
        before = handled.count
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "http://evil.com"}
        async with http.get("/session/get", headers=headers) as response:
            assert response.status == 403
        assert handled.count == before


async def test_a_form_of_several_parts_brings_its_token_too() -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        await sign_in(door, http)
        form = aiohttp.FormData({"csrf": await csrf_of_page(http, "/")})
        form.add_field("file", b"x", filename="x.txt")
        async with http.post("/session/post", data=form) as response:
            assert response.status == 200


# Answers.


async def test_every_answer_is_guarded_by_its_headers() -> None:
    door = Doorway()
    async with served(door, table(Handled())) as site, browsing(site) as http:
        for path in ("/", "/enter?to=/", "/nowhere", "/static/style.css", "/captive-portal"):
            async with http.get(path) as response:
                for name in SECURITY.keys() - {"Cache-Control"}:
                    assert response.headers[name] == SECURITY[name], path
                assert response.headers["Cache-Control"] in ("no-store", "no-cache")
        policy = SECURITY["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "http:" not in policy and "unsafe" not in policy


async def test_errors_are_pages_for_people_and_json_for_programs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refused(_request: web.Request) -> web.StreamResponse:
        raise JobRefused("A print is running <already>.")

    async def broken(_request: web.Request) -> web.StreamResponse:
        raise RuntimeError("secret detail")

    async def numbered(_request: web.Request) -> web.StreamResponse:
        error = ApplianceError("Too much.")
        error.status = 413  # type: ignore[attr-defined]
        raise error

    routes = [
        Route("GET", "/refused", refused, Need.OPEN),
        Route("GET", "/broken", broken, Need.OPEN),
        Route("GET", "/numbered", numbered, Need.OPEN),
    ]
    async with served(Doorway(), routes) as site, browsing(site) as http:
        for path, status, text in (
            ("/refused", 409, "A print is running <already>."),
            ("/broken", 500, "The device made a mistake."),
            ("/numbered", 413, "Too much."),
            ("/nowhere", 404, "There is no such page."),
            ("/static/server.py", 404, "There is no such page."),
            ("/static/..%2fserver.py", 404, "There is no such page."),
        ):
            found, page = await text_of(http, path)
            assert found == status and text.replace("<", "&lt;").replace(">", "&gt;") in page
            assert "<h1>" in page and "secret detail" not in page
            async with http.get(path, headers={"Accept": "application/json"}) as response:
                assert response.status == status
                assert (await response.json())["error"].startswith(text)
    assert "secret detail" in caplog.text  # with its traceback, in the log alone


async def test_methods_are_answered_right() -> None:
    door, handled = Doorway(), Handled()
    async with served(door, table(handled)) as site, browsing(site) as http:
        async with http.post("/session/get") as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
        async with http.options("/session/post") as response:
            assert (response.status, response.headers["Allow"]) == (204, "OPTIONS, POST")
            assert "Access-Control-Allow-Origin" not in response.headers
        async with http.head("/open/get") as response:
            assert response.status == 200 and await response.read() == b""
        assert handled.count == 1
