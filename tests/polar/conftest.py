"""What the tests of this room share."""

import pytest

from appliance.polar.keys import PrinterKey


@pytest.fixture(scope="session")
def key() -> PrinterKey:
    return PrinterKey.generate()


@pytest.fixture(scope="session")
def other_key() -> PrinterKey:
    return PrinterKey.generate()
