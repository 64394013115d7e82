from __future__ import annotations

import os
from pathlib import Path

from appliance.slicing.memory import LEAST, MB, RESERVE, allowed, available, needed, taken


def machine(root: Path, free: int, **groups: str) -> Path:
    """A root with so many MB free, and control groups by path with "high max current cached"."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {free * 1024} kB\n")
    (root / "proc/self/cgroup").write_text("0::/system.slice/polar-agent.service\n")
    for name, numbers in groups.items():
        folder = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_", ".")
        folder.mkdir(parents=True, exist_ok=True)
        high, most, current, cached = numbers.split()
        (folder / "memory.high").write_text(f"{high}\n")
        (folder / "memory.max").write_text(f"{most}\n")
        stat = f"anon 5\nactive_file {cached}\nslab 7\ninactive_file 0\n"
        (folder / "memory.stat").write_text(stat)
        (folder / "memory.current").write_text(f"{current}\n")
    return root


def test_what_is_free_less_a_reserve(tmp_path: Path) -> None:
    root = machine(tmp_path, 300)
    assert available(root) == 300 * MB
    assert allowed(0, root) == 300 * MB - RESERVE
    assert allowed(100, root) == 100 * MB
    assert allowed(1000, root) == 300 * MB - RESERVE


def test_never_less_than_nothing(tmp_path: Path) -> None:
    assert allowed(0, machine(tmp_path, 10)) == 0


def test_the_groups_limits_count(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        2000,
        system_slice=f"max {500 * MB} {100 * MB} 0",
        **{"system_slice__polar-agent_service": f"max max {80 * MB} 0"},
    )
    assert allowed(0, root) == 400 * MB


def test_a_download_in_the_files_cache_is_no_obstacle(tmp_path: Path) -> None:
    """And from memory.high on the kernel would hold the slicer up."""
    group = f"{258 * MB} {301 * MB} {255 * MB} {200 * MB}"
    root = machine(tmp_path, 300, **{"system_slice__polar-agent_service": group})
    assert allowed(0, root) == 203 * MB


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert available(tmp_path) is None
    assert allowed(200, tmp_path) == 200 * MB


def test_what_a_model_needs() -> None:
    assert needed(0) == LEAST
    assert needed(638_400) < 273 * MB  # measured with 2.5.0, the more modest of the two


def test_the_memory_of_a_process() -> None:
    before = taken(os.getpid())
    block = b"x" * (50 * MB)
    assert taken(os.getpid()) - before > 40 * MB
    assert len(block)
    assert taken(2**22 + 1) == 0
