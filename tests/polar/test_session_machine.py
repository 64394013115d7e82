"""The session against anything, and against a small server that checks signatures itself."""

import functools
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appliance.polar import messages
from appliance.polar.key_pair import KeyPair
from appliance.polar.keys import PrinterKey, verify
from appliance.polar.session import (
    Action,
    CheckPair,
    Close,
    Deleted,
    Deliver,
    HelloFacts,
    HelloFailed,
    Ignored,
    KeyReceived,
    Online,
    Registered,
    RegistrationFailed,
    Send,
    Session,
    SessionState,
    Sign,
    Unregistered,
    UnregisterFailed,
)
from tests.polar.signing import follow

SN = "P3D99979"
PIN = "48151623"
WRONG_PIN = "99999999"


@functools.cache
def printer_key() -> PrinterKey:
    return PrinterKey.generate()


@functools.cache
def cloud_key() -> PrinterKey:
    return PrinterKey.generate()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "serialNumber": st.sampled_from([SN, "OTHER", "", 5, None]),
        "status": st.sampled_from(["SUCCESS", "FAILED", "DELETED", "NONE", 1]),
        "reason": st.sampled_from(["FORBIDDEN", "NEW_REASON", None, []]),
        "challenge": st.text(max_size=5) | JSON,
        "public": st.sampled_from(["x", printer_key().public_pem()]),
        "private": st.sampled_from(["x", "\ud800", printer_key().private_pem().decode()]),
        "message": st.text(max_size=300),
        "jobId": st.sampled_from(["1", 2, "", None]),
        "command": st.text(max_size=5),
        "type": st.sampled_from(["pause", "cold", "idle", 5]),
        "tool0": st.floats() | st.text(max_size=3),
        "unknown": JSON,
    },
)
EVENTS = st.sampled_from([*messages.FROM_CLOUD, "hello", "dance", ""]) | st.text(max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("received"), EVENTS, NEARLY | JSON),
    st.tuples(st.just("received"), st.just("welcome"), st.just({"challenge": "c"})),
    st.tuples(st.just("received"), st.just("helloResponse"), st.just({"status": "SUCCESS"})),
    st.tuples(st.sampled_from(["connected", "disconnected", "unregister"])),
    st.tuples(st.just("answer"), st.integers(0, 3)),
    st.tuples(st.just("register"), st.just("a@b.c"), st.just(PIN), st.booleans()),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(registered=st.booleans(), has_key=st.booleans(), steps=st.lists(STEPS, max_size=25))
def test_anything_in_any_order(
    registered: bool, has_key: bool, steps: list[tuple[Any, ...]]
) -> None:
    key = printer_key().pair() if has_key else None
    session = Session(key, SN if registered else None, HelloFacts())
    welcomed = False
    asked: list[Sign | CheckPair] = []  # the latest first; answered at any time, or never
    for name, *arguments in steps:
        actions: list[Action]
        if name == "answer":
            actions = follow(session, asked[arguments[0]]) if arguments[0] < len(asked) else []
            assert not (arguments[0] and actions), "it was asked no more"
        else:
            actions = getattr(session, name)(*arguments)
        asked[:0] = [action for action in actions if isinstance(action, Sign | CheckPair)]
        if name in ("connected", "disconnected"):
            welcomed = False
        elif name == "received" and arguments[0] == "welcome":
            welcomed = True
        for action in actions:
            assert PIN not in repr(action)
            assert "PRIVATE KEY" not in repr(action)
            match action:
                case Send(message):
                    assert welcomed
                    json.dumps(messages.encode(message))
                case Deliver() | Online():
                    assert session.online
                    assert welcomed
                case Ignored(text) | RegistrationFailed(text=text) | HelloFailed(text):
                    assert len(text) < 700
                case Sign():
                    assert session.state is SessionState.SIGNING
                case CheckPair():
                    assert session.state is SessionState.KEY_RECEIVED
                case Close():
                    assert session.state is SessionState.CLOSING
        assert PIN not in repr(session)
        assert PIN not in repr(vars(session))


