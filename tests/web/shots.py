"""Pictures of pages for the documentation."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from appliance.host.network import device_name
from tests.web.browsing import Browser

FOLDER = Path(__file__).parents[2] / "docs" / "setup"
SCALE = 1.5  # pictures' pixels to a page's
COLOURS = 96
# The simulated device is on this machine; a real one has an address and a port of its own.
REAL = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode;
  text.data = text.data.replace(/127\\.0\\.0\\.1(:\\d+)?/g, '192.168.1.50')
    .replace(/\\/\\S*ttyPrinter/, 'usb-1a86_USB_Serial-if00-port0')
    .replace(`of ${arguments[0]} `, 'of polar-appliance ');
}
for (const field of document.querySelectorAll('input[readonly]'))
  field.value = field.id === 'api-key' ? '(32 letters and digits)' : 'http://192.168.1.50';
document.activeElement?.blur();
const ends = [...document.querySelectorAll('main *')].map((e) => e.getBoundingClientRect().bottom);
return Math.max(...ends) + window.scrollY + 24;
"""


def take(browser: Browser, name: str) -> None:
    """Keep the present page as docs/setup/``name``.png, in few colours."""
    bottom = browser.driver.execute_script(REAL, device_name())
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(browser.shot(SCALE))).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, round(bottom * SCALE))))
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)
