"""The session with the Polar Cloud, without I/O: messages in, actions out (section 1).

The caller connects, hands in what happens, and carries out the returned actions in order.
Everything that changes the state stands in this file; :data:`_TABLE` says which message
means something in which state. Nothing that is received makes an input method raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from appliance.errors import MessageError
from appliance.polar import messages
from appliance.polar.actions import (
    Action,
    CheckPair,
    Close,
    Deleted,
    Deliver,
    HelloFailed,
    Ignored,
    KeyReceived,
    Online,
    Registered,
    RegistrationFailed,
    Send,
    Sign,
    Unregistered,
    UnregisterFailed,
)
from appliance.polar.key_pair import KeyPair
from appliance.polar.texts import (
    DELETED_TEXT,
    HELLO_FAILED_TEXT,
    OFFLINE_UNREGISTER_TEXT,
    REGISTRATION_TEXT,
    STATE_TEXT,
    UNREGISTER_FAILED_TEXT,
    UNREGISTER_LOST_TEXT,
    SessionState,
    clipped,
    registration_text,
    with_remark,
)

__all__ = [
    "REGISTRATION_TEXT",
    "STATE_TEXT",
    "Action",
    "CheckPair",
    "Close",
    "Deleted",
    "Deliver",
    "HelloFacts",
    "HelloFailed",
    "Ignored",
    "KeyReceived",
    "Online",
    "Registered",
    "RegistrationFailed",
    "Send",
    "Session",
    "SessionState",
    "Sign",
    "UnregisterFailed",
    "Unregistered",
]

_MAX_REMEMBERED = 200  # names of unknown events and fields; more are ignored without a word

# These the session alone sends, when the state is right for them.
_OWN_MESSAGES = (messages.Hello, messages.Register, messages.MakeKeyPair, messages.Unregister)


@dataclass(frozen=True, kw_only=True)
class HelloFacts:
    """What the cloud is told of this printer with ``hello`` and ``register``.

    ``mac`` must follow a fixed rule: by it a re-flashed card gets its printer back.
    """

    mac: str | None = None
    mfg: str | None = None
    mfg_sn: str | None = None
    printer_make: str | None = None
    version: str | None = None
    local_ip: str | None = None
    transform_img: int | None = None
    camera: bool = False
    cam_url: str | None = None


@dataclass(frozen=True)
class _Registration:
    """A wish to register that was not sent yet; the PIN exists only here and in the message."""

    email: str
    pin: str = field(repr=False)
    use_cloud_key: bool


class Session:
    """One printer's session, over any number of connections.

    ``serial_number`` counts only together with a ``key``; without both the printer is
    not registered.
    """

    def __init__(self, key: KeyPair | None, serial_number: str | None, hello: HelloFacts) -> None:
        self.facts = hello
        self._key = key
        self._serial_number = serial_number if key is not None else None
        self._state = SessionState.DISCONNECTED
        self._wish: _Registration | None = None
        self._cloud_key: KeyPair | None = None  # becomes the key once registration succeeds
        self._asked: Sign | CheckPair | None = None  # of the key, on the present connection
        self._remembered: set[str] = set()

    def __repr__(self) -> str:
        return f"Session({self._state.value}, serial_number={self._serial_number!r})"

    # What stands.

    @property
    def state(self) -> SessionState:
        """The present state; :data:`STATE_TEXT` has its sentence."""
        return self._state

    @property
    def online(self) -> bool:
        """The cloud accepted the signature on the present connection."""
        return self._state in (SessionState.ONLINE, SessionState.UNREGISTERING)

    @property
    def registered(self) -> bool:
        """The printer has a serial number."""
        return self._serial_number is not None

    @property
    def serial_number(self) -> str | None:
        """The printer's serial number in the cloud."""
        return self._serial_number

    # What happens to the connection.

    def connected(self) -> list[Action]:
        """A new connection is up."""
        lost = self.disconnected()
        self._state = SessionState.CONNECTED
        return lost

    def disconnected(self) -> list[Action]:
        """The connection is gone, whoever closed it."""
        was, self._state = self._state, SessionState.DISCONNECTED
        self._cloud_key = None
        self._asked = None
        if was is SessionState.REGISTERING:
            return [_failed("CONNECTION_LOST")]
        if was is SessionState.UNREGISTERING:
            return [UnregisterFailed(UNREGISTER_LOST_TEXT)]
        return []

    def received(self, event: str, payload: object) -> list[Action]:
        """A message arrived. Never raises: what cannot be used comes back as Ignored."""
        if self._state in (SessionState.DISCONNECTED, SessionState.CLOSING):
            return []
        try:
            message = messages.parse(event, payload)
        except messages.UnknownEvent as error:
            return self._once(f"event {error.event}", error.long)
        except MessageError as error:
            return [Ignored(error.long)]
        unknown: list[Action] = []
        for name in messages.unknown_fields(event, payload):
            text = f"The field {clipped(name, 40)!a} of {event} is not part of the protocol."
            unknown += self._once(f"field {event} {name[:40]}", text)
        return unknown + self._take(event, message)

    # What was asked of the key. An answer to what is asked no more has no effect.

    def signed(self, asked: Sign, signature: str) -> list[Action]:
        """The signature (base64) that ``asked`` was for."""
        if asked is not self._asked or self._serial_number is None:
            return []
        self._asked = None
        self._state = SessionState.HELLO_SENT
        return [Send(self._hello(self._serial_number, signature))]

    def checked(self, asked: CheckPair, pair: KeyPair | None) -> list[Action]:
        """The key that the texts of ``asked`` are; None when they are none."""
        if asked is not self._asked:
            return []
        self._asked = None
        if pair is None or self._wish is None:
            return self._give_up(_failed("BAD_KEY_PAIR"))
        self._cloud_key = pair
        return self._send_register(self._wish, asked.public)

    # What the person or the agent wants.

    def register(self, email: str, pin: str, use_cloud_key: bool = False) -> list[Action]:
        """Register with the account's e-mail and PIN, now or at the next welcome.

        With ``use_cloud_key``, or without a key of its own, the cloud makes the key pair.
        """
        email, pin = email.strip(), pin.strip()
        if not _looks_like_email(email):
            return [_failed("BAD_EMAIL")]
        if not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 16):
            return [_failed("BAD_PIN")]
        if self.online:
            return [_failed("ALREADY_REGISTERED")]
        if self._state is SessionState.REGISTERING:
            return [_failed("STILL_REGISTERING")]
        self._wish = _Registration(email, pin, use_cloud_key or self._key is None)
        if self._state is SessionState.UNREGISTERED:
            return self._begin_registration(self._wish)
        return []

    def forget_wish(self) -> None:
        """Nobody waits any longer: a registration that was not sent yet never will be."""
        self._wish = None

    def unregister(self) -> list[Action]:
        """Take the printer out of the cloud."""
        if self._state is SessionState.UNREGISTERING:
            return [Ignored("Unregistering is under way already.")]
        if self._state is not SessionState.ONLINE or self._serial_number is None:
            return [UnregisterFailed(OFFLINE_UNREGISTER_TEXT)]
        self._state = SessionState.UNREGISTERING
        return [Send(messages.Unregister(serial_number=self._serial_number))]

    def send(self, message: messages.PrinterMessage) -> list[Action]:
        """Send one of the agent's messages; refused unless online."""
        name = messages.event_name(type(message))
        if isinstance(message, _OWN_MESSAGES):
            return [Ignored(f"{name} was not sent: the session sends it by itself.")]
        if not self.online:
            return [Ignored(f"{name} was not sent: {STATE_TEXT[self._state]}")]
        return [Send(message)]

    # What the messages do. Each of these is named in the table below.

    def _take(self, event: str, message: messages.CloudMessage) -> list[Action]:
        handler = _TABLE.get((self._state, type(message)))
        if handler is None:
            return [Ignored(f"{event} was ignored: it has no meaning now ({self._state.value}).")]
        stranger = getattr(message, "serial_number", None)
        if self.online and stranger not in (None, self._serial_number):
            return [
                Ignored(
                    f"{event} was refused: it is for the serial number "
                    f"{clipped(stranger, 64)!a}, this printer is {self._serial_number}."
                )
            ]
        return handler(self, message)

    def _welcome(self, message: messages.Welcome) -> list[Action]:
        lost: list[Action] = (
            [UnregisterFailed(UNREGISTER_LOST_TEXT)]
            if self._state is SessionState.UNREGISTERING
            else []
        )
        self._asked = None
        if self._wish is not None:
            return self._begin_registration(self._wish)
        if self._serial_number is None or self._key is None:
            self._state = SessionState.UNREGISTERED
            return []
        self._state = SessionState.SIGNING
        self._asked = asked = Sign(message.challenge, self._key)
        return [*lost, asked]

    def _hello(self, serial_number: str, signature: str) -> messages.Hello:
        facts = self.facts
        return messages.Hello(
            serial_number=serial_number,
            signature=signature,
            mac=facts.mac,
            mfg_sn=facts.mfg_sn or None,
            printer_make=facts.printer_make or None,
            version=facts.version,
            local_ip=facts.local_ip,
            transform_img=facts.transform_img,
            cam_off=None if facts.camera else 1,
            cam_url=facts.cam_url,
        )

    def _hello_response(self, message: messages.HelloResponse) -> list[Action]:
        if message.status is messages.Result.SUCCESS and self._serial_number is not None:
            self._state = SessionState.ONLINE
            asked = messages.Capabilities(serial_number=self._serial_number)
            refused: list[Action] = []
            if self._wish is not None:
                self._wish = None
                refused.append(_failed("ALREADY_REGISTERED"))
            return [Online(), *refused, Send(asked)]
        if message.status is messages.Result.DELETED:
            return self._forget(Deleted(with_remark(DELETED_TEXT, message.message)), "deleted")
        self._state = SessionState.CLOSING
        text = with_remark(HELLO_FAILED_TEXT, message.message)
        return [HelloFailed(text), Close("The Polar Cloud did not accept the signature.")]

    def _delete(self, _: messages.Delete) -> list[Action]:
        return self._forget(Deleted(DELETED_TEXT), "deleted")

    def _forget(self, news: Action, why: str) -> list[Action]:
        """Without a serial number, but with the key, from here on."""
        self._serial_number = None
        self._state = SessionState.CLOSING
        return [news, Close(f"The printer was {why}; connecting again without a serial number.")]

    def _begin_registration(self, wish: _Registration) -> list[Action]:
        if wish.use_cloud_key:
            self._state = SessionState.KEY_REQUESTED
            return [Send(messages.MakeKeyPair())]
        assert self._key is not None  # a wish without a key asks for the cloud's
        return self._send_register(wish, self._key.public)

    def _send_register(self, wish: _Registration, public_key: str) -> list[Action]:
        self._state = SessionState.REGISTERING
        self._wish = None  # the PIN is forgotten with it
        message = messages.Register(
            mfg=self.facts.mfg or None,
            email=wish.email,
            pin=wish.pin,
            public_key=public_key,
            mfg_sn=self.facts.mfg_sn or None,
            my_info=messages.MyInfo(mac=self.facts.mac),
        )
        return [Send(message)]

    def _key_pair(self, message: messages.KeyPair) -> list[Action]:
        if self._wish is None:
            return self._give_up(Ignored("keyPair was ignored: nobody waits for it any longer."))
        if message.status is not messages.Result.SUCCESS:
            return self._give_up(_failed("KEY_PAIR_FAILED", message.message))
        self._state = SessionState.KEY_RECEIVED
        self._asked = asked = CheckPair(message.private or "", message.public or "")
        return [asked]

    def _register_response(self, message: messages.RegisterResponse) -> list[Action]:
        serial_number = message.granted
        if serial_number is None:
            return self._give_up(_failed(message.reason or "FAILED"))
        news: list[Action] = []
        if self._cloud_key is not None:
            self._key, self._cloud_key = self._cloud_key, None
            news.append(KeyReceived(self._key))
        self._serial_number = serial_number
        self._state = SessionState.CLOSING
        closing = Close("Registered; connecting again with the new serial number.")
        return [*news, Registered(serial_number), closing]

    def _give_up(self, failure: RegistrationFailed | Ignored) -> list[Action]:
        """No registration: wait for another wish, or go back to the identity there was."""
        self._wish = None
        self._cloud_key = None
        if self._serial_number is None:
            self._state = SessionState.UNREGISTERED
            return [failure]
        self._state = SessionState.CLOSING
        return [failure, Close("Connecting again with the serial number there is.")]

    def _unregister_response(self, message: messages.UnregisterResponse) -> list[Action]:
        if message.status is messages.Result.SUCCESS:
            return self._forget(Unregistered(), "unregistered")
        self._state = SessionState.ONLINE
        return [UnregisterFailed(with_remark(UNREGISTER_FAILED_TEXT, message.message))]

    def _deliver(self, message: messages.CloudMessage) -> list[Action]:
        return [Deliver(message)]

    def _once(self, name: str, text: str) -> list[Action]:
        if name in self._remembered or len(self._remembered) >= _MAX_REMEMBERED:
            return []
        self._remembered.add(name)
        return [Ignored(text)]


