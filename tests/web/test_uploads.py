"""Files over the network: names, cuts, limits, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.web import uploads as module
from appliance.web.multipart import FormError
from appliance.web.uploads import AT_ONCE, KEPT, NAME_LIMIT, UploadRefused, Uploads, clean_name
from tests.web.local_world import GCODE, LIMIT, World, served
from tests.web.test_multipart import TYPE, written


@given(st.text(max_size=300))
@example("../../etc/passwd")
@example("..\\..\\boot.ini")
@example("C:\\fakepath\\benchy.gcode")
@example("/")
@example("..")
@example(".gcode")
@example("\x00\n\x1b[2J.gcode")
@example("ä" * 300 + ".gcode")
@example("\u202egpj.edocg")
@example("\ud800.gcode")
@example("CON.gcode")
def test_any_name_becomes_one_that_is_safe(raw: str) -> None:
    name = clean_name(raw)
    assert name == clean_name(name)
    assert Path(name).name == name
    assert name not in (".", "..")
    assert not name.startswith(".")
    assert 0 < len(name.encode()) <= NAME_LIMIT
    assert all(unicodedata.category(c)[0] != "C" for c in name)
    assert not set(name) & set('/\\:*?"<>|')
    assert name.lower().endswith((".gcode", ".gco", ".g", ".nc", ".ngc"))


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("benchy.gcode", "benchy.gcode"),
        ("../../x", "x.gcode"),
        ("Vase größer.GCODE", "Vase größer.GCODE"),
        ("a/b/c.g", "c.g"),
        ("part.stl", "part.stl.gcode"),
        ("", "Upload.gcode"),
        (".gcode", "Upload.gcode"),
    ],
)
def test_a_usual_name_stays(raw: str, name: str) -> None:
    assert clean_name(raw) == name


def form(name: str, content: bytes, **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False)
    for key, value in fields.items():
        data.add_field(key, value)
    data.add_field("file", content, filename=name, content_type="application/octet-stream")
    return data


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what only the disk tells."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        yield one


async def test_a_file_is_stored_and_printed(world: World) -> None:
    async with world.browser() as http:
        data = form("../../Vase.gcode", GCODE, print="true")
        async with http.post("/upload", data=data, allow_redirects=False) as answer:
            assert answer.status == 303
    assert world.left() == ["Vase.gcode"]
    (request,) = world.deeds.started
    assert (request.job_id, request.source.value, request.name) == ("123", "network", "Vase.gcode")
    assert Path(request.path).is_absolute()
    assert world.deeds.contents == [GCODE]
    assert world.deeds.view().status == 11  # TCP/IP, protocol section 3.12


async def test_a_file_may_only_be_stored_and_printed_later(world: World) -> None:
    async with world.browser() as http:
        await http.post("/upload", data=form("a.gcode", GCODE, print="false"))
        assert world.deeds.started == []
        await http.post("/do/print", data={"name": "a.gcode"})
        assert [job.name for job in world.deeds.started] == ["a.gcode"]
        async with http.post("/do/print", data={"name": "../a.gcode"}) as answer:
            assert answer.status == 409
            assert "There is no file called" in await answer.text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!doctype html><html>404</html>", "web page"),
        (b"solid cube\nfacet normal 0 0 0\n", "model (STL)"),
        (bytes(range(256)) * 40, "no text"),
        (b"PK\x03\x04" + b"\0" * 100, "ZIP"),
        (b"Dear printer,\nplease print.\n", "no G-code commands"),
        (b"; only comments\n", "no G-code commands"),
        (b"G1 X" + b"1" * 9000, "no G-code"),
    ],
)
async def test_what_is_no_gcode_is_refused_in_words(
    world: World, content: bytes, words: str
) -> None:
    data = form("x.gcode", content, print="true")
    async with world.browser() as http, http.post("/upload", data=data) as answer:
        assert answer.status == 400
        assert words in await answer.text()
    assert world.left() == []
    assert world.deeds.started == []


async def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(world: World) -> None:
    large = b"G1 X1 Y1\n" * (LIMIT // 9 + 2000)

    async with world.browser() as http:
        async with http.post("/upload", data=form("x.gcode", large)) as answer:
            assert answer.status == 413
            assert "2 MB" in await answer.text()
        # Without a length it is seen on the way.
        body = written([("file", "x.gcode", large)])

        async def stream() -> AsyncIterator[bytes]:
            for at in range(0, len(body), 65536):
                yield body[at : at + 65536]

        headers = {"Content-Type": TYPE}
        async with http.post("/upload", data=stream(), headers=headers) as answer:
            assert answer.status == 413
    assert world.left() == []


async def test_a_full_disk_is_said_and_old_files_give_way(tmp_path: Path) -> None:
    free = 0
    uploads = Uploads(tmp_path, LIMIT, reserve=100, free=lambda _: free)
    old = tmp_path / "old.gcode"
    old.write_bytes(b"G28\n" * 100)
    with pytest.raises(UploadRefused, match="no room") as refusal:
        uploads._make_room(1000)
    assert refusal.value.status == 507
    assert old.exists()
    free = 200
    uploads._make_room(400)
    assert not old.exists()


async def test_the_disk_may_fill_up_on_the_way(tmp_path: Path) -> None:
    free = 10**9
    uploads = Uploads(tmp_path, LIMIT, free=lambda _: free)
    incoming = uploads.begin("x.gcode")
    await incoming.write(b"G28\n" * 100_000)
    free = 0
    with pytest.raises(UploadRefused, match="no room"):
        for _ in range(module.LOOK_EVERY + 1):
            await incoming.write(b"G28\n" * (module.BLOCK // 4 // 4))
            await asyncio.to_thread(incoming._flush)
    incoming.discard()
    assert list(tmp_path.iterdir()) == []


async def test_only_the_last_files_are_kept(world: World) -> None:
    async with world.browser() as http:
        for number in range(KEPT + 3):
            await http.post("/upload", data=form(f"{number}.gcode", GCODE))
            path = world.folder / f"{number}.gcode"
            os.utime(path, (1_000_000 + number, 1_000_000 + number))
    assert world.left() == [f"{number}.gcode" for number in range(3, KEPT + 3)]


async def test_the_same_name_again_replaces_the_file(world: World) -> None:
    async with world.browser() as http:
        await http.post("/upload", data=form("a.gcode", GCODE))
        await http.post("/upload", data=form("a.gcode", GCODE + b"G28\n"))
    assert world.left() == ["a.gcode"]
    assert (world.folder / "a.gcode").read_bytes() == GCODE + b"G28\n"
    assert (world.folder / "a.gcode").stat().st_mode & 0o777 == 0o644


def test_what_an_earlier_life_left_is_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / ".0123.part").write_bytes(b"G28\n")
    (tmp_path / "kept.gcode").write_bytes(b"G28\n")
    Uploads(tmp_path, LIMIT).sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["kept.gcode"]
    Uploads(tmp_path / "missing", LIMIT).sweep()


class Wire:
    """A request's body that comes in pieces and is cut."""

    def __init__(self, pieces: list[bytes], error: Exception | None) -> None:
        self._pieces = pieces
        self._error = error

    async def readany(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._error is not None:
            raise self._error
        return b""


class Request:
    """As much of a request as an upload needs."""

    def __init__(self, body: bytes, size: int, error: Exception | None) -> None:
        self.headers = {"Content-Type": TYPE}
        self.content_length = None
        self.content = Wire([body[at : at + size] for at in range(0, len(body), size)], error)


CUTS = [None, ConnectionResetError("gone"), TimeoutError()]


@settings(max_examples=60)
@given(st.integers(0, 1300), st.integers(1, 700), st.sampled_from(CUTS), st.booleans())
def test_no_cut_leaves_a_file(
    tmp_path_factory: pytest.TempPathFactory,
    cut: int,
    size: int,
    error: Exception | None,
    last: bool,
) -> None:
    fields = [("print", None, b"true"), ("file", "x.gcode", GCODE[:900])]
    body = written(fields if last else [*reversed(fields)])
    cut = min(cut, body.rindex(b"--") + 1)
    folder = tmp_path_factory.mktemp("cut")
    uploads = Uploads(folder, LIMIT, block=128)  # much of it is on the disk before the cut
    with pytest.raises(FormError):
        asyncio.run(uploads.receive(Request(body[:cut], size, error)))  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []


async def test_a_connection_cut_on_the_wire_leaves_nothing(world: World) -> None:
    body = written([("file", "x.gcode", GCODE * 300)])
    head = (
        f"POST /api/files/local HTTP/1.1\r\nHost: 127.0.0.1:{world.server.port}\r\n"
        f"X-Api-Key: {world.access.api_key}\r\nContent-Type: {TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(head.encode() + body[: len(body) - 100])
    await writer.drain()
    await until(lambda: bool(world.left()))  # it has begun to be written
    writer.transport.abort()
    await until(lambda: not world.left())
    assert world.deeds.started == []


async def test_too_many_at_once_are_sent_away(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, LIMIT)
    begun = asyncio.Event()

    class Stuck:
        async def readany(self) -> bytes:
            begun.set()
            await asyncio.Event().wait()
            return b""

    request = Request(b"", 1, None)
    request.content = Stuck()  # type: ignore[assignment]
    tasks = [
        asyncio.create_task(uploads.receive(request))  # type: ignore[arg-type]
        for _ in range(AT_ONCE)
    ]
    async with asyncio.timeout(20):
        await begun.wait()
    await until(uploads._slots.locked)
    with pytest.raises(UploadRefused, match="Wait a little"):
        await uploads.receive(request)  # type: ignore[arg-type]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not uploads._slots.locked()


async def test_a_second_file_in_one_form_is_refused(world: World) -> None:
    async with world.browser() as http:
        data = form("a.gcode", GCODE)
        data.add_field("file", GCODE, filename="b.gcode")
        async with http.post("/upload", data=data) as answer:
            assert answer.status == 400
    assert world.left() == []


async def test_the_token_may_come_in_the_address_and_must_come(world: World) -> None:
    session = world.let_in()
    jar = aiohttp.CookieJar(unsafe=True)
    token = world.access.csrf(session)
    async with aiohttp.ClientSession(
        world.url, cookies={"session": session}, cookie_jar=jar
    ) as http:
        async with http.post("/upload", data=form("a.gcode", GCODE)) as answer:
            assert answer.status == 403
        assert world.left() == []
        async with http.post(f"/upload?csrf={token}", data=form("a.gcode", GCODE)) as answer:
            assert answer.status == 201
    assert world.left() == ["a.gcode"]


async def test_our_script_is_answered_without_a_page(world: World) -> None:
    headers = {"Accept": "application/json"}
    async with world.browser() as http:
        data = form("a.gcode", b"<html>", print="true")
        async with http.post("/upload", data=data, headers=headers) as answer:
            assert answer.status == 400
            assert "web page" in (await answer.json())["error"]
        data = form("a.gcode", GCODE, print="true")
        async with http.post("/upload", data=data, headers=headers) as answer:
            assert answer.status == 201
        async with http.get("/") as answer:
            assert "a.gcode is being printed." in await answer.text()
