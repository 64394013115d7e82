"""What is said when a Wi-Fi cannot be joined, and what can be told before it is tried; pure."""

from __future__ import annotations

from appliance.host.network import readable
from appliance.host.network_api import JoinFailed, JoinProblem, Security

PASSWORD_LENGTHS = range(8, 64)  # bytes of a WPA passphrase (IEEE 802.11, annex J)
KEY_DIGITS = 64  # the key itself, in hexadecimal digits
SSID_LENGTHS = range(1, 33)  # bytes

_SAID = {
    JoinProblem.WRONG_PASSWORD: (
        "Wrong Wi-Fi password",
        "The password is not the one of “{name}”. Capital letters count; type it once more.",
    ),
    JoinProblem.NOT_FOUND: (
        "Wi-Fi not found",
        "“{name}” was not found. Is its router switched on, and near enough?",
    ),
    JoinProblem.NO_ADDRESS: (
        "No address given",
        "“{name}” gave the device no address. Restart its router, or look whether it lets new "
        "devices in.",
    ),
    JoinProblem.NO_INTERNET: (
        "No internet",
        "The device is in “{name}”, but the internet cannot be reached from there. Look at the "
        "router.",
    ),
    JoinProblem.CAPTIVE: (
        "Wi-Fi wants a login",
        "“{name}” wants a login in a browser, which the device cannot do. Use another Wi-Fi, or "
        "have the device's MAC address let in.",
    ),
    JoinProblem.REFUSED: (
        "Wi-Fi type refused",
        "“{name}” cannot be used: it wants a user name or a certificate (enterprise), or is "
        "protected by WEP, which is broken. Use a Wi-Fi with a WPA2 or WPA3 password.",
    ),
    JoinProblem.OTHER: (
        "Wi-Fi not joined",
        "“{name}” could not be joined. Try again, nearer to the router.",
    ),
}


def failure(problem: JoinProblem, ssid: bytes, long: str = "") -> JoinFailed:
    """The error for a person; ``long`` takes the place of the usual sentence."""
    short, usual = _SAID[problem]
    name = readable(ssid) or "this Wi-Fi"
    return JoinFailed(problem, long or usual.replace("{name}", name), short=short)


def is_password(text: str) -> bool:
    """Whether a text can be the password of a Wi-Fi: 8 to 63 bytes, or a key of 64 digits."""
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return False
    if "\0" in text:
        return False
    return length in PASSWORD_LENGTHS or (
        length == KEY_DIGITS and all(c in "0123456789abcdefABCDEF" for c in text)
    )


def check(ssid: bytes, security: Security, password: str) -> None:
    """Raises JoinFailed for what cannot succeed, so that no radio is switched over for it."""
    if len(ssid) not in SSID_LENGTHS:
        raise failure(
            JoinProblem.NOT_FOUND, ssid, "The name of a Wi-Fi is 1 to 32 bytes long; check it."
        )
    if security in (Security.ENTERPRISE, Security.OLD):
        raise failure(JoinProblem.REFUSED, ssid)
    if security is Security.PASSWORD and not is_password(password):
        raise failure(
            JoinProblem.WRONG_PASSWORD,
            ssid,
            f"The password of “{readable(ssid) or 'this Wi-Fi'}” has 8 to 63 characters; check it.",
        )
