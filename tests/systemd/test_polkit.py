"""The polkit rules, run: what the agent may do, and that nobody else gains anything."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "systemd/usr/share/polkit-1/rules.d/40-polar-appliance.rules"
NM = "org.freedesktop.NetworkManager"
LOGIN = "org.freedesktop.login1"
# What a call needs, from the services' own policies; the callers are in appliance/host/.
CALLS = {
    "AddAndActivateConnection2": [f"{NM}.network-control", f"{NM}.settings.modify.system"],
    "hotspot with a password": [f"{NM}.wifi.share.protected"],
    "hotspot without": [f"{NM}.wifi.share.open"],
    "CheckConnectivity": [f"{NM}.network-control"],
    "Update2, Delete": [f"{NM}.settings.modify.system"],
    "RequestScan": [f"{NM}.wifi.scan"],
    "WirelessEnabled": [f"{NM}.enable-disable-wifi"],
    "SetTimezone": ["org.freedesktop.timedate1.set-timezone"],
    "systemctl reboot": [f"{LOGIN}.reboot", f"{LOGIN}.set-wall-message"],
    "systemctl poweroff": [f"{LOGIN}.power-off", f"{LOGIN}.set-wall-message"],
    "while somebody is logged in": [
        f"{LOGIN}.reboot-multiple-sessions",
        f"{LOGIN}.power-off-multiple-sessions",
    ],
}
ALLOWED = sorted({action for actions in CALLS.values() for action in actions})
REFUSED = [
    f"{NM}.settings.modify.hostname",
    f"{NM}.settings.modify.global-dns",
    f"{NM}.enable-disable-network",
    f"{NM}.reload",
    f"{NM}.sleep-wake",
    "org.freedesktop.timedate1.set-time",
    "org.freedesktop.timedate1.set-ntp",
    "org.freedesktop.hostname1.set-static-hostname",
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.policykit.exec",
    f"{LOGIN}.reboot-ignore-inhibit",
    f"{LOGIN}.power-off-ignore-inhibit",
    f"{LOGIN}.halt",
    f"{LOGIN}.set-reboot-to-firmware-setup",
    f"{NM}.network-control.more",
    "",
]
# As polkit has them (its init.js): null is left to the next rule.
HARNESS = """
var polkit = {
    Result: {NO: "no", YES: "yes", NOT_HANDLED: null},
    _rules: [],
    addRule: function(rule) { this._rules.push(rule); }
};
%s
var asked = %s;
console.log(JSON.stringify(asked.map(function(pair) {
    for (var i = 0; i < polkit._rules.length; i++) {
        var answer = polkit._rules[i]({id: pair[1]}, {user: pair[0]});
        if (answer) { return answer; }
    }
    return null;
})));
"""


def ask(*pairs: tuple[str, str]) -> list[str | None]:
    """What the rules say to (user, action)."""
    program = HARNESS % (RULES.read_text(encoding="utf-8"), json.dumps(pairs))
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, check=True)
    answers: list[str | None] = json.loads(done.stdout)
    return answers


def test_the_agent_may_do_what_it_does() -> None:
    assert ask(*(("polar-agent", action) for action in ALLOWED)) == ["yes"] * len(ALLOWED)


def test_the_agent_may_do_nothing_else() -> None:
    assert ask(*(("polar-agent", action) for action in REFUSED)) == ["no"] * len(REFUSED)


@pytest.mark.parametrize("user", ["polar-printer", "root", "pi", "polar-agent2", ""])
def test_others_are_left_to_the_systems_own_rules(user: str) -> None:
    actions = [*ALLOWED, *REFUSED]
    assert ask(*((user, action) for action in actions)) == [None] * len(actions)


def test_the_list_holds_no_more_than_the_calls_need() -> None:
    named = re.findall(r'"(org\.[\w.-]+)"', RULES.read_text(encoding="utf-8"))
    assert sorted(named) == ALLOWED
