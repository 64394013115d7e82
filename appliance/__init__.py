"""Polar Appliance: a serial 3D printer on the Polar Cloud, from one SD card."""

__version__ = "0.1.0"