CUTS = st.sampled_from(["connected", "disconnected"])
QUICK_STEPS = st.one_of(
    st.tuples(st.just("welcome"), st.sampled_from("ab")),
    st.tuples(st.just("answer"), st.integers(0, 2)),
    st.tuples(CUTS, st.none()),
)


@settings(max_examples=200, deadline=None)
@given(registered=st.booleans(), steps=st.lists(QUICK_STEPS, max_size=20))
def test_only_what_is_asked_now_can_be_answered_and_only_once(
    registered: bool, steps: list[tuple[str, Any]]
) -> None:
    """A signature for one who is registered, the check of the cloud's key for another."""
    key = KeyPair("private", "public")
    session = Session(key, SN if registered else None, HelloFacts())
    session.connected()
    asked: list[Sign | CheckPair] = []
    valid: Sign | CheckPair | None = None
    for name, argument in steps:
        if name == "welcome":
            actions = session.received("welcome", {"challenge": argument})
            if not registered and session.state in (
                SessionState.UNREGISTERED,
                SessionState.KEY_REQUESTED,
            ):
                session.register("a@b.c", PIN, use_cloud_key=True)
                pair = {"public": argument, "private": "private"}
                actions = session.received("keyPair", pair)
            new = [action for action in actions if isinstance(action, Sign | CheckPair)]
            asked[:0] = new
            valid = new[0] if new else valid
        elif name == "answer" and argument < len(asked):
            one = asked[argument]
            actions = (
                session.signed(one, one.challenge)
                if isinstance(one, Sign)
                else session.checked(one, key)
            )
            assert bool(actions) == (one is valid)
            valid = None if one is valid else valid
        elif name in ("connected", "disconnected"):
            getattr(session, name)()
            valid = None


class Server:
    """What the Status Server does with one printer, as far as the session can tell."""

    def __init__(self) -> None:
        self.public_key: str | None = None  # of the registered printer
        self.online = False
        self.challenge = 0

    def answer(self, message: messages.PrinterMessage) -> tuple[str, dict[str, object]] | None:
        match message:
            case messages.MakeKeyPair():
                pair = messages.KeyPair(
                    public=cloud_key().public_pem(), private=cloud_key().private_pem().decode()
                )
                return messages.encode(pair)
            case messages.Register(pin=pin, public_key=public_key):
                if pin != PIN:
                    return "registerResponse", {"status": "FAILED", "reason": "EMAIL_PIN_ERROR"}
                self.public_key = public_key
                return "registerResponse", {"status": "SUCCESS", "serialNumber": SN}
            case messages.Hello(signature=signature, serial_number=serial_number):
                return "helloResponse", {"status": self._judge(serial_number, signature)}
            case messages.Unregister():
                assert self.online
                self.public_key = None
                return "unregisterResponse", {"status": "SUCCESS", "serialNumber": SN}
            case messages.Capabilities():
                assert self.online, "a printer that is not authenticated may not speak"
                return "capabilitiesResponse", {"serialNumber": SN, "capabilities": []}
        raise AssertionError(f"the session sent {message}")

    def _judge(self, serial_number: str, signature: str) -> str:
        if self.public_key is None or serial_number != SN:
            return "DELETED"
        self.online = verify(self.public_key, f"challenge {self.challenge}", signature)
        return "SUCCESS" if self.online else "FAILED"


