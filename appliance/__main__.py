"""``python -m appliance`` is ``polar-appliance``."""

from appliance.cli import main

main()
