"""The two daemons as two users of one group: each reads what it needs, and no secret more.

The folders, the group and the users' masks are those of the card (docs/image.md).
"""

from __future__ import annotations

import asyncio
import encodings.idna
import encodings.utf_8_sig  # noqa: F401 - another user may not load them from root's home
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from appliance import config, ipc
from appliance.agent.identity import IdentityStore
from appliance.cloud.partfile import PartFile, free_space
from appliance.errors import StorageError
from appliance.polar.key_pair import KeyPair
from appliance.printer import printing
from appliance.setup.device_settings import DeviceSettings
from appliance.store import Lock, Record
from appliance.web.uploads import Uploads

GROUP, PRINTER, AGENT, STRANGER = 870, 871, 872, 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")


def as_user(user: int, act: Callable[[], object]) -> None:
    """Do ``act`` in a child that is ``user``, as the daemon's unit makes it one."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "see the traceback above"
        return
    try:
        group = user if user == STRANGER else GROUP
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
        os.umask(0o027)
        act()
    except BaseException:  # noqa: BLE001 - the child's end, whatever it is
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def run(what: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], object]:
    return lambda: asyncio.run(what())


@pytest.fixture
def device() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="polar-users-"))  # pytest's own is root's alone
    try:
        folder.chmod(0o755)
        for name in ("state", "run"):
            (folder / name).mkdir()
            os.chown(folder / name, 0, GROUP)
            (folder / name).chmod(0o3770)
        yield folder
    finally:
        shutil.rmtree(folder)


def refused(user: int, path: Path) -> None:
    def read() -> None:
        with pytest.raises(PermissionError):
            path.read_bytes()

    as_user(user, read)


def _opens(job: Path) -> None:
    file, _facts = printing._open(job)
    file.close()


def test_the_printer_daemon_reads_the_settings_that_the_agent_writes(device: Path) -> None:
    file = device / "state/settings.toml"
    explicit = device / "config.toml"
    explicit.write_text(f'[paths]\nstate = "{device / "state"}"\n')
    as_user(AGENT, lambda: DeviceSettings(file).change({"printer.baud": 57600}))

    def read() -> None:
        loaded = config.load(explicit, forgiving=True)
        assert (loaded.settings.printer.baud, loaded.problems) == (57600, ())

    as_user(PRINTER, read)
    refused(STRANGER, file)


def test_the_printer_daemon_reads_a_job_that_was_fetched(device: Path) -> None:
    job = device / "state/spool/17/job.gcode"

    async def fetch() -> None:
        part = PartFile(job, "http://cloud/x", 0, free_space)
        await part.open()
        await part.restart('"1"', 6)
        await part.write(b"G28\nM0")
        await part.finish()

    as_user(AGENT, run(fetch))
    as_user(PRINTER, lambda: _opens(job))
    refused(STRANGER, job)


def test_the_printer_daemon_reads_an_upload(device: Path) -> None:
    uploads = device / "state/uploads"

    def store() -> None:
        keeper = Uploads(uploads, 1000)
        path, file = keeper.open()
        file.write(b"G28\n")
        file.close()
        keeper.keep(path, "a.gcode")

    as_user(AGENT, store)
    as_user(PRINTER, lambda: _opens(uploads / "a.gcode"))
    refused(STRANGER, uploads / "a.gcode")


def test_identity_and_key_are_the_agents_alone(device: Path) -> None:
    state = device / "state"
    as_user(AGENT, lambda: _make_identity(IdentityStore(state)))
    assert {file.name for file in state.iterdir()} == {"identity.json", "key.pem", "key.pub"}
    for file in state.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        refused(PRINTER, file)
        as_user(PRINTER, lambda file=file: _must_not_remove(file))  # type: ignore[misc]


def _make_identity(store: IdentityStore) -> None:
    store.load("b8:27:eb:0a:12:f3")
    store.save_key(KeyPair("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PUBLIC KEY-----\n"))


def _must_not_remove(file: Path) -> None:
    with pytest.raises(PermissionError):
        file.unlink()
    other = file.with_name("other")
    other.write_text("mine")
    with pytest.raises(PermissionError):
        other.replace(file)
    other.unlink()


def test_the_printer_daemon_keeps_its_own_records(device: Path) -> None:
    record = Record(device / "state/port.json", list[int])
    as_user(PRINTER, lambda: record.save([1]))
    as_user(PRINTER, lambda: record.save([2]))
    assert record.load() == [2]
    as_user(AGENT, lambda: _must_not_remove(record.path))


class Word(msgspec.Struct):
    """What is asked and answered."""

    text: str


async def _say(request: web.Request) -> web.StreamResponse:
    return ipc.reply(await ipc.body(request, Word))


async def _serve(socket: Path, ready: int, end: int) -> None:
    app = ipc.application()
    app.router.add_post("/say", _say)
    runner = await ipc.serve(app, socket)
    os.write(ready, b"1")
    await asyncio.to_thread(os.read, end, 1)
    await runner.cleanup()


async def _ask(socket: Path) -> None:
    async with ipc.connect(socket) as http:
        answer = await ipc.ask(http, ("POST", "/say"), Word("hello"), Word, 30)
    assert answer.text == "hello"


async def _is_refused(socket: Path) -> None:
    with pytest.raises(ipc.NotAllowed):
        await _ask(socket)


def test_the_agent_is_heard_on_the_printers_socket_and_a_stranger_is_not(device: Path) -> None:
    socket = device / "run/printer.sock"
    is_ready, ready = os.pipe()
    end, tell_end = os.pipe()
    server = os.fork()
    if server == 0:
        try:
            as_user(PRINTER, run(lambda: _serve(socket, ready, end)))
        finally:
            os._exit(0)
    os.close(ready)
    try:
        assert os.read(is_ready, 1) == b"1", "see the traceback above"
        as_user(AGENT, run(lambda: _ask(socket)))
        (device / "run").chmod(0o3777)  # the socket's own mode keeps strangers out, too
        as_user(STRANGER, run(lambda: _is_refused(socket)))
    finally:
        os.write(tell_end, b"1")
        os.waitpid(server, 0)
        os.close(is_ready)


def test_a_lock_is_its_daemons_own(device: Path) -> None:
    file = device / "run/printer.lock"

    def hold() -> None:
        with Lock(file, "The printer service"):
            pass

    def fail() -> None:
        with pytest.raises(StorageError), Lock(file, "The printer service"):
            pass

    as_user(PRINTER, hold)
    as_user(AGENT, fail)
    as_user(PRINTER, hold)
