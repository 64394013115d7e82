from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import store
from appliance.errors import StorageError


class Thing(msgspec.Struct, frozen=True):
    name: str
    number: int = 0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    store.write_atomic(path, b"old")
    store.write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode_is_exact_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        store.write_atomic(tmp_path / "file", b"x", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_secret_is_never_readable_by_others_even_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = os.fchmod

    def fchmod(handle: int, mode: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        real(handle, mode)

    monkeypatch.setattr(os, "fchmod", fchmod)
    store.write_atomic(tmp_path / "key.pem", b"secret")
    assert seen == [0o600]


def test_folders_are_made_and_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(store, "sync_folder", synced.append)
    store.write_atomic(tmp_path / "a" / "b" / "file", b"x")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


def test_data_is_flushed_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(handle: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def note_replace(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    store.write_atomic(tmp_path / "file", b"x")
    assert events == ["file", "rename", "folder"]


@pytest.mark.parametrize("step", ["mkstemp", "fsync", "replace"])
def test_a_failure_leaves_the_old_content_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    store.write_atomic(path, b"old")

    def fail(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner = {"mkstemp": tempfile, "fsync": os, "replace": Path}[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, fail)
        with pytest.raises(StorageError) as caught:
            store.write_atomic(path, b"new")
    assert caught.value.short == "Disk full"
    assert "file" in caught.value.long
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 4 KiB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_kernel_that_writes_half_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    store.write_atomic(path, b"old")
    with pytest.raises(StorageError) as caught:
        store.write_atomic(path, b"x" * 10_000)
    assert caught.value.short == "Disk full"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("not one")
    with pytest.raises(StorageError, match="folder") as caught:
        store.write_atomic(tmp_path / "folder" / "file", b"x")
    assert caught.value.short == "Storage problem"


KILLED = """
import os, signal, sys
from pathlib import Path
from appliance import store

path = Path(sys.argv[1])
step = 0
while True:
    step += 1
    store.write_atomic(path, b"old" * 1000)
    child = os.fork()
    if child == 0:
        left = step
        def watch(event, args):
            global left
            if event in ("open", "os.rename", "os.chmod", "os.remove", "tempfile.mkstemp"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
        store.write_atomic(path, b"new" * 1000)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    content = path.read_bytes()
    assert content in (b"old" * 1000, b"new" * 1000), content[:10]
    print(killed, content[:3].decode())
    if not killed:
        break
"""


def test_a_kill_at_any_step_leaves_old_or_new(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "file")],
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    )
    lines = answer.stdout.split("\n")[:-1]
    assert len(lines) >= 4
    assert lines[0] == "True old"
    assert lines[-1] == "False new"


def test_remove_may_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    store.remove(path)
    store.remove(path)
    store.remove(tmp_path / "no folder" / "file")
    assert names(tmp_path) == []


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder"):
        store.remove(tmp_path / "folder")


def test_a_record_comes_back(tmp_path: Path) -> None:
    record = store.Record(tmp_path / "sub" / "thing.json", Thing)
    assert record.load() is None
    record.save(Thing("a", 1))
    assert store.Record(record.path, Thing).load() == Thing("a", 1)
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    record.clear()
    record.clear()
    assert record.load() is None


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"null", b'{"name": 1}', b'{"number": 1}', b"\xff\xfe\x00", b"\0" * 4096, b"[]"],
)
def test_a_damaged_record_is_set_aside_and_reads_as_none(tmp_path: Path, damage: bytes) -> None:
    record = store.Record(tmp_path / "thing.json", Thing)
    record.path.write_bytes(damage)
    assert record.load() is None
    assert names(tmp_path) == ["thing.json.bad"]
    assert (tmp_path / "thing.json.bad").read_bytes() == damage
    record.save(Thing("again"))
    assert record.load() == Thing("again")


def test_a_record_of_a_newer_version_is_read(tmp_path: Path) -> None:
    record = store.Record(tmp_path / "thing.json", Thing)
    record.path.write_bytes(b'{"name": "a", "added_later": 5}')
    assert record.load() == Thing("a")


def test_a_record_that_cannot_be_read_or_set_aside_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = store.Record(tmp_path / "thing.json", Thing)
    record.path.mkdir()
    with pytest.raises(StorageError, match=r"thing\.json"):
        record.load()
    record.path.rmdir()
    record.path.write_bytes(b"{")

    def read_only(_self: Path, _target: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", read_only)
    with pytest.raises(StorageError, match="Read-only"):
        record.load()


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_read_as_a_value_or_as_none(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    record = store.Record(tmp_path_factory.mktemp("any") / "thing.json", Thing)
    record.path.write_bytes(data)
    value = record.load()
    assert value is None or isinstance(value, Thing)


@settings(deadline=None)
@given(name=st.text(), number=st.integers(-(2**63), 2**63))
def test_any_value_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, number: int
) -> None:
    record = store.Record(tmp_path_factory.mktemp("any") / "thing.json", Thing)
    try:
        encoded = msgspec.json.encode(Thing(name, number))
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert encoded
    record.save(Thing(name, number))
    assert record.load() == Thing(name, number)


def test_a_lock_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "one.lock"
    with (
        store.Lock(path, "The agent"),
        pytest.raises(StorageError, match=r"The agent runs already"),
        store.Lock(path, "The agent"),
    ):
        pass
    with store.Lock(path, "The agent"):
        pass


def test_a_killed_process_lets_go_of_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    code = (
        "import os, signal, sys; from pathlib import Path; from appliance.store import Lock\n"
        "with Lock(Path(sys.argv[1]), 'x'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with store.Lock(path, "The agent"):
        pass


def test_a_lock_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), store.Lock(tmp_path / "file" / "one.lock", "The agent"):
        pass


def test_a_background_record_is_written_in_order_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    with store.BackgroundRecord(path, int) as record:
        for number in range(20):
            record.save(number)
    assert record.load() == 19
    with store.BackgroundRecord(path, int) as record:
        record.save(5)
        record.clear()
    assert record.load() is None


def test_a_background_record_that_cannot_be_kept_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with store.BackgroundRecord(tmp_path / "file" / "one.json", int) as record:
        record.save(1)
    assert "one.json is not kept" in caplog.text
