"""The machine: systemd, power, network addresses."""
