"""The device's own pages: the wizard, and after it the local page."""
