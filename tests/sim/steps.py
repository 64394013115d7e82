"""What several tests of the local cloud do on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

from appliance.sim.cloud import LocalCloud

Make = Callable[..., Any]


async def upload(slot: dict[str, Any], content: bytes, content_type: str) -> int:
    form = aiohttp.FormData()
    for name, value in slot["fields"].items():
        form.add_field(name, value)
    form.add_field("file", content, filename="file", content_type=content_type)
    async with aiohttp.ClientSession() as http, http.post(slot["url"], data=form) as answer:
        return answer.status


async def register(make: Make, cloud: LocalCloud, **changes: object) -> Any:
    printer = make(cloud=cloud)
    await printer.connect()
    answer = await printer.register(**changes)
    await printer.close()
    return answer
