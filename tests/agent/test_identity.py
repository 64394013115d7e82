"""Who we are, kept for nobody else's eyes, and never in the way of a start."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from appliance.agent.identity import Identity, IdentityStore
from appliance.errors import StorageError
from appliance.polar.keys import PrinterKey

KEY = PrinterKey.generate()
MAC = "b8:27:eb:00:00:01"


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


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.save(Identity(mac=MAC, serial_number="P3D1", email="owner@example.com"))
    store.save_key(KEY)
    assert mode(tmp_path / "identity.json") == 0o600
    assert mode(tmp_path / "key.pem") == 0o600
    again = IdentityStore(tmp_path)
    assert again.load(MAC).serial_number == "P3D1"
    kept = again.key()
    assert kept is not None
    assert kept.public_pem() == KEY.public_pem()


def test_no_key_yet(tmp_path: Path) -> None:
    assert IdentityStore(tmp_path).key() is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 512,
        KEY.private_pem()[:700],
        KEY.public_pem().encode(),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_damaged_key_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    store = IdentityStore(tmp_path)
    assert store.key() is None
    assert (tmp_path / "key.pem.bad").read_bytes() == content
    assert "key.pem.bad" in caplog.text
    assert "PRIVATE" not in caplog.text
    store.save_key(KEY)
    assert store.key() is not None


@pytest.mark.parametrize("content", [b"", b"{", b'{"mac": 7}', b"[]", b"\xff\x00"])
def test_a_damaged_identity_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "identity.json").write_bytes(content)
    assert IdentityStore(tmp_path).load(MAC) == Identity(mac=MAC)
    assert (tmp_path / "identity.json.bad").read_bytes() == content
    assert "identity.json.bad" in caplog.text


def test_a_key_that_cannot_be_read_is_a_storage_problem(tmp_path: Path) -> None:
    (tmp_path / "key.pem").mkdir()
    with pytest.raises(StorageError, match=r"key\.pem"):
        IdentityStore(tmp_path).key()
