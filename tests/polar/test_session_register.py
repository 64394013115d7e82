"""Registering, with the own key and with the cloud's, and all that can go wrong (section 1.1)."""

import pytest

from appliance.polar import messages
from appliance.polar.keys import PrinterKey, verify
from appliance.polar.session import (
    CheckPair,
    Close,
    HelloFacts,
    Ignored,
    KeyReceived,
    Registered,
    RegistrationFailed,
    Send,
    Session,
    SessionState,
)
from appliance.polar.texts import REGISTRATION_TEXT
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
    session = Signing(key.pair() if with_own_key else None, None, FACTS)
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
    assert received.key == other_key.pair()
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


def asked_to_check(session: Session, key: PrinterKey) -> CheckPair:
    session.register("someone@sample.com", PIN, use_cloud_key=True)
    pair = {"public": key.public_pem(), "private": key.private_pem().decode()}
    asked = only(list(session.received("keyPair", pair)))
    assert isinstance(asked, CheckPair)
    return asked


@pytest.fixture
def slow(key: PrinterKey) -> Session:
    """Welcomed; nobody has checked anything yet."""
    session = Session(key.pair(), None, FACTS)
    session.connected()
    session.received("welcome", WELCOME)
    return session


def test_while_the_pair_is_checked_nothing_is_registered(
    slow: Session, other_key: PrinterKey
) -> None:
    asked = asked_to_check(slow, other_key)
    assert slow.state is SessionState.KEY_RECEIVED
    assert other_key.private_pem().decode() not in repr(asked)
    granted = {"serialNumber": SN, "status": "SUCCESS"}
    assert isinstance(only(list(slow.received("registerResponse", granted))), Ignored)
    assert isinstance(only(list(slow.received("keyPair", {"status": "FAILED"}))), Ignored)
    assert slow.checked(CheckPair(asked.private, asked.public), other_key.pair()) == []
    assert isinstance(only(list(slow.checked(asked, other_key.pair()))), Send)
    assert slow.checked(asked, other_key.pair()) == []


def test_a_check_that_ends_after_its_connection_has_no_effect(
    slow: Session, other_key: PrinterKey
) -> None:
    asked = asked_to_check(slow, other_key)
    slow.disconnected()
    assert slow.checked(asked, other_key.pair()) == []
    slow.connected()
    assert slow.checked(asked, None) == []
    assert slow.received("welcome", WELCOME) == [Send(messages.MakeKeyPair())]  # the wish stands
    assert slow.checked(asked, other_key.pair()) == []
    assert slow.state is SessionState.KEY_REQUESTED


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
    session = Signing(key.pair(), None, FACTS)
    assert session.register("someone@sample.com", PIN) == []
    session.connected()
    sent = only(list(session.received("welcome", WELCOME)))
    assert isinstance(sent, Send)
    assert isinstance(sent.message, messages.Register)
    session.disconnected()
    session.connected()
    assert session.received("welcome", WELCOME) == []  # the PIN is gone: nothing is sent again


def test_a_wish_survives_a_cut_before_the_pin_was_sent(key: PrinterKey) -> None:
    session = Signing(key.pair(), None, FACTS)
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


def test_a_second_register_is_refused_until_the_first_is_answered(fresh: Session) -> None:
    fresh.register("someone@sample.com", PIN)
    failure = only(list(fresh.register("other@sample.com", PIN)))
    assert isinstance(failure, RegistrationFailed)
    assert failure.reason == "STILL_REGISTERING"


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
    session = Signing(key.pair(), None, FACTS)
    session.register("someone@sample.com", PIN)
    assert PIN not in repr(session) + repr(vars(session))
    session.connected()
    sent = session.received("welcome", WELCOME)
    assert PIN not in repr(sent) + repr(session) + repr(vars(session))
