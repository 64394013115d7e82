"""The printer daemon: owns the serial port and the running print."""
