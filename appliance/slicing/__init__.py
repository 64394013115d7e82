"""A model and a slicer's configuration become G-code, on the device itself."""
