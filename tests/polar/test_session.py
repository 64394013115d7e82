"""The session, step by step as section 1 has it."""

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
    KeyReceived,
    Online,
    Registered,
    RegistrationFailed,
    Send,
    Session,
    SessionState,
    Unregistered,
    UnregisterFailed,
)
from appliance.polar.texts import REGISTRATION_TEXT

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


@pytest.fixture
def fresh(key: PrinterKey) -> Session:
    """Welcomed, not registered."""
    session = Session(key, None, FACTS)
    assert session.connected() == []
    assert session.received("welcome", WELCOME) == []
    assert session.state is SessionState.UNREGISTERED
    return session


@pytest.fixture
def greeting(key: PrinterKey) -> Session:
    """Registered, hello sent."""
    session = Session(key, SN, FACTS)
    session.connected()
    session.received("welcome", WELCOME)
    assert session.state is SessionState.HELLO_SENT
    return session


@pytest.fixture
def online(greeting: Session) -> Session:
    assert greeting.received("helloResponse", {"status": "SUCCESS"}) == [
        Online(),
        Send(messages.Capabilities(serial_number=SN)),
    ]
    assert greeting.online
    return greeting


def only(actions: list[object]) -> object:
    assert len(actions) == 1
    return actions[0]


# Registering


def test_register_with_the_own_key(fresh: Session, key: PrinterKey) -> None:
    assert fresh.register(" someone@sample.com ", PIN) == [
        Send(
            messages.Register(
                mfg="test",
                email="someone@sample.com",
                pin=PIN,
                public_key=key.public_pem(),
                mfg_sn="M1",
                my_info=messages.MyInfo(mac="b8:27:eb:71:01:46"),
            )
        )
    ]
    assert fresh.state is SessionState.REGISTERING
    answer = {"serialNumber": SN, "status": "SUCCESS", "reason": "SUCCESS"}
    registered, close = fresh.received("registerResponse", answer)
    assert registered == Registered(SN)
    assert isinstance(close, Close)
    assert fresh.registered
    assert not fresh.online


