"""A browser without JavaScript, for tests of the wizard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html.parser import HTMLParser

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from appliance.setup.api import Step
from tests.web.desk import (
    TOKEN,
)


class Reader(HTMLParser):
    """The elements of a page, by name, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def one(self, tag: str, **wanted: str) -> dict[str, str]:
        (found,) = self.all(tag, **wanted)
        return found


class Visitor:
    """A browser with its own cookies."""

    def __init__(self, client: TestClient) -> None:  # type: ignore[type-arg]
        self._client = client

    async def get(self, path: str) -> ClientResponse:
        return await self._client.get(path, allow_redirects=False)

    async def page(self, path: str) -> str:
        answer = await self._client.get(path)
        assert answer.status == 200, await answer.text()
        return await answer.text()

    async def post(self, path: str, **fields: str) -> ClientResponse:
        return await self._client.post(path, data={"csrf": TOKEN} | fields, allow_redirects=False)

    async def state(self, step: Step) -> dict[str, object]:
        answer = await self._client.get(f"/setup/state.json?step={step}")
        assert answer.headers["Cache-Control"] == "no-store"
        state: dict[str, object] = await answer.json()
        return state


Opened = Callable[..., Awaitable[Visitor]]
