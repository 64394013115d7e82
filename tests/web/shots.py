"""Pictures of pages for the documentation."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.web.browsing import Browser

FOLDER = Path(__file__).parents[2] / "docs" / "setup"
SCALE = 1.5  # pictures' pixels to a page's
COLOURS = 96
# Here the simulated device is on this machine; a real one has an address of its own.
ADDRESS = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode;
  text.data = text.data.replace(/127\\.0\\.0\\.1(:\\d+)?/g, '192.168.1.50');
}
for (const field of document.querySelectorAll('input[readonly]')) field.value = '(the key)';
document.activeElement?.blur();
"""


def take(browser: Browser, name: str) -> None:
    """Keep the present page as docs/setup/``name``.png, in few colours."""
    browser.driver.execute_script(ADDRESS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(browser.shot(SCALE))).convert("RGB")
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)