def test_after_registering_the_next_connection_says_hello(fresh: Session, key: PrinterKey) -> None:
    fresh.register("someone@sample.com", PIN)
    fresh.received("registerResponse", {"serialNumber": SN, "status": "SUCCESS"})
    assert fresh.received("welcome", WELCOME) == []  # this connection is being closed
    assert fresh.disconnected() == []
    assert fresh.connected() == []
    sent = only(list(fresh.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Hello)
    assert sent.message.serial_number == SN
    assert verify(key.public_pem(), "1234 ABCD", sent.message.signature)


@pytest.mark.parametrize("with_own_key", [True, False])
def test_register_with_the_clouds_key(
    key: PrinterKey, other_key: PrinterKey, with_own_key: bool
) -> None:
    session = Session(key if with_own_key else None, None, FACTS)
    session.connected()
    session.received("welcome", WELCOME)
    asked = session.register("someone@sample.com", PIN, use_cloud_key=with_own_key)
    assert asked == [Send(messages.MakeKeyPair())]
    assert session.state is SessionState.KEY_REQUESTED
    pair = {
        "status": "SUCCESS",
        "public": other_key.public_pem(),
        "private": other_key.private_pem().decode(),
    }
    sent = only(list(session.received("keyPair", pair)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    assert sent.message.public_key == other_key.public_pem()
    received, registered, _ = session.received("registerResponse", {"serialNumber": SN})
    assert isinstance(received, KeyReceived)
    assert received.key.matches(other_key.public_pem())
    assert registered == Registered(SN)
    session.disconnected()
    session.connected()
    hello = only(list(session.received("welcome", WELCOME)))
    assert isinstance(hello, Send)
    assert isinstance(hello.message, messages.Hello)
    assert verify(other_key.public_pem(), "1234 ABCD", hello.message.signature)


def test_a_failed_registration_keeps_the_own_key(
    key: PrinterKey, other_key: PrinterKey, fresh: Session
) -> None:
    fresh.register("someone@sample.com", PIN, use_cloud_key=True)
    pair = {"public": other_key.public_pem(), "private": other_key.private_pem().decode()}
    fresh.received("keyPair", pair)
    fresh.received("registerResponse", {"status": "FAILED", "reason": "EMAIL_PIN_ERROR"})
    sent = only(list(fresh.register("someone@sample.com", PIN)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    assert sent.message.public_key == key.public_pem()


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ({"status": "FAILED", "message": "too busy"}, "KEY_PAIR_FAILED"),
        ({"public": "x", "private": "y"}, "BAD_KEY_PAIR"),
    ],
)
def test_the_cloud_makes_no_key(fresh: Session, pair: dict[str, object], reason: str) -> None:
    fresh.register("someone@sample.com", PIN, use_cloud_key=True)
    failure = only(list(fresh.received("keyPair", pair)))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == reason
    assert str(pair.get("message", "")) in failure.text
    assert fresh.state is SessionState.UNREGISTERED


def test_a_key_pair_whose_halves_differ_is_refused(
    fresh: Session, key: PrinterKey, other_key: PrinterKey
) -> None:
    fresh.register("someone@sample.com", PIN, use_cloud_key=True)
    pair = {"public": key.public_pem(), "private": other_key.private_pem().decode()}
    failure = only(list(fresh.received("keyPair", pair)))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == "BAD_KEY_PAIR"


@pytest.mark.parametrize(
    "reason",
    [
        "SERVER_ERROR",
        "MFG_MISSING",
        "MFG_UNKNOWN",
        "EMAIL_PIN_ERROR",
        "FORBIDDEN",
        "INVALID_KEY",
    ],
)
def test_each_reason_has_its_own_sentence(fresh: Session, reason: str) -> None:
    fresh.register("someone@sample.com", PIN)
    answer = {"serialNumber": "", "status": "FAILED", "reason": reason}
    failure = only(list(fresh.received("registerResponse", answer)))
    assert failure == RegistrationFailed(reason, REGISTRATION_TEXT[reason])
    assert fresh.state is SessionState.UNREGISTERED


def test_the_sentences_differ() -> None:
    assert len(set(REGISTRATION_TEXT.values())) == len(REGISTRATION_TEXT)


@pytest.mark.parametrize("reason", ["PLANET_FULL", "", "x" * 500, "a\nb\x00"])
def test_a_reason_that_is_not_known_reaches_the_person(fresh: Session, reason: str) -> None:
    fresh.register("someone@sample.com", PIN)
    failure = only(list(fresh.received("registerResponse", {"status": "FAILED", "reason": reason})))
    assert isinstance(failure, RegistrationFailed)
    assert reason[:5].partition("\n")[0] in failure.text
    assert failure.text.isprintable()
    assert len(failure.text) < 400


def test_register_while_offline_waits_for_the_welcome(key: PrinterKey) -> None:
    session = Session(key, None, FACTS)
    assert session.register("someone@sample.com", PIN) == []
    session.connected()
    sent = only(list(session.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    session.disconnected()
    session.connected()
    assert session.received("welcome", WELCOME) == []  # the PIN is gone: nothing is sent again


def test_a_wish_survives_a_cut_before_the_pin_was_sent(key: PrinterKey) -> None:
    session = Session(key, None, FACTS)
    session.register("someone@sample.com", PIN, use_cloud_key=True)
    for _ in range(2):
        session.connected()
        assert session.received("welcome", WELCOME) == [Send(messages.MakeKeyPair())]
        assert session.disconnected() == []


def test_a_cut_while_registering_is_a_failure(fresh: Session) -> None:
    fresh.register("someone@sample.com", PIN)
    failure = only(list(fresh.disconnected()))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == "CONNECTION_LOST"
    assert fresh.disconnected() == []


def test_a_cut_forgets_the_clouds_key(
    fresh: Session, key: PrinterKey, other_key: PrinterKey
) -> None:
    fresh.register("someone@sample.com", PIN, use_cloud_key=True)
    pair = {"public": other_key.public_pem(), "private": other_key.private_pem().decode()}
    fresh.received("keyPair", pair)
    fresh.disconnected()
    fresh.register("someone@sample.com", PIN)
    fresh.connected()
    sent = only(list(fresh.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    assert sent.message.public_key == key.public_pem()
    assert fresh.received("registerResponse", {"serialNumber": SN})[0] == Registered(SN)


@pytest.mark.parametrize("pin", ["", "123", "12345678901234567", "12a4", "１２３４", "12 34"])
def test_what_is_no_pin_is_never_sent(fresh: Session, pin: str) -> None:
    failure = only(list(fresh.register("someone@sample.com", pin)))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == "BAD_PIN"
    assert not pin or pin not in failure.text


@pytest.mark.parametrize("email", ["", "someone", "@", "a@", "@b", "a\n@b", "\ud800@b"])
def test_what_is_no_email_is_never_sent(fresh: Session, email: str) -> None:
    failure = only(list(fresh.register(email, PIN)))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == "BAD_EMAIL"


def test_a_second_register_waits_for_the_first(fresh: Session) -> None:
    fresh.register("someone@sample.com", PIN)
    assert isinstance(only(list(fresh.register("someone@sample.com", PIN))), Ignored)


def test_register_while_online_is_refused(online: Session) -> None:
    failure = only(list(online.register("someone@sample.com", PIN)))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == "ALREADY_REGISTERED"
    assert online.online


def test_register_while_hello_is_checked_is_refused_once_it_succeeds(greeting: Session) -> None:
    assert greeting.register("someone@sample.com", PIN) == []
    _, refused, _ = greeting.received("helloResponse", {"status": "SUCCESS"})
    assert isinstance(refused, RegistrationFailed)
    assert refused.reason == "ALREADY_REGISTERED"
    greeting.disconnected()
    greeting.connected()
    sent = only(list(greeting.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Hello)  # the wish and its PIN are gone


def test_register_heals_an_identity_that_the_cloud_does_not_accept(greeting: Session) -> None:
    greeting.received("helloResponse", {"status": "FAILED"})
    greeting.disconnected()
    greeting.register("someone@sample.com", PIN)
    greeting.connected()
    sent = only(list(greeting.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    failure, close = greeting.received("registerResponse", {"status": "FAILED"})
    assert isinstance(failure, RegistrationFailed)
    assert isinstance(close, Close)  # back to the identity that there is
    assert greeting.registered


def test_the_pin_is_in_no_repr(key: PrinterKey) -> None:
    session = Session(key, None, FACTS)
    session.register("someone@sample.com", PIN)
    assert PIN not in repr(session) + repr(vars(session))
    session.connected()
    sent = session.received("welcome", WELCOME)
    assert PIN not in repr(sent) + repr(session) + repr(vars(session))


# Hello


def test_hello_carries_the_facts(key: PrinterKey) -> None:
    session = Session(key, SN, FACTS)
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
    session = Session(key, SN, HelloFacts())
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
    session = Session(None, SN, FACTS)
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
    session = Session(key, SN, FACTS)
    assert session.received("welcome", WELCOME) == []
    assert session.state is SessionState.DISCONNECTED


def test_a_connection_that_follows_unannounced_counts_as_a_cut(fresh: Session) -> None:
    fresh.register("someone@sample.com", PIN)
    assert isinstance(only(list(fresh.connected())), RegistrationFailed)
    assert fresh.state is SessionState.CONNECTED


def test_every_state_has_a_sentence() -> None:
    assert set(STATE_TEXT) == set(SessionState)
    assert len(set(STATE_TEXT.values())) == len(SessionState)
