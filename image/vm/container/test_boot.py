"""It starts, and as quickly as without us."""

from __future__ import annotations

import shlex
from pathlib import Path
from statistics import median

import pytest

from image.vm.container.conftest import Figure, NewCard
from image.vm.container.machine import Card, Container

BOOTS = 4
MOST = 1.3  # times as long as the same root without our stage
# A container has no kernel, devices or file systems to wait for: the plain root has started within
# 0.6 s, of which 1.3 times leave 0.2 s for two starts of Python on the same processors, the data
# partition and the name. A board takes half a minute: its ratio is judged in image/vm/machine.
EXTRA = 0.5  # seconds


def test_everything_has_started(appliance: Container) -> None:
    """multi-user.target is reached, and no unit has failed."""
    assert appliance.prop("multi-user.target", "ActiveState") == "active"
    assert not appliance.out("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    assert appliance.out("systemctl", "is-system-running", "--wait") == "running"
    assert not appliance.out("systemctl", "list-jobs", "--plain", "--no-legend")
    for unit in ("polar-data", "polar-first-boot", "polar-boot-message"):
        assert appliance.prop(f"{unit}.service", "Result") == "success"


@pytest.mark.parametrize("mount", ["etc.mount", "var.mount", "home.mount"])
def test_whoever_needs_a_layer_waits_for_it(appliance: Container, mount: str) -> None:
    """polar-data.service mounts them. Who needs which folder systemd knows, but not from where it
    comes: each one must be named there, unless it starts after all file systems anyway.
    """
    assert appliance.prop(mount, "ActiveState") == "active"
    waiting = set(appliance.prop("polar-data.service", "Before").split())
    late = {"local-fs.target", "sysinit.target", "basic.target", "polar-data.service"}
    for unit in set(shlex.split(appliance.prop(mount, "Before"))) - waiting - {"umount.target"}:
        # A mount below another one: it stands when the service has ended.
        assert unit.endswith(".mount") or late & set(appliance.prop(unit, "After").split()), unit


def test_all_is_unmounted_at_the_end(new_card: NewCard, base: Path) -> None:
    """The journal, too, has left /var by then."""
    card = new_card()
    with Container(card, base) as container:
        assert container.prop("systemd-journal-flush.service", "ActiveState") == "active"
    told = container.console_text().splitlines()
    for name in ("home", "var"):
        assert [line for line in told if f"Unmounted {name}.mount" in line]
    # The id that PID 1 lays over /etc at the very first start is below the layer by then.
    assert not [line for line in told if "FAILED" in line and "/etc/machine-id" not in line]
    card.remove()


def test_boot_is_about_as_quick_as_without_us(
    new_card: NewCard, base: Path, figure: Figure
) -> None:
    """Some boots each, in turn. Whatever else this machine does only adds to one: the quickest
    are compared.
    """
    cards = {"without": new_card(plain=True), "with": new_card()}
    seconds: dict[str, list[float]] = {name: [] for name in cards}
    for card in cards.values():  # the first boot of each makes keys and folders
        _boot(card, base)
    cards["with"].keep_machine_id()
    for _ in range(BOOTS):
        for name, card in cards.items():
            seconds[name].append(_boot(card, base))
    for card in cards.values():
        card.remove()
    without, ours = min(seconds["without"]), min(seconds["with"])
    shown = "; ".join(
        f"{name} {', '.join(f'{s:.2f}' for s in taken)}, median {median(taken):.2f}"
        for name, taken in seconds.items()
    )
    figure(
        f"boot to multi-user.target in seconds: {shown}; the quickest {ours / without:.2f} times"
    )
    assert ours <= without * MOST or ours - without <= EXTRA


def _boot(card: Card, base: Path) -> float:
    with Container(card, base) as container:
        return container.boot_seconds()
