"""systemd's own checks find what is wrong with a unit, and are silent otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.linting import units

GOOD = """\
[Unit]
Description=An example

[Service]
Type=oneshot
ExecStart=/usr/lib/polar-appliance/example
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
"""
MISTAKES = {
    "key": ("ProtectSystem=", "ProtectSytem=", "Unknown key.*ProtectSytem"),
    "key like a later one": ("Type=oneshot", "RestartStep=6", "Unknown key.*RestartStep"),
    "value": ("Type=oneshot", "Type=once", "once"),
    "section": ("[Install]", "[Instal]", "Instal"),
    "program": ("/example", "/exampel", "exampel is not executable"),
    "dependency": (
        "Description=An example",
        "Description=An example\nRequires=polar-nothing.service",
        "polar-nothing.service not found",
    ),
    "circle": (
        "Description=An example",
        "Description=An example\nBefore=local-fs.target",
        "Found ordering cycle on",
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / units.UNITS).mkdir(parents=True)
    program = folder / "usr/lib/polar-appliance/example"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return folder


def verified(tree: Path, text: str, name: str = "example.service") -> list[str]:
    (tree / units.UNITS / name).write_text(text)
    root = tree.with_name("root")
    return list(units.problems(root, units.stage_root(root, tree)))


def test_a_good_unit_makes_no_noise(tree: Path) -> None:
    assert verified(tree, GOOD) == []


def test_keys_that_only_the_cards_systemd_knows_make_no_noise(tree: Path) -> None:
    newer = "Type=oneshot\nRestartSec=1\nRestartSteps=6\nRestartMaxDelaySec=5"
    assert verified(tree, GOOD.replace("Type=oneshot", newer)) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_found(tree: Path, mistake: str) -> None:
    old, new, words = MISTAKES[mistake]
    found = verified(tree, GOOD.replace(old, new))
    assert any(re.search(words, line) for line in found), found


def test_what_is_laid_over_a_unit_of_a_package_is_read_too(tree: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    file = second / units.UNITS / "cloud-example.service.d/50-polar-appliance.conf"
    file.parent.mkdir(parents=True)
    root = tmp_path / "root"
    for name, text, words in (
        ("good", "[Unit]\nAfter=boot-firmware.mount\n", ""),
        ("key", "[Unit]\nAftre=boot-firmware.mount\n", "Aftre"),
        ("circle", "[Unit]\nBefore=local-fs.target\n", "ordering cycle"),
    ):
        file.write_text(text)
        found = list(units.problems(root / name, units.stage_root(root / name, tree, second)))
        assert bool(found) == bool(words), found
        assert words in "".join(found)


def test_a_mount_with_a_dash_in_its_folder(tree: Path) -> None:
    mount = "[Mount]\nWhat=/data/appliance\nWhere=/var/lib/polar-appliance\nOptions=bind\n"
    assert verified(tree, mount, r"var-lib-polar\x2dappliance.mount") == []


def test_a_mount_with_another_name_than_its_folder(tree: Path) -> None:
    mount = "[Mount]\nWhat=/data/appliance\nWhere=/var/lib/polar-appliance\nOptions=bind\n"
    assert verified(tree, mount, "var-lib-polar-appliance.mount")


def test_an_open_service_is_too_open(tree: Path) -> None:
    folder = tree / units.UNITS
    for name in units.DAEMONS:
        (folder / name).write_text(GOOD)
    found = list(units.too_open(folder))
    assert len(found) == len(units.DAEMONS)
    assert units.exposure(folder / units.DAEMONS[0]) > 8


def test_no_figure_is_no_good_figure(tree: Path) -> None:
    with pytest.raises(RuntimeError, match="systemd-analyze security"):
        units.exposure(tree / "nothing.service")
