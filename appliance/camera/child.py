"""Command prefixes that keep a child process humble: priority, memory, and its parent's fate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def limited(
    command: Sequence[str],
    *,
    nice: int,
    idle_io: bool = False,
    memory: int | None = None,
) -> list[str]:
    """``command`` behind the util-linux tools that limit it; each replaces itself by the next.

    ``nice`` 0 to 19; ``memory`` in bytes of address space (RLIMIT_AS). The child is killed when
    the thread that started it dies, so an agent that was killed leaves nothing running. A tool
    that this system lacks is left out.
    """
    wrappers = [
        ["setpriv", "--pdeathsig", "KILL"],
        ["nice", "-n", str(nice)],
        ["ionice", "-c", "3", "-t"] if idle_io else [],
        ["prlimit", f"--as={memory}"] if memory else [],
    ]
    prefix = [word for words in wrappers if words and shutil.which(words[0]) for word in words]
    return [*prefix, *command]
