"""``python -m appliance`` is ``polar-appliance``."""

import sys

from appliance import daemon

if (asked := daemon.asked(sys.argv[1:])) is not None:
    daemon.main(asked)
else:
    from appliance.cli import main

    main()
