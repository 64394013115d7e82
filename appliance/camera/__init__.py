"""Pictures: drivers, the worker process, orientation and size."""
