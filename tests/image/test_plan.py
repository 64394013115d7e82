"""The check before a build: what it says, and what it finds wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from image import plan, wheelhouse
from image.wheelhouse import REPOSITORY

CONFIG = REPOSITORY / "image/config"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "pi-gen"
    for name in plan.EARLIER:
        (folder / name).mkdir(parents=True)
        (folder / name / "prerun.sh").touch()
    (folder / "build.sh").write_text("export ARCH=arm64\n")
    (folder / "depends").write_text("sh\nno-such-program:its-package\nno-other-program\n")
    return folder


def test_the_settings_are_nobodys_and_let_nobody_in() -> None:
    config = plan.read_config(CONFIG)
    assert len(config["PI_GEN_COMMIT"]) == 40
    assert config["ENABLE_SSH"] == "0"
    assert "FIRST_USER_PASS" not in config
    assert config["LOCALE_DEFAULT"] == "C.UTF-8"
    assert config["TIMEZONE_DEFAULT"] == "Etc/UTC"
    assert config["KEYBOARD_LAYOUT"] == "English (US)"
    assert config["ENABLE_CLOUD_INIT"] == "1"


def test_bash_reads_the_settings_as_we_do() -> None:
    script = 'set -eu; . "$0"; for name; do echo "${!name}"; done'
    config = plan.read_config(CONFIG)
    command = ["bash", "-c", script, str(CONFIG), *config]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(config.values())


def test_a_checkout_for_64_bits_is_taken(checkout: Path) -> None:
    assert list(plan.pi_gen_problems(checkout)) == []


def test_the_32_bit_branch_and_another_folder_are_refused(checkout: Path) -> None:
    (checkout / "build.sh").write_text("export ARCH=armhf\n")
    assert ["arm64 is needed" in each for each in plan.pi_gen_problems(checkout)] == [True]
    (checkout / "stage1/prerun.sh").unlink()
    assert ["no checkout of pi-gen" in each for each in plan.pi_gen_problems(checkout)] == [True]


def test_missing_programs_are_named_by_their_packages(checkout: Path) -> None:
    missing = plan.missing_tools(checkout)
    assert {"its-package", "no-other-program"} <= set(missing)
    assert "sh" not in missing


def test_another_commit_than_the_pinned_is_said(checkout: Path) -> None:
    git = ["git", "-C", str(checkout), "-c", "user.name=x", "-c", "user.email=x@y"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True)
    config = plan.read_config(CONFIG)
    (said,) = plan.pi_gen(config, checkout)
    assert f"other than the pinned {config['PI_GEN_COMMIT']}" in said
    (checkout / "new").touch()
    assert any("changes of its own" in line for line in plan.pi_gen(config, checkout))


def test_the_plan_names_stages_packages_and_wheels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheelhouse.build_own(tmp_path)
    assert plan.report(plan.read_config(CONFIG), tmp_path, None) == []
    said = capsys.readouterr().out
    for words in ("01-appliance/00-run-chroot.sh", "python3-picamera2", "polar_appliance-"):
        assert words in said


def test_a_wheel_that_is_not_ours_byte_for_byte_is_found(tmp_path: Path) -> None:
    own = wheelhouse.build_own(tmp_path)
    own.write_bytes(own.read_bytes() + b"x")
    assert ["came out differently" in each for each in plan.reproducible(tmp_path)] == [True]
