"""Who we are, kept for nobody else's eyes, and never in the way of a start."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.agent.identity import Identity, IdentityStore
from appliance.cloud.key_tool import KeyToolFailed
from appliance.errors import StorageError
from appliance.polar.key_pair import KeyPair, KeyProblem, Problem, Read
from appliance.polar.key_worker import answer
from appliance.polar.keys import PrinterKey

KEY = PrinterKey.generate()
OTHER_KEY = PrinterKey.generate()
MAC = "b8:27:eb:00:00:01"


async def read(private: str) -> KeyPair:
    """What the worker does."""
    pair = answer(Read(private))
    if isinstance(pair, Problem):
        raise KeyProblem(pair.text)
    assert isinstance(pair, KeyPair)
    return pair


async def nobody_reads(private: str) -> KeyPair:
    raise AssertionError("the public half is kept")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_an_identity_that_stays(tmp_path: Path) -> None:
    first = IdentityStore(tmp_path).load(MAC)
    assert first == Identity(mac=MAC)
    # another adapter is plugged in, or none is there any more
    for hardware in ("02:00:00:00:00:99", None):
        assert IdentityStore(tmp_path).load(hardware) == first


def test_without_any_network_hardware_a_local_address_is_made_and_kept(tmp_path: Path) -> None:
    mac = IdentityStore(tmp_path).load(None).mac
    assert re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac)
    first = int(mac[:2], 16)
    assert (first & 2, first & 1) == (2, 0), "locally administered, one device alone"
    assert IdentityStore(tmp_path).load(MAC).mac == mac


async def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save(Identity(mac=MAC, serial_number="P3D1", email="owner@example.com"))
    store.save_key(KEY.pair())
    assert mode(tmp_path / "identity.json") == 0o600
    assert mode(tmp_path / "key.pem") == 0o600
    assert mode(tmp_path / "key.pub") == 0o600
    again = IdentityStore(tmp_path)
    assert again.load(MAC).serial_number == "P3D1"
    assert await again.key(nobody_reads) == KEY.pair()


async def test_no_key_yet(tmp_path: Path) -> None:
    assert await IdentityStore(tmp_path).key(nobody_reads) is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff\x00"),
        lambda path: path.write_text(KEY.public_pem()),
    ],
    ids=["missing", "cut", "empty", "no text", "unmarked"],
)
async def test_the_public_half_is_made_again(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    store = IdentityStore(tmp_path)
    store.save_key(KEY.pair())
    spoil(tmp_path / "key.pub")
    assert await store.key(read) == KEY.pair()
    assert await store.key(nobody_reads) == KEY.pair()


async def test_a_power_cut_between_the_halves_leaves_one_pair(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save_key(KEY.pair())
    (tmp_path / "key.pem").write_bytes(OTHER_KEY.private_pem())
    assert await store.key(read) == OTHER_KEY.pair()
    assert await store.key(nobody_reads) == OTHER_KEY.pair()


async def test_readers_of_pem_take_the_kept_public_key(tmp_path: Path) -> None:
    IdentityStore(tmp_path).save_key(KEY.pair())
    assert KEY.matches((tmp_path / "key.pub").read_text())


async def test_a_public_half_that_cannot_be_kept_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key.pub").mkdir()
    store = IdentityStore(tmp_path)
    store.save_key(KEY.pair())
    assert await store.key(read) == KEY.pair()
    assert "the public key is not kept" in caplog.text


async def test_a_worker_that_fails_is_no_damaged_key(tmp_path: Path) -> None:
    async def fail(private: str) -> KeyPair:
        raise KeyToolFailed("It is not there.")

    (tmp_path / "key.pem").write_bytes(KEY.private_pem())
    with pytest.raises(KeyToolFailed):
        await IdentityStore(tmp_path).key(fail)
    assert (tmp_path / "key.pem").read_bytes() == KEY.private_pem()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 512,
        b"\xff" * 512,
        KEY.private_pem()[:700],
        KEY.public_pem().encode(),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
async def test_a_damaged_key_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    store = IdentityStore(tmp_path)
    assert await store.key(read) is None
    assert (tmp_path / "key.pem.bad").read_bytes() == content
    assert "key.pem.bad" in caplog.text
    assert "PRIVATE" not in caplog.text
    store.save_key(KEY.pair())
    assert await store.key(nobody_reads) == KEY.pair()


@pytest.mark.parametrize("content", [b"", b"{", b'{"mac": 7}', b"[]", b"\xff\x00"])
def test_a_damaged_identity_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "identity.json").write_bytes(content)
    assert IdentityStore(tmp_path).load(MAC) == Identity(mac=MAC)
    assert (tmp_path / "identity.json.bad").read_bytes() == content
    assert "identity.json.bad" in caplog.text


async def test_a_key_that_cannot_be_read_is_a_storage_problem(tmp_path: Path) -> None:
    (tmp_path / "key.pem").mkdir()
    with pytest.raises(StorageError, match=r"key\.pem"):
        await IdentityStore(tmp_path).key(read)


async def test_a_full_disk_keeps_it_in_memory_and_writes_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        raise StorageError("The disk is full.", short="Disk full")

    store = IdentityStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("appliance.store.write_atomic", full)
        patch.setattr("appliance.agent.identity.write_atomic", full)
        assert store.load(MAC) == Identity(mac=MAC)
        assert not store.save_key(KEY.pair())
        assert not store.save(Identity(mac=MAC, serial_number="P3D1"))
        with pytest.raises(StorageError):
            store.settle()
    assert "kept in memory alone" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert store.settled()
    assert IdentityStore(tmp_path).load(None).serial_number == "P3D1"
    assert await IdentityStore(tmp_path).key(nobody_reads) == KEY.pair()
