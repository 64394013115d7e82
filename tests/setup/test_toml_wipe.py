from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appliance.setup.toml_text import toml_text
from appliance.setup.toml_wipe import wiped

KEYS = ["wifi.password", "cloud.pin"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[wifi]\npassword = "hidden77"  # mine', '[wifi]\npassword = ""  # mine'),
        ("[wifi]\r\npassword='hidden77'\r\n", '[wifi]\r\npassword=""\r\n'),
        ('[ "wifi" ]\n"password"="hidden77"', '[ "wifi" ]\n"password"=""'),
        ('wifi.password = """hidden77"""', 'wifi.password = ""'),
        ("wifi.password = '''hidden77'''\n", 'wifi.password = ""\n'),
        (r'wifi.password = "hidden\u0037\u0037"', 'wifi.password = ""'),
        ('wifi = {ssid = "hidden77", password = "hidden77"}', None),
        ('[cloud]\nurl = "hidden77" # "hidden77"\n[wifi]\npassword = "hidden77"', None),
        ('[cloud]\npin = "1234"\nmfg_sn = "1234"\n', '[cloud]\npin = ""\nmfg_sn = "1234"\n'),
        ("cloud.pin = '1234'\nwifi.password = 'hidden77'", 'cloud.pin = ""\nwifi.password = ""'),
        ('wifi.password = """\nhid\\\n   den77"""', 'wifi.password = ""'),
        ('wifi.password = """a""b"c"""""\nx = 1', 'wifi.password = ""\nx = 1'),
        ('wifi.password = ""', 'wifi.password = ""'),
        ("[wifi]\nssid = 'x'", "[wifi]\nssid = 'x'"),
        ("wifi = 5", "wifi = 5"),
        (
            "[printer]\npark_x = nan\n[cloud]\npin='1234'",
            '[printer]\npark_x = nan\n[cloud]\npin=""',
        ),
        ("", ""),
    ],
)
def test_a_secret_goes_and_all_else_stays(text: str, expected: str | None) -> None:
    if expected is None:  # only the last of several like strings is the secret
        head, _, tail = text.rpartition('"hidden77"')
        expected = f'{head}""{tail}'
    assert wiped(text.encode(), KEYS) == expected.encode()
    assert wiped(b"\xef\xbb\xbf" + text.encode(), KEYS) == b"\xef\xbb\xbf" + expected.encode()


def test_what_is_no_toml_is_told() -> None:
    for data in (b"[wifi", b"\xff"):
        with pytest.raises(ValueError):
            wiped(data, KEYS)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
SECRETS = st.sampled_from(['"""', "'''", "\\", "#", '"', "a\nb", "1234"]) | TEXT.filter(bool)


@given(data=st.data(), secret=SECRETS, pin=SECRETS)
def test_any_file_loses_its_secrets_alone(data: st.DataObject, secret: str, pin: str) -> None:
    values = st.sampled_from([secret, pin]) | TEXT | st.integers() | st.booleans()
    others = st.dictionaries(TEXT, values | st.lists(values, max_size=2), max_size=4)
    tree: dict[str, Any] = data.draw(others)
    tree["wifi"] = data.draw(others) | {"password": secret}
    tree["cloud"] = data.draw(others) | {"pin": pin}
    comment = data.draw(st.text(st.characters(categories=["L", "P", "S"]), max_size=20))
    before = f"# {comment}\n{toml_text(tree)}# {comment}\n"
    assume(tomllib.loads(before) == tree)
    after = wiped(before.encode(), KEYS)
    tree["wifi"]["password"] = tree["cloud"]["pin"] = ""
    assert tomllib.loads(after.decode()) == tree
    assert after.startswith(f"# {comment}\n".encode())
    assert after.count(b"\n") == before.count("\n")
