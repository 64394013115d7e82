"""For all tests."""

import os

from hypothesis import settings

# The same examples in every run: what passed here passes elsewhere. A loaded machine must not
# make a slow example a failure. EXPLORE=1 looks for new examples.
settings.register_profile("appliance", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("explore" if os.environ.get("EXPLORE") else "appliance")
