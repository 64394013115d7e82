"""The one slicer: loaded when it is needed, and never at work beside a print."""

from __future__ import annotations

import subprocess
import sys

HEAVY = "appliance.slicing.slicer"


def test_an_agent_that_slices_nothing_does_not_load_it() -> None:
    """Memory: most agents never meet a model."""
    code = (
        "import sys, appliance.agent.main, appliance.web.local, appliance.web.uploads;"
        "print(*(name for name in sys.modules if name.startswith('appliance.slicing')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    subprocess.run([sys.executable, "-c", f"import {HEAVY}"], check=True)
