"""What lets the whole appliance run with no hardware."""
