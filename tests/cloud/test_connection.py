import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from appliance.cloud import connection as module
from appliance.cloud.connection import CloudConnection, tls_context
from appliance.errors import CloudError, ConfigError
from appliance.host import clock
from tests.cloud.peers import PATIENCE, network, status_server


async def refusal(url: str, *, timeout: float = PATIENCE) -> CloudError:
    """What a person is told when `url` cannot be opened."""
    with pytest.raises(CloudError) as refused:
        await CloudConnection.open(url, ssl=tls_context(), timeout=timeout)
    assert refused.value.long.endswith(".")
    return refused.value


@asynccontextmanager
async def web_server(handler: web.RequestHandler | object) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_unknown_name_is_said() -> None:
    error = await refusal("https://status.polar.invalid")
    assert "status.polar.invalid cannot be found" in error.long
    assert error.short == "No internet?"


async def test_refused_connection_is_said() -> None:
    async with network(0) as nothing:
        nothing.cut()
        error = await refusal(nothing.url)
    assert "refused the connection" in error.long


async def test_another_web_server_is_said() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="welcome")

    async with web_server(page) as url:
        assert "HTTP 200" in (await refusal(url)).long


async def test_status_of_the_answer_is_said() -> None:
    async def busy(_: web.Request) -> web.Response:
        raise web.HTTPServiceUnavailable

    async with web_server(busy) as url:
        error = await refusal(url)
    assert "HTTP 503" in error.long
    assert error.short == "Cloud: HTTP 503"


async def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/other/")

    async with web_server(elsewhere) as url:
        assert "/other/" in (await refusal(url)).long
    assert asked == ["/socket.io/"]


async def test_silence_ends_with_the_time_limit() -> None:
    async with status_server("v4") as server, network(server.port) as between:
        between.stall()
        error = await refusal(between.url, timeout=0.3)
    assert "did not answer" in error.long


async def test_hanging_up_while_opening_is_said() -> None:
    async with network(1) as nobody_behind:  # port 1: the proxy takes the call and drops it
        assert "broke the connection off" in (await refusal(nobody_behind.url)).long


async def test_plain_http_server_behind_https_is_said() -> None:
    async with status_server("v4") as server:
        error = await refusal(server.url.replace("http:", "https:"))
    assert error.short in ("TLS problem", "Cloud unreachable")


async def test_proxy_settings_of_the_environment_are_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("WS_PROXY", "http://127.0.0.1:1")
    async with status_server("v4") as server:
        connection = await CloudConnection.open(server.url)
        await connection.close()


@pytest.mark.parametrize("version", ["v1", "v4"])
async def test_self_signed_is_refused_and_accepted_through_ca_file(
    version: str, certificate: Path
) -> None:
    key = certificate.with_name("key.pem")
    async with status_server(version, cert=certificate, key=key) as server:
        url = server.url.replace("http:", "https:")
        error = await refusal(url)
        assert "self-signed" in error.long
        assert error.short == "Bad certificate"
        trusting = tls_context(str(certificate))
        connection = await CloudConnection.open(url, ssl=trusting)
        try:
            async for event, _ in connection:
                assert event == "welcome"
                break
        finally:
            await connection.close()
        report = await server.report()
        assert report["connections"] == 1


async def test_a_certificate_of_tomorrow_waits_for_the_time_where_nothing_has_set_it(
    later_certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """timesyncd starts the clock where the image was built: plausible, and months late."""
    monkeypatch.setattr(clock.unsynchronized, "__defaults__", (tmp_path,))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(later_certificate, later_certificate.with_name("key.pem"))
    trusting = tls_context(str(later_certificate))
    async with await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0, ssl=server) as tls:
        url = f"https://127.0.0.1:{tls.sockets[0].getsockname()[1]}"
        with pytest.raises(CloudError) as refused:
            await CloudConnection.open(url, ssl=trusting)
        assert refused.value.long == clock.WAITING
        assert len(refused.value.short) <= 20
        (tmp_path / "synchronized").touch()
        with pytest.raises(CloudError, match=r"does not prove that it is itself .*not yet valid"):
            await CloudConnection.open(url, ssl=trusting)


async def test_a_certificate_for_another_name_is_refused(certificate: Path) -> None:
    key = certificate.with_name("key.pem")
    async with status_server("v4", cert=certificate, key=key) as server:
        with pytest.raises(CloudError, match="does not prove"):
            await CloudConnection.open(
                f"https://localhost:{server.port}", ssl=tls_context(str(certificate))
            )


def test_tls_context_verifies_names_and_chains() -> None:
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_useless_ca_file_is_said(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"cloud\.ca_file: .*authorities\.pem"):
        tls_context(str(file))


@pytest.mark.parametrize("version", ["v1", "v4"])
async def test_cut_network_ends_the_iteration_with_a_reason(version: str) -> None:
    async with status_server(version) as server, network(server.port) as between:
        connection = await CloudConnection.open(between.url)
        with pytest.raises(CloudError):
            async with asyncio.timeout(PATIENCE):
                async for event, _ in connection:
                    assert event == "welcome"
                    between.cut()
        with pytest.raises(CloudError):
            await connection.emit("status", {})
        await connection.close()
        await between.restore()
        again = await CloudConnection.open(between.url)
        await again.close()


async def test_closing_ends_the_iteration_and_the_server_sees_it() -> None:
    async with status_server("v4") as server:
        connection = await CloudConnection.open(server.url)
        reading = asyncio.create_task(_events(connection))
        await connection.close()
        await connection.close()
        async with asyncio.timeout(PATIENCE):
            assert await reading in ([], ["welcome"])
        await server.heard(lambda line: "disconnect" in line)
        with pytest.raises(CloudError, match="closed"):
            await connection.emit("status", {})


async def _events(connection: CloudConnection) -> list[str]:
    return [event async for event, _ in connection]


async def test_events_wait_for_a_slow_reader_and_none_is_lost() -> None:
    async with status_server("v4") as server:
        connection = await CloudConnection.open(server.url)
        for number in range(3 * module.QUEUE_LENGTH):
            server.order(emit=["command", number])
        await server.report()  # all of them are on their way
        numbers: list[object] = []
        async with asyncio.timeout(PATIENCE):
            async for event, payload in connection:
                if event == "command":
                    numbers.append(payload)
                if len(numbers) == 3 * module.QUEUE_LENGTH:
                    break
        await connection.close()
    assert numbers == [*range(3 * module.QUEUE_LENGTH)]


async def test_a_reader_that_hangs_costs_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL_TIMEOUT", 0.05)
    async with status_server("v4") as server:
        connection = await CloudConnection.open(server.url)
        for number in range(module.QUEUE_LENGTH + 1):
            server.order(emit=["command", number])
        await asyncio.wait_for(connection.lost(), PATIENCE)
        with pytest.raises(CloudError, match="worked through"):
            await _events(connection)
        await connection.close()