def _failed(reason: str, remark: str | None = None) -> RegistrationFailed:
    return RegistrationFailed(clipped(reason, 64), with_remark(registration_text(reason), remark))


def _looks_like_email(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return bool(name and at and host) and text.isprintable() and len(text) <= 254


def _table() -> dict[tuple[SessionState, type], Callable[[Session, Any], list[Action]]]:
    state = SessionState
    welcomed = (state.CONNECTED, state.UNREGISTERED, state.SIGNING, state.HELLO_SENT)
    online = (state.ONLINE, state.UNREGISTERING)
    handled_here = (
        messages.Welcome,
        messages.HelloResponse,
        messages.RegisterResponse,
        messages.KeyPair,
        messages.UnregisterResponse,
    )
    agents = [kind for kind in get_args(messages.CloudMessage) if kind not in handled_here]
    return {
        **{(there, messages.Welcome): Session._welcome for there in (*welcomed, *online)},
        (state.KEY_REQUESTED, messages.KeyPair): Session._key_pair,
        (state.REGISTERING, messages.RegisterResponse): Session._register_response,
        (state.HELLO_SENT, messages.HelloResponse): Session._hello_response,
        **{(there, kind): Session._deliver for there in online for kind in agents},
        **{(there, messages.Delete): Session._delete for there in online},
        (state.UNREGISTERING, messages.UnregisterResponse): Session._unregister_response,
    }


_TABLE: Final = _table()
