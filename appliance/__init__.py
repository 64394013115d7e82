"""Polar Appliance: a serial 3D printer on the Polar Cloud, from one SD card."""

__version__ = "0.1.0"

RELEASED = 1_767_225_600
"""Unix seconds, 2026-01-01: no clock is right before. Each release moves it to its own day."""
