"""Write the results of a run as a page for people: one HTML file that contains everything and needs no network."""

from __future__ import annotations

from .page_writer import About, PageSink

__all__ = ["About", "PageSink"]
