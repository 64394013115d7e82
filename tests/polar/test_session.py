"""Hello, commands, deleting and unregistering, step by step as section 1 has it."""

import pytest

from appliance.polar import messages
from appliance.polar.keys import PrinterKey, verify
from appliance.polar.session import (
    STATE_TEXT,
    Close,
    Deleted,
    Deliver,
    HelloFacts,
    HelloFailed,
    Ignored,
    Online,
    RegistrationFailed,
    Send,
    Session,
    SessionState,
    Sign,
    Unregistered,
    UnregisterFailed,
)
from tests.polar.signing import Signing

PIN = "48151623"
SN = "P3D99979"
WELCOME = {"challenge": "1234 ABCD"}
FACTS = HelloFacts(
    mac="b8:27:eb:71:01:46",
    mfg="test",
    mfg_sn="M1",
    printer_make="Marlin",
    version="1.0",
    local_ip="192.168.2.126",
    transform_img=3,
    camera=True,
    cam_url="http://192.168.2.126/",
)


def only(actions: list[object]) -> object:
    assert len(actions) == 1
    return actions[0]


# Hello


def test_hello_carries_the_facts(key: PrinterKey) -> None:
    session = Signing(key.pair(), SN, FACTS)
    session.connected()
    sent = only(list(session.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    hello = sent.message
    assert isinstance(hello, messages.Hello)
    assert verify(key.public_pem(), "1234 ABCD", hello.signature)
    _, payload = messages.encode(hello)
    del payload["signature"]
    assert payload == {
        "serialNumber": SN,
        "protocol": "2.0",
        "MAC": "b8:27:eb:71:01:46",
        "mfgSn": "M1",
        "printerMake": "Marlin",
        "version": "1.0",
        "localIP": "192.168.2.126",
        "transformImg": 3,
        "camUrl": "http://192.168.2.126/",
    }


def test_cam_off_is_sent_without_a_camera_only(key: PrinterKey) -> None:
    session = Signing(key.pair(), SN, HelloFacts())
    session.connected()
    sent = only(list(session.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert messages.encode(sent.message)[1]["camOff"] == 1
    session.facts = HelloFacts(camera=True)
    sent = only(list(session.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert "camOff" not in messages.encode(sent.message)[1]


def test_each_connection_has_its_own_hello(online: Session) -> None:
    online.disconnected()
    assert not online.online
    online.connected()
    assert online.received("cancel", {"serialNumber": SN}) != [
        Deliver(messages.Cancel(serial_number=SN))
    ]
    assert isinstance(only(list(online.received("welcome", WELCOME))), Send)
    assert online.received("helloResponse", {"status": "SUCCESS"})[0] == Online()


def test_a_second_welcome_is_answered_with_a_new_hello(online: Session, key: PrinterKey) -> None:
    sent = only(list(online.received("welcome", {"challenge": "another"})))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Hello)
    assert verify(key.public_pem(), "another", sent.message.signature)
    assert not online.online
    assert online.received("helloResponse", {"status": "SUCCESS"})[0] == Online()


def asked_to_sign(session: Session, challenge: str) -> Sign:
    asked = only(list(session.received("welcome", {"challenge": challenge})))
    assert isinstance(asked, Sign)
    return asked


@pytest.fixture
def slow(key: PrinterKey) -> Session:
    """Registered and connected; nobody has signed anything yet."""
    session = Session(key.pair(), SN, FACTS)
    session.connected()
    return session


def test_while_the_challenge_is_signed_nobody_is_online(slow: Session, key: PrinterKey) -> None:
    asked = asked_to_sign(slow, "1234 ABCD")
    assert asked == Sign("1234 ABCD", key.pair())
    assert key.private_pem().decode() not in repr(asked)
    assert slow.state is SessionState.SIGNING
    answer = {"status": "SUCCESS"}
    assert isinstance(only(list(slow.received("helloResponse", answer))), Ignored)
    assert not slow.online
    hello = only(list(slow.signed(asked, "abc=")))
    assert isinstance(hello, Send)
    assert isinstance(hello.message, messages.Hello)
    assert hello.message.signature == "abc="
    assert slow.signed(asked, "abc=") == [], "once is enough"
    assert slow.received("helloResponse", answer)[0] == Online()


def test_only_the_last_welcome_is_answered(slow: Session) -> None:
    first, second = asked_to_sign(slow, "one"), asked_to_sign(slow, "two")
    assert slow.signed(first, "of one") == []
    assert isinstance(only(list(slow.signed(second, "of two"))), Send)


@pytest.mark.parametrize("again", [False, True])
def test_a_signature_that_comes_after_its_connection_is_not_sent(
    slow: Session, again: bool
) -> None:
    asked = asked_to_sign(slow, "one")
    slow.disconnected()
    assert slow.signed(asked, "late") == []
    slow.connected()
    if again:  # the very same challenge: still it is not what was asked now
        asked_to_sign(slow, "one")
    assert slow.signed(asked, "late") == []


def test_an_event_that_arrives_twice_does_no_harm(online: Session) -> None:
    assert isinstance(only(list(online.received("helloResponse", {"status": "SUCCESS"}))), Ignored)
    assert online.online


def test_hello_failed(greeting: Session) -> None:
    answer = {"status": "FAILED", "message": "bad signature"}
    failed, close = greeting.received("helloResponse", answer)
    assert isinstance(failed, HelloFailed)
    assert "bad signature" in failed.text
    assert isinstance(close, Close)
    assert greeting.registered
    greeting.disconnected()
    greeting.connected()
    assert isinstance(only(list(greeting.received("welcome", WELCOME))), Send)  # tried again


def test_hello_deleted(greeting: Session) -> None:
    deleted, close = greeting.received("helloResponse", {"status": "DELETED"})
    assert isinstance(deleted, Deleted)
    assert "Register it again" in deleted.text
    assert isinstance(close, Close)
    assert not greeting.registered
    greeting.disconnected()
    greeting.connected()
    assert greeting.received("welcome", WELCOME) == []
    assert greeting.state is SessionState.UNREGISTERED


def test_deleted_keeps_the_key(online: Session, key: PrinterKey) -> None:
    deleted, close = online.received("delete", {"serialNumber": SN})
    assert isinstance(deleted, Deleted)
    assert isinstance(close, Close)
    assert not online.registered
    online.disconnected()
    online.connected()
    online.received("welcome", WELCOME)
    sent = only(list(online.register("someone@sample.com", PIN)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    assert sent.message.public_key == key.public_pem()


def test_delete_of_another_printer_is_refused(online: Session) -> None:
    ignored = only(list(online.received("delete", {"serialNumber": "P3D00000"})))
    assert isinstance(ignored, Ignored)
    assert "P3D00000" in ignored.text
    assert online.registered


def test_a_serial_number_without_a_key_is_no_identity() -> None:
    session = Signing(None, SN, FACTS)
    assert not session.registered
    session.connected()
    assert session.received("welcome", WELCOME) == []


# Commands

COMMANDS: dict[str, dict[str, object]] = {
    "cancel": {"serialNumber": SN},
    "capabilitiesResponse": {"serialNumber": SN, "capabilities": []},
    "command": {"serialNumber": SN, "command": "M115"},
    "connectPrinter": {"serialNumber": SN},
    "customCommand": {"serialNumber": SN, "command": "x"},
    "getQueueResponse": {"serialNumber": SN, "totalCount": 0, "jobCount": 0, "jobs": []},
    "getUrlResponse": {"serialNumber": SN, "status": "FAILED"},
    "jogPrinter": {"serialNumber": SN, "jogPrinter": {"command": "home"}},
    "pause": {"serialNumber": SN},
    "print": {"serialNumber": SN, "jobId": "1"},
    "resume": {"serialNumber": SN},
    "sendNextPrintResponse": {"serialNumber": SN, "status": "NONE", "message": "NO_QUEUED_JOBS"},
    "temperature": {"serialNumber": SN, "tool0": 200},
    "update": {"serialNumber": SN},
}


@pytest.mark.parametrize("event", COMMANDS)
def test_commands_are_delivered_once_online(online: Session, event: str) -> None:
    payload = COMMANDS[event]
    assert online.received(event, payload) == [Deliver(messages.parse(event, payload))]


@pytest.mark.parametrize("event", COMMANDS)
def test_commands_before_hello_succeeded_are_ignored(greeting: Session, event: str) -> None:
    ignored = only(list(greeting.received(event, COMMANDS[event])))
    assert isinstance(ignored, Ignored)
    assert event in ignored.text


@pytest.mark.parametrize("event", COMMANDS)
def test_commands_for_another_printer_are_refused(online: Session, event: str) -> None:
    ignored = only(list(online.received(event, {**COMMANDS[event], "serialNumber": "OP000001"})))
    assert isinstance(ignored, Ignored)
    assert "OP000001" in ignored.text


@pytest.mark.parametrize("event", ["customCommand", "getUrlResponse", "print", "update"])
def test_commands_without_a_serial_number(online: Session, event: str) -> None:
    payload = {name: part for name, part in COMMANDS[event].items() if name != "serialNumber"}
    assert online.received(event, payload) == [Deliver(messages.parse(event, payload))]


def test_a_malformed_message_is_ignored_with_a_text(online: Session) -> None:
    ignored = only(list(online.received("print", {"serialNumber": SN, "jobId": []})))
    assert isinstance(ignored, Ignored)
    assert "jobId" in ignored.text
    assert online.online


def test_unknown_events_are_told_once(online: Session) -> None:
    assert isinstance(only(list(online.received("dance", {}))), Ignored)
    assert online.received("dance", {}) == []
    assert isinstance(only(list(online.received("sing", {}))), Ignored)


def test_unknown_fields_are_told_once(online: Session) -> None:
    cancel = Deliver(messages.Cancel(serial_number=SN))
    told, delivered = online.received("cancel", {"serialNumber": SN, "why": "because"})
    assert isinstance(told, Ignored)
    assert "why" in told.text
    assert "because" not in told.text
    assert delivered == cancel
    assert online.received("cancel", {"serialNumber": SN, "why": "because"}) == [cancel]


def test_a_flood_of_unknown_names_is_not_remembered_for_ever(online: Session) -> None:
    told = sum(len(online.received(f"event{number}", {})) for number in range(10_000))
    assert told == 200


# Sending and unregistering


def test_send_needs_a_session(greeting: Session) -> None:
    status = messages.Status(serial_number=SN, status=0)
    ignored = only(list(greeting.send(status)))
    assert isinstance(ignored, Ignored)
    assert "status" in ignored.text
    greeting.received("helloResponse", {"status": "SUCCESS"})
    assert greeting.send(status) == [Send(status)]


@pytest.mark.parametrize(
    "message",
    [
        messages.Hello(serial_number=SN, signature="x"),
        messages.Register(email="a@b", pin=PIN, public_key="k"),
        messages.MakeKeyPair(),
        messages.Unregister(serial_number=SN),
    ],
)
def test_what_the_session_says_by_itself_cannot_be_sent(
    online: Session, message: messages.PrinterMessage
) -> None:
    ignored = only(list(online.send(message)))
    assert isinstance(ignored, Ignored)
    assert PIN not in ignored.text


def test_unregister(online: Session) -> None:
    assert online.unregister() == [Send(messages.Unregister(serial_number=SN))]
    assert online.online
    assert isinstance(only(list(online.unregister())), Ignored)
    answer = {
        "serialNumber": SN,
        "status": "SUCCESS",
        "message": "Printer unregister successful",
    }
    unregistered, close = online.received("unregisterResponse", answer)
    assert unregistered == Unregistered()
    assert isinstance(close, Close)
    assert not online.registered


def test_unregister_failed(online: Session) -> None:
    online.unregister()
    answer = {"status": "FAILED", "message": "Printer not found"}
    failed = only(list(online.received("unregisterResponse", answer)))
    assert isinstance(failed, UnregisterFailed)
    assert "Printer not found" in failed.text
    assert online.state is SessionState.ONLINE


def test_unregister_while_offline(fresh: Session, greeting: Session) -> None:
    assert isinstance(only(list(fresh.unregister())), UnregisterFailed)
    assert isinstance(only(list(greeting.unregister())), UnregisterFailed)


@pytest.mark.parametrize("cut", ["disconnected", "welcome"])
def test_an_unregister_that_was_never_answered(online: Session, cut: str) -> None:
    online.unregister()
    actions = (
        online.disconnected() if cut == "disconnected" else online.received("welcome", WELCOME)
    )
    assert isinstance(actions[0], UnregisterFailed)
    assert online.registered


def test_commands_go_on_while_unregistering(online: Session) -> None:
    online.unregister()
    assert online.received("cancel", {"serialNumber": SN}) == [
        Deliver(messages.Cancel(serial_number=SN))
    ]


def test_an_unregister_response_that_nobody_asked_for(online: Session) -> None:
    answer = {"serialNumber": SN, "status": "SUCCESS"}
    assert isinstance(only(list(online.received("unregisterResponse", answer))), Ignored)
    assert online.registered


def test_nothing_is_heard_without_a_connection(key: PrinterKey) -> None:
    session = Signing(key.pair(), SN, FACTS)
    assert session.received("welcome", WELCOME) == []
    assert session.state is SessionState.DISCONNECTED


def test_a_connection_that_follows_unannounced_counts_as_a_cut(fresh: Session) -> None:
    fresh.register("someone@sample.com", PIN)
    assert isinstance(only(list(fresh.connected())), RegistrationFailed)
    assert fresh.state is SessionState.CONNECTED


def test_every_state_has_a_sentence() -> None:
    assert set(STATE_TEXT) == set(SessionState)
    assert len(set(STATE_TEXT.values())) == len(SessionState)
