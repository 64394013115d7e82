"""Every shell file of the repository, by its name or its first line, past shellcheck."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

SHEBANG = re.compile(rb"#!\s*\S*/(env\s+)?(ba|da)?sh\b")
ENDINGS = frozenset({".sh", ".bash"})


def is_shell(path: Path) -> bool:
    """Whether ``path`` is a shell script, or a file that one reads."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return path.suffix in ENDINGS or SHEBANG.match(file.readline(100)) is not None


def shell_files(root: Path) -> list[Path]:
    """Those that git knows or would add, in the order of their names."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    names = sorted(set(listed.decode().split("\0")) - {""})
    return [path for path in (root / name for name in names) if is_shell(path)]


def problems(files: Sequence[Path]) -> Iterator[str]:
    """What shellcheck says, in its own words."""
    command = ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--format=gcc"]
    found = subprocess.run([*command, *map(str, files)], check=False, capture_output=True)
    yield from (found.stdout + found.stderr).decode().splitlines()
    if found.returncode > 1:  # 1: there are remarks; else shellcheck itself failed
        yield f"shellcheck ended with status {found.returncode}."
