"""Our stage follows pi-gen's rules, and the check finds what breaks them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from image import stage
from image.plan import STAGE

HOST = "#!/bin/bash -e\ntrue\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "stage-x"
    (folder / "00-first").mkdir(parents=True)
    script(folder / "prerun.sh")
    (folder / "EXPORT_IMAGE").write_text('IMG_SUFFIX=""\n')
    script(folder / "00-first/00-run.sh")
    script(folder / "00-first/00-run-chroot.sh", mode=0o644)
    (folder / "00-first/00-packages-nr").write_text("# what for\nudev  kmod # both\n")
    return folder


def script(path: Path, text: str = HOST, mode: int = 0o755) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_our_stage_breaks_no_rule() -> None:
    assert list(stage.problems(STAGE)) == []


def test_a_good_stage_has_no_problems(good: Path) -> None:
    assert list(stage.problems(good)) == []


def test_steps_come_in_pi_gens_order(good: Path) -> None:
    names = [step.name for step in stage.steps(good / "00-first")]
    assert names == ["00-packages-nr", "00-run.sh", "00-run-chroot.sh"]


def test_comments_are_no_packages(good: Path) -> None:
    assert stage.packages(good / "00-first/00-packages-nr") == ["udev", "kmod"]


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "run bit": (lambda s: (s / "00-first/00-run.sh").chmod(0o644), "is not executable"),
    "chroot bit": (lambda s: (s / "00-first/00-run-chroot.sh").chmod(0o755), "needs no run bit"),
    "first line": (lambda s: script(s / "00-first/00-run.sh", "#!/bin/sh\n"), "first line"),
    "step name": (lambda s: (s / "00-first/1-run.sh").write_text(HOST), "knows no such step"),
    "folder name": (lambda s: (s / "00-first").rename(s / "first"), "two digits"),
    "empty": (lambda s: (s / "01-none").mkdir(), "holds no step"),
    "no export": (lambda s: (s / "EXPORT_IMAGE").unlink(), "no image"),
    "no prerun": (lambda s: (s / "prerun.sh").unlink(), "no root to work on"),
    "package name": (
        lambda s: (s / "00-first/01-packages").write_text("Bad_Name\n"),
        "no package's name",
    ),
    "package twice": (
        lambda s: (s / "00-first/01-packages").write_text("udev\nudev\n"),
        "udev stands there twice",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_rule_is_found(good: Path, name: str) -> None:
    spoil, words = BREAKS[name]
    spoil(good)
    found = list(stage.problems(good))
    assert len(found) == 1, found
    assert re.search(words, found[0])