class Conversation(RuleBasedStateMachine):
    """Session and server over a connection that may break at any point."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.connected = False
        self.to_printer: list[tuple[str, dict[str, object]]] = []
        self.to_server: list[messages.PrinterMessage] = []
        self.of_key: list[Sign | CheckPair] = []  # asked and not answered, on any connection
        self.owed = 0  # register calls without an outcome
        self.kept: str | None = None  # the serial number that the agent would have on disk
        self.kept_key: KeyPair = printer_key().pair()

    @initialize()
    def begin(self) -> None:
        self.session = Session(printer_key().pair(), None, HelloFacts())

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(message):
                    assert self.connected
                    self.to_server.append(message)
                case Sign() | CheckPair():
                    self.of_key.append(action)
                case Close():
                    self.cut()
                case Registered(serial_number):
                    self.kept = serial_number
                    self.owed = 0
                case KeyReceived(key):
                    self.kept_key = key
                case RegistrationFailed():
                    self.owed = 0
                case Unregistered() | Deleted():
                    self.kept = None
                case Deliver():
                    assert self.server.online
                case HelloFailed(text):
                    raise AssertionError(f"the signature was right: {text}")
                case Online() | Ignored() | UnregisterFailed():
                    pass

    def cut(self) -> None:
        self.connected = False
        self.server.online = False
        self.to_printer.clear()
        self.to_server.clear()
        self.act(self.session.disconnected())

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        self.connected = True
        self.server.challenge += 1
        self.act(self.session.connected())
        self.to_printer.append(("welcome", {"challenge": f"challenge {self.server.challenge}"}))

    @precondition(lambda self: self.to_printer)
    @rule()
    def printer_hears(self) -> None:
        self.act(self.session.received(*self.to_printer.pop(0)))

    @precondition(lambda self: self.of_key)
    @rule(last=st.booleans())
    def key_is_used(self, last: bool) -> None:
        """In any order, and perhaps long after the connection it was for."""
        self.act(follow(self.session, self.of_key.pop(-1 if last else 0)))

    @precondition(lambda self: self.to_server)
    @rule()
    def server_hears(self) -> None:
        answer = self.server.answer(self.to_server.pop(0))
        if answer is not None:
            self.to_printer.append(answer)

    @precondition(lambda self: self.connected)
    @rule()
    def network_breaks(self) -> None:
        self.cut()

    @rule(right=st.booleans(), use_cloud_key=st.booleans())
    def person_registers(self, right: bool, use_cloud_key: bool) -> None:
        self.owed += 1
        pin = PIN if right else WRONG_PIN
        self.act(self.session.register("someone@sample.com", pin, use_cloud_key))

    @rule()
    def person_unregisters(self) -> None:
        self.act(self.session.unregister())

    @precondition(lambda self: self.server.public_key is not None)
    @rule()
    def owner_deletes(self) -> None:
        self.server.public_key = None
        if self.server.online:
            self.to_printer.append(("delete", {"serialNumber": SN}))

    @precondition(lambda self: self.server.online)
    @rule()
    def cloud_commands(self) -> None:
        self.to_printer.append(("pause", {"serialNumber": SN}))

    @rule()
    def device_restarts(self) -> None:
        if self.connected:
            self.cut()
        self.session = Session(self.kept_key, self.kept, HelloFacts())
        self.owed = 0

    @invariant()
    def what_is_kept_is_what_the_session_has(self) -> None:
        if hasattr(self, "session"):
            assert self.session.serial_number == self.kept

    @invariant()
    def online_is_never_believed_alone(self) -> None:
        if hasattr(self, "session") and self.session.online:
            assert self.server.online

    def teardown(self) -> None:
        """Left in peace, every registration gets its outcome and an identity comes online."""
        if not hasattr(self, "session"):
            return
        for _ in range(60):
            if not self.connected:
                self.connect()
            while self.to_server or self.to_printer or self.of_key:
                if self.of_key:
                    self.key_is_used(last=False)
                elif self.to_server:
                    self.server_hears()
                else:
                    self.printer_hears()
            if self.connected and not self.owed:
                break
        assert self.owed == 0
        assert self.session.online == (self.kept is not None)
        assert self.session.online == self.server.online
        assert PIN not in repr(vars(self.session))


Conversation.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestConversation = Conversation.TestCase
