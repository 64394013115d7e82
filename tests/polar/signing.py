"""The key's work done in the test's own process, which has the key's library anyway."""

from appliance.polar.actions import Action, CheckPair, Sign
from appliance.polar.key_pair import Check, KeyPair, KeyProblem, Problem, Signature, SignWith
from appliance.polar.key_worker import answer
from appliance.polar.session import Session


class KeysHere:
    """What the worker does, without a worker."""

    async def sign(self, key: KeyPair, challenge: str) -> str:
        return sign(key, challenge)

    async def check(self, private: str, public: str) -> KeyPair:
        pair = check(private, public)
        if pair is None:
            raise KeyProblem("It is none.")
        return pair


def sign(key: KeyPair, challenge: str) -> str:
    signature = answer(SignWith(key.private, challenge))
    assert isinstance(signature, Signature)
    return signature.text


def check(private: str, public: str) -> KeyPair | None:
    pair = answer(Check(private, public))
    assert isinstance(pair, KeyPair | Problem)
    return pair if isinstance(pair, KeyPair) else None


def follow(session: Session, asked: Sign | CheckPair) -> list[Action]:
    """What the session does with the answer to what it asked."""
    if isinstance(asked, Sign):
        return session.signed(asked, sign(asked.key, asked.challenge))
    return session.checked(asked, check(asked.private, asked.public))


class Signing(Session):
    """A session whose caller answers at once what is asked of the key."""

    def received(self, event: str, payload: object) -> list[Action]:
        actions: list[Action] = []
        for action in super().received(event, payload):
            actions += follow(self, action) if isinstance(action, Sign | CheckPair) else [action]
        return actions
