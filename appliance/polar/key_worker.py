"""The process that uses the printer's key: one request on stdin, its answer on stdout, the end.

Key and challenge come through the pipe alone, so that no list of processes shows them.
"""

from __future__ import annotations

import sys

import msgspec

from appliance.polar.key_pair import (
    Answer,
    Check,
    KeyPair,
    KeyProblem,
    Make,
    Problem,
    Read,
    Request,
    Signature,
    SignWith,
)
from appliance.polar.keys import PrinterKey


def answer(request: Request) -> Answer:
    """What was asked for, or why there is none."""
    try:
        match request:
            case Make():
                return PrinterKey.generate().pair()
            case Read(private):
                return _read(private).pair()
            case Check(private, public):
                return _checked(_read(private), public)
            case SignWith(private, challenge):
                return Signature(_read(private).sign(challenge))
    except KeyProblem as problem:
        return Problem(problem.long)


def _read(private: str) -> PrinterKey:
    return PrinterKey.from_pem(private.encode())


def _checked(key: PrinterKey, public: str) -> KeyPair:
    if not key.matches(public):
        raise KeyProblem("The public key does not belong to the private one.")
    return key.pair()


def main() -> None:
    """Answer the request on stdin."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(answer(request)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
