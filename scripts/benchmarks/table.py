"""What a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One number, and whether it is the one that was wanted (None: there is no target)."""

    what: str
    value: str
    target: str = ""
    reached: bool | None = None


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a small table."""
    wide = max(len(row.what) for row in rows)
    deep = max((len(row.value) for row in rows if row.target), default=0)
    print(f"\n{title}")
    for row in rows:
        verdict = {None: "", True: "reached", False: "MISSED"}[row.reached]
        target = f"  target {row.target}: {verdict}" if row.target else ""
        print(f"  {row.what:<{wide}}  {row.value:<{deep if target else 0}}{target}", flush=True)
