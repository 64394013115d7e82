"""What a person's browser does with the device's pages, as far as links and forms go."""

from __future__ import annotations

import html
import re
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

PATIENCE = 20.0  # seconds for one page
MOST_HOPS = 6


class Browser:
    """Keeps cookies, and follows redirects and pages that only lead to another one."""

    def __init__(self, address: str) -> None:
        self._base = f"http://{address}"
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.status = 0
        self.text = ""

    def open(self, path: str, fields: dict[str, str] | None = None) -> str:
        """The page at ``path``, to which ``fields`` are sent if there are any."""
        for _ in range(MOST_HOPS):
            self._fetch(path, fields)
            onward = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', self.text)
            if onward is None:
                return self.text
            path, fields = html.unescape(onward[1]), None
        raise AssertionError(f"The pages lead in a circle: {path}")

    def send(self, **fields: str) -> str:
        """Fill in the page's own form, and send it."""
        form = re.search(r'<form[^>]* action="([^"]*)".*?</form>', self.text, re.DOTALL)
        assert form is not None, self.text
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0])
        given = {name: html.unescape(value) for name, value in hidden}
        return self.open(html.unescape(form[1]), given | fields)

    def _fetch(self, path: str, fields: dict[str, str] | None) -> None:
        data = urlencode(fields).encode() if fields is not None else None
        request = Request(self._base + path, data, {"Accept": "text/html"})
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                self.status, self.text = answer.status, answer.read().decode()
        except HTTPError as error:
            self.status, self.text = error.code, error.read().decode()
