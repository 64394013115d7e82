"""The agent: everything between the cloud, the printer daemon and the camera."""
