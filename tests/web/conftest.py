"""What tests of the pages share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.web.desk import (
    FakeDesk,
    wizard_app,
)
from tests.web.visitor import Opened, Visitor


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    clients: list[TestClient] = []  # type: ignore[type-arg]

    async def open_(desk: FakeDesk, **more: object) -> Visitor:
        app = wizard_app(desk, **more)  # type: ignore[arg-type]
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return Visitor(client)

    yield open_
    for client in clients:
        await client.close()
