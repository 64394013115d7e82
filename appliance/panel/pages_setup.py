"""The pages of a setup without a phone: Wi-Fi and Polar Cloud, entered with the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from appliance.host.network import readable
from appliance.host.network_api import AccessPoint, Link, Security
from appliance.panel.actions import JoinWifi, LeaveSetup, RegisterAccount, ScanWifi
from appliance.panel.page import (
    BACK,
    BACK_ITEM,
    Do,
    Item,
    Page,
    Patience,
    Place,
    Then,
    View,
    opens,
    saying,
    waiting,
)
from appliance.panel.parts import address
from appliance.panel.screen import Icon, Keys, Line, Tone
from appliance.panel.state import PanelState
from appliance.panel.typing import Form, Kind, filled
from appliance.panel.words import LONGEST_NAME, plain
from appliance.settings_web import MAX_PASSPHRASE, MAX_SSID
from appliance.setup import fields
from appliance.setup.api import Errand, Progress, SetupView
from appliance.setup.countries import COUNTRIES

BEGUN: Final = 1.0  # seconds after which the state tells of what was begun
_NETWORK: Final = {Link.WIFI: "joined", Link.ETHERNET: "cable"}
_REFUSED: Final = {
    Security.ENTERPRISE: "This Wi-Fi asks for a user name, which does not work here. "
    "Choose another, or use a cable.",
    Security.OLD: "This Wi-Fi is protected with WEP, which is broken. "
    "Choose another, or use a cable.",
}
_NO_RADIO: Final = "There is no Wi-Fi in this device. Plug a network cable in."
_NO_NETWORK: Final = "Join a Wi-Fi first, or plug a network cable in."
_EMAIL: Final = Form(Kind.EMAIL, fields.MAX_EMAIL)
_TYPING_KEYS: Final = Keys(left="Delete", ok="Take")


def setup_here_page(_place: Place, state: PanelState) -> View | None:
    """What can be set up with the keys alone."""
    setup = state.setup
    if setup is None:
        return None
    done = "done" if setup.serial_number else ""
    link = _NETWORK.get(setup.facts.network.link, "")
    items = (
        Item("wifi", Line("Wi-Fi", link, Icon.NETWORK), _to_wifi(setup)),
        Item("cloud", Line("Cloud", done, Icon.CLOUD), _to_cloud(setup)),
        *_way_out(setup),
        BACK_ITEM,
    )
    return View(title="Setup here", icon=Icon.SETTINGS, items=items, patience=Patience.LONG)


def _to_wifi(setup: SetupView) -> Do:
    if not setup.facts.network.radio:
        return _wrong("Wi-Fi", _NO_RADIO)
    country = setup.record.answers.country
    if country in COUNTRIES:
        return opens(Place(page=Page.WIFIS, country=country), ScanWifi())
    return opens(Place(page=Page.COUNTRY))


def _to_cloud(setup: SetupView) -> Do:
    if setup.serial_number:
        return _wrong("Cloud", f"This printer is registered as {setup.serial_number}.")
    if setup.facts.network.link not in _NETWORK:
        return _wrong("Cloud", _NO_NETWORK)
    known = setup.record.answers.email
    email = known if known.isascii() and known.isprintable() else ""
    return opens(Place(page=Page.EMAIL, typing=filled(_EMAIL, email)))


def _way_out(setup: SetupView) -> Iterator[Item]:
    leave = Do(action=LeaveSetup(), then=Then.CLOSE)
    if setup.record.finished:
        yield Item("leave", Line("Leave setup"), leave)
    elif setup.serial_number:
        yield Item("leave", Line("Finish setup"), leave)


def _wrong(title: str, sentence: str) -> Do:
    return opens(Place(page=Page.WRONG, chosen=title, about=sentence))


def wrong_page(place: Place, _state: PanelState) -> View:
    """Why something does not work; back to where it was entered."""
    return View(
        title=place.chosen,
        text=plain(place.about),
        tone=Tone.ASKING,
        ok=BACK,
        patience=Patience.LONG,
    )


def _typing(title: str, form: Form, place: Place, check: Callable[[str], object], done: Do) -> View:
    """``check`` raises ValueError with a sentence for a text that cannot be right."""
    text = place.typing.text
    try:
        check(text)
    except ValueError as error:
        done = _wrong(title, str(error))
    return View(
        title=title,
        value=f"{len(text.encode())}/{form.limit}",
        form=form,
        keys=_TYPING_KEYS if text else replace(_TYPING_KEYS, left="Back"),
        ok=done,
        patience=Patience.LONG,
    )


def country_page(place: Place, state: PanelState) -> View | None:
    """The radio obeys the rules of a country, and is off without one."""
    if state.setup is None:
        return None
    code = place.typing.text
    then = Place(page=Page.WIFIS, country=code)
    done = Do(action=ScanWifi(), then=Then.REPLACE, place=then)
    title = COUNTRIES.get(code, "Country")
    view = _typing(title, Form(Kind.COUNTRY, 2), place, fields.country_code, done)
    return view if code in COUNTRIES or len(code) == 2 else replace(view, value="US, DE")


def wifis_page(place: Place, state: PanelState) -> View | None:
    """The Wi-Fis that were seen, the strongest first."""
    setup = state.setup
    if setup is None:
        return None
    if setup.scanning and not setup.networks:
        found = waiting("Wi-Fi", "Looking for it", icon=Icon.NETWORK)
        return replace(found, patience=Patience.LONG)
    points = (_point(point, place) for point in setup.networks if point.ssid)
    again = Item("again", Line("Look again"), Do(action=ScanWifi()))
    name = Place(page=Page.WIFI_NAME, country=place.country)
    other = Item("other", Line("Other name"), opens(name))
    items = (*points, again, other, BACK_ITEM)
    value = "..." if setup.scanning else ""
    return View(title="Wi-Fi", value=value, icon=Icon.NETWORK, items=items, patience=Patience.LONG)


def _point(point: AccessPoint, place: Place) -> Item:
    ssid = point.ssid.hex()
    icon = None if point.security is Security.OPEN else Icon.LOCK
    line = Line(_name(point.ssid), f"{point.strength}%", icon)
    if point.security in _REFUSED:
        return Item(ssid, line, _wrong("Wi-Fi", _REFUSED[point.security]))
    page = Page.WIFI_OPEN if point.security is Security.OPEN else Page.WIFI_PASSWORD
    return Item(ssid, line, opens(Place(page=page, about=ssid, country=place.country)))


def _name(ssid: bytes) -> str:
    return plain(readable(ssid), LONGEST_NAME) or ssid.hex()


def wifi_name_page(place: Place, state: PanelState) -> View | None:
    """A Wi-Fi that does not tell its name."""
    if state.setup is None:
        return None
    ssid = place.typing.text.encode().hex()
    then = Place(page=Page.WIFI_PASSWORD, about=ssid, step=1, country=place.country)
    form = Form(Kind.TEXT, MAX_SSID)
    return _typing("Wi-Fi name", form, place, fields.typed_ssid, opens(then))


def wifi_password_page(place: Place, state: PanelState) -> View | None:
    """Of the chosen Wi-Fi; it stays while the page is open, so that a slip can be corrected."""
    if state.setup is None:
        return None
    hidden = place.step == 1  # it may be an open one
    done = _join(place, state, hidden=hidden)
    check = fields.wifi_password if hidden else _some_password
    return _typing("Password", Form(Kind.TEXT, MAX_PASSPHRASE), place, check, done)


def _some_password(text: str) -> str:
    if not text:
        raise ValueError("Enter the password of this Wi-Fi.")
    return fields.wifi_password(text)


def wifi_open_page(place: Place, state: PanelState) -> View | None:
    """Sure?"""
    if state.setup is None:
        return None
    items = (Item("no", Line("No"), BACK), Item("yes", Line("Yes, join"), _join(place, state)))
    text = f"{_name(bytes.fromhex(place.about))} has no password: others can read what is sent."
    return View(title="Open Wi-Fi?", text=text, tone=Tone.ASKING, items=items, cautious=True)


def _join(place: Place, state: PanelState, *, hidden: bool = False) -> Do:
    ssid = bytes.fromhex(place.about)
    then = Place(page=Page.JOINING, about=place.about, since=state.now)
    return opens(then, JoinWifi(ssid, place.typing.text, place.country, hidden))


def joining_page(place: Place, state: PanelState) -> View | None:
    """Until the Wi-Fi is joined, or why it was not."""
    setup = state.setup
    if setup is None:
        return None
    if _under_way(setup.join, place, state):
        name = _name(bytes.fromhex(place.about))
        return _wait("Joining Wi-Fi", name, "This takes up to a minute.", Icon.NETWORK)
    if setup.join.progress is not Progress.DONE:
        return _failed("Not joined", setup.join.text, Icon.NETWORK)
    where = Line(address(state) or "No address")
    joined = View(
        title="Wi-Fi joined", icon=Icon.DONE, lines=(where,), left=Do(then=Then.CLOSE), ok=_CLOSE
    )
    joined = replace(joined, patience=Patience.LONG, keys=Keys(left="Back", ok="Done"))
    if setup.serial_number:
        return joined
    return replace(joined, ok=_to_cloud(setup), keys=Keys(left="Back", ok="Cloud"))


def email_page(place: Place, state: PanelState) -> View | None:
    """Of the account in the Polar Cloud."""
    if state.setup is None:
        return None
    then = Place(page=Page.PIN, email=place.typing.text)
    return _typing("E-mail", _EMAIL, place, fields.email, opens(then))


def pin_page(place: Place, state: PanelState) -> View | None:
    """Of the account."""
    if state.setup is None:
        return None
    then = Place(page=Page.REGISTERING, since=state.now)
    done = opens(then, RegisterAccount(place.email, place.typing.text))
    return _typing("PIN", Form(Kind.PIN, fields.MAX_PIN), place, fields.pin, done)


def registering_page(place: Place, state: PanelState) -> View | None:
    """Until the cloud gave a serial number, or why it did not."""
    setup = state.setup
    if setup is None:
        return None
    if _under_way(setup.register, place, state):
        return _wait("Registering", "Asking the cloud", "This takes a moment.", Icon.CLOUD)
    if setup.register.progress is not Progress.DONE:
        return _failed("Not registered", setup.register.text, Icon.CLOUD)
    serial = plain(setup.serial_number or "", LONGEST_NAME)
    return View(
        title="Registered",
        icon=Icon.DONE,
        lines=(Line(serial or "In the cloud"),),
        keys=Keys(ok="Done"),
        left=_CLOSE,
        ok=_CLOSE,
        patience=Patience.LONG,
    )


def _under_way(errand: Errand, place: Place, state: PanelState) -> bool:
    """It runs, or was begun so lately that the state still tells of the one before."""
    return errand.progress is Progress.RUNNING or 0 <= state.now - place.since < BEGUN


def _wait(title: str, short: str, text: str, icon: Icon) -> View:
    return replace(waiting(title, short, text, icon=icon), patience=Patience.LONG, waits=True)


def _failed(title: str, sentence: str, icon: Icon) -> View:
    """With the way back to what was entered: it is still there."""
    text = plain(sentence) or "It was interrupted. Try again."
    said = saying(title, "Back: try again", text, icon=icon)
    return replace(said, tone=Tone.TROUBLE, patience=Patience.LONG)


_CLOSE: Final = Do(then=Then.CLOSE)
