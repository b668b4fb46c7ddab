"""Telemetry of dependencies, switched off before any of them is imported: eyediff opens no connection unasked.

`eyediff/__init__.py` imports this file first, so that it runs before every import of eyediff, in workers too.
"""

from __future__ import annotations

import os

SWITCHES = {"ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
"""Environment variables that switch telemetry off. `onnxruntime.disable_telemetry_events()` comes too late: from
release 1.32 on the import itself writes a device id and resolves the name of a server."""


def disable_telemetry() -> None:
    """Set the switches that the user has not set. Processes that this one starts inherit them."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
