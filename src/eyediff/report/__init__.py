"""Write the results of a run as an HTML page for people. The page contains all its data and needs no network."""

from __future__ import annotations

from .page_writer import About, PageSink

__all__ = ["About", "PageSink"]
