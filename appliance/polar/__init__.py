"""The Polar Cloud's protocol, without I/O."""
