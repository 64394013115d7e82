"""For all tests."""

from hypothesis import settings

# A loaded machine must not make a slow example a failure.
settings.register_profile("appliance", deadline=None, print_blob=True)
settings.load_profile("appliance")
