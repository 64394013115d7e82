"""What the tests of this room share."""

import pytest

from appliance.polar import messages
from appliance.polar.keys import PrinterKey
from appliance.polar.session import (
    HelloFacts,
    Online,
    Send,
    Session,
    SessionState,
)
from tests.polar.signing import Signing

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


@pytest.fixture(scope="session")
def key() -> PrinterKey:
    return PrinterKey.generate()


@pytest.fixture(scope="session")
def other_key() -> PrinterKey:
    return PrinterKey.generate()


@pytest.fixture
def fresh(key: PrinterKey) -> Session:
    """Welcomed, not registered."""
    session = Signing(key.pair(), None, FACTS)
    assert session.connected() == []
    assert session.received("welcome", WELCOME) == []
    assert session.state is SessionState.UNREGISTERED
    return session


@pytest.fixture
def greeting(key: PrinterKey) -> Session:
    """Registered, hello sent."""
    session = Signing(key.pair(), SN, FACTS)
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
