"""What ``scripts/demo --once`` runs and judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.sim.demo import DemoOptions, run_demo


@pytest.mark.timeout(300)
async def test_one_print_from_the_queue_to_the_verdict(tmp_path: Path) -> None:
    said: list[str] = []
    options = DemoOptions(tmp_path / "demo", port=0, speed=200.0, once=True, say=said.append)
    assert await run_demo(options), "\n".join(said)
    assert (tmp_path / "demo" / "timelapse.mp4").stat().st_size > 10_000
    summary = "\n".join(said)
    for word in ("completed", "0 resends", "11174 of 11174", "stored", "H.264"):
        assert word in summary
    assert "Menu > Queue > Vase > Print Vase" in summary
    assert "Clear the plate" in summary
    assert "7 > 15 > 0" in summary
