"""Keys and signatures as section 1.3 has them; openssl itself is the judge where it is there."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.polar.key_pair import KeyProblem
from appliance.polar.keys import PrinterKey, verify

CHALLENGE = "1234 ABCD"


def traditional(key: PrinterKey, encryption: KeySerializationEncryption) -> bytes:
    private = serialization.load_pem_private_key(key.private_pem(), None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption)


def test_signature_is_2048_bits_in_base64(key: PrinterKey) -> None:
    signature = key.sign(CHALLENGE)
    assert len(base64.b64decode(signature, validate=True)) == 256
    assert verify(key.public_pem(), CHALLENGE, signature)


def test_openssl_accepts_key_and_signature(key: PrinterKey, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl command")
    (tmp_path / "key.pub").write_text(key.public_pem())
    (tmp_path / "signature").write_bytes(base64.b64decode(key.sign(CHALLENGE)))
    (tmp_path / "challenge").write_text(CHALLENGE)
    judged = subprocess.run(
        [openssl, "dgst", "-sha256", "-verify", "key.pub", "-signature", "signature", "challenge"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.stdout.strip() == "Verified OK", judged.stderr


def test_public_key_has_the_form_of_the_document(key: PrinterKey) -> None:
    lines = key.public_pem().splitlines()
    assert lines[0] == "-----BEGIN PUBLIC KEY-----"
    assert lines[1].startswith("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA")
    assert lines[-1] == "-----END PUBLIC KEY-----"


def test_the_stored_key_is_the_same_key(key: PrinterKey) -> None:
    stored = PrinterKey.from_pem(key.private_pem())
    assert stored.sign(CHALLENGE) == key.sign(CHALLENGE)
    assert stored.matches(key.public_pem())


def test_the_clouds_traditional_form_is_read(key: PrinterKey) -> None:
    pem = traditional(key, NoEncryption())
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert PrinterKey.from_pem(pem).sign(CHALLENGE) == key.sign(CHALLENGE)


def test_a_public_key_in_the_clouds_form_matches(key: PrinterKey, other_key: PrinterKey) -> None:
    public = serialization.load_pem_public_key(key.public_pem().encode())
    pem = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert pem.startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert key.matches(pem)
    assert not other_key.matches(pem)
    assert verify(pem, CHALLENGE, key.sign(CHALLENGE))


def test_a_wrong_signature_is_not_verified(key: PrinterKey, other_key: PrinterKey) -> None:
    signature = key.sign(CHALLENGE)
    assert not verify(key.public_pem(), "1234 ABCE", signature)
    assert not verify(other_key.public_pem(), CHALLENGE, signature)
    assert not verify(key.public_pem(), CHALLENGE, "")
    assert not verify(key.public_pem(), CHALLENGE, signature[:-4])
    assert not verify("", CHALLENGE, signature)
    assert not verify(key.public_pem(), "\ud800", signature)


@settings(max_examples=50, deadline=None)
@given(public=st.text(max_size=40), challenge=st.text(max_size=9), signature=st.text(max_size=40))
def test_verify_never_raises(public: str, challenge: str, signature: str) -> None:
    assert not verify(public, challenge, signature)


def test_an_elliptic_key_is_no_public_key_here() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert not verify(pem, CHALLENGE, "AAAA")


def _short() -> bytes:
    short = rsa.generate_private_key(65537, 1024)
    return short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _elliptic() -> bytes:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    return elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"5ecret",
        b"-----BEGIN RSA PRIVATE KEY-----\n5ecretAA\n-----END RSA PRIVATE KEY-----\n",
        _short(),
        _elliptic(),
    ],
    ids=["empty", "no PEM", "no key", "1024 bits", "elliptic"],
)
def test_what_is_no_key_is_refused_without_showing_it(pem: bytes) -> None:
    with pytest.raises(KeyProblem) as caught:
        PrinterKey.from_pem(pem)
    assert "Register the printer again" in caught.value.long
    assert "5ecret" not in caught.value.long


def test_an_encrypted_key_is_refused(key: PrinterKey) -> None:
    with pytest.raises(KeyProblem):
        PrinterKey.from_pem(traditional(key, BestAvailableEncryption(b"abcd")))


def test_repr_shows_nothing(key: PrinterKey) -> None:
    assert repr(key) == "PrinterKey(hidden)"
