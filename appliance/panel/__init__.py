"""The front panel: screens, menu, renderers, display, buttons and door."""
