"""The printer's RSA key: made, kept as PEM, and used to sign challenges (section 1.3).

The only module of the appliance that loads cryptography; the daemons never load it, but ask
:mod:`appliance.polar.key_worker`.
"""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from appliance.polar.key_pair import KeyPair, KeyProblem

BITS = 2048
_PUBLIC_EXPONENT = 65537


class PrinterKey:
    """An RSA private key. Its repr shows nothing of it."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> PrinterKey:
        """A new key of 2048 bits; takes some seconds on a small computer, so not on the loop."""
        return cls(rsa.generate_private_key(_PUBLIC_EXPONENT, BITS))

    @classmethod
    def from_pem(cls, pem: bytes) -> PrinterKey:
        """The key in an unencrypted PEM text, PKCS#8 or the cloud's "RSA PRIVATE KEY".

        Raises KeyProblem when it holds no RSA key of at least 2048 bits.
        """
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _no_key("cannot be read as PEM") from None
        if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < BITS:
            raise _no_key(f"is not an RSA key of at least {BITS} bits")
        return cls(private)

    def private_pem(self) -> bytes:
        """The private key as PKCS#8 PEM, unencrypted: for a file with mode 0600 only."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public_pem(self) -> str:
        """The public key as ``openssl rsa -pubout`` writes it, for ``register``."""
        pem = self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem.decode("ascii")

    def pair(self) -> KeyPair:
        """Both halves as PEM texts."""
        return KeyPair(self.private_pem().decode("ascii"), self.public_pem())

    def matches(self, public_pem: str) -> bool:
        """Whether ``public_pem`` is the other half of this key."""
        public = _public_key(public_pem)
        return public is not None and (
            public.public_numbers() == self._private.public_key().public_numbers()
        )

    def sign(self, challenge: str) -> str:
        """The signature of a challenge, base64, for ``hello``."""
        signature = self._private.sign(challenge.encode(), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode("ascii")

    def __repr__(self) -> str:
        return "PrinterKey(hidden)"


def verify(public_pem: str, challenge: str, signature: str) -> bool:
    """Whether ``signature`` (base64) of ``challenge`` was made with the key to ``public_pem``."""
    public = _public_key(public_pem)
    if public is None:
        return False
    try:
        raw = base64.b64decode(signature, validate=True)
        public.verify(raw, challenge.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):  # ValueError: not base64, or not Unicode
        return False
    return True


def _public_key(pem: str) -> rsa.RSAPublicKey | None:
    try:
        public = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return public if isinstance(public, rsa.RSAPublicKey) else None


def _no_key(problem: str) -> KeyProblem:
    return KeyProblem(
        f"The printer's private key {problem}. Register the printer again to make a new one."
    )
