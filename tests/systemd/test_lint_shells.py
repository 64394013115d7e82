"""Shell files are found by name and by first line, and shellcheck's remarks come through."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.linting import shells

FIRST_LINES = {
    "#!/bin/bash -e": True,
    "#!/usr/bin/env bash": True,
    "#!/bin/sh": True,
    "#! /bin/dash": True,
    "#!/usr/bin/env python3": False,
    "#!/usr/bin/fish": False,
    "#!/bin/shuffle": False,
    "text": False,
    "": False,
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("ignored.sh\n")
    return tmp_path


@pytest.mark.parametrize("line", FIRST_LINES)
def test_the_first_line_tells(tmp_path: Path, line: str) -> None:
    file = tmp_path / "program"
    file.write_text(f"{line}\n:\n")
    assert shells.is_shell(file) is FIRST_LINES[line]


def test_a_file_of_other_bytes_is_none(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(bytes(range(256)))
    assert not shells.is_shell(file)


def test_what_git_knows_or_would_add_is_found(repository: Path) -> None:
    for name in ("known.sh", "new.bash", "ignored.sh", "text.py", "run it"):
        (repository / name).write_text("#!/bin/sh\n" if name != "text.py" else "pass\n")
    (repository / "link.sh").symlink_to("known.sh")
    (repository / "gone.sh").write_text("#!/bin/sh\n")
    subprocess.run(["git", "add", "known.sh", "gone.sh"], cwd=repository, check=True)
    (repository / "gone.sh").unlink()
    names = [path.name for path in shells.shell_files(repository)]
    assert names == ["known.sh", "new.bash", "run it"]


def test_shellchecks_remarks_come_through(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.sh", tmp_path / "bad.sh"
    good.write_text('#!/bin/sh\necho "$1"\n')
    bad.write_text("#!/bin/sh\necho $1\n")
    assert list(shells.problems([good])) == []
    [remark] = shells.problems([good, bad])
    assert "bad.sh:2:6" in remark
    assert "SC2086" in remark


def test_a_shellcheck_that_fails_is_a_problem(tmp_path: Path) -> None:
    assert list(shells.problems([tmp_path / "nowhere.sh"]))
