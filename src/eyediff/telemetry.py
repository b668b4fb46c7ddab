"""Switch off the telemetry of dependencies before they are imported, because the import may open a connection.

`eyediff/__init__.py` calls `disable_telemetry` before it imports any module that imports a dependency, also in workers.
"""

from __future__ import annotations

import os

SWITCHES = {"ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
"""Environment variables that switch telemetry off.

`onnxruntime.disable_telemetry_events()` would be too late: since release 1.32, the import itself writes a device id and
resolves the name of a server.
"""


def disable_telemetry() -> None:
    """Set the environment variables in SWITCHES unless the user has set them. Child processes inherit them."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
