"""The panel worker on a simulated front panel: ``python -m appliance.sim.panel_worker HARDWARE``.

The very same worker, drivers and pins; only the chips and the switches are not there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from appliance.panel.wire import Hardware
from appliance.panel.worker import PanelWorker, Send, hardware_of, private_stdout, serve
from appliance.sim.panel_front import Front
from appliance.sim.panel_server import PanelServer


def main(arguments: list[str]) -> None:
    """Run until stdin closes."""
    asyncio.run(_run(hardware_of(arguments), private_stdout()))


async def _run(hardware: Hardware, send: Send) -> None:
    front = Front(hardware)
    server = PanelServer(front, Path(hardware.panel.simulated))
    worker = PanelWorker(
        front.hardware, front.wires, lambda: front.factory, send, drawn=server.drawn
    )
    await serve(worker, server.run())


if __name__ == "__main__":
    main(sys.argv)
