"""A run as a page that people look at: one HTML file with everything in it, which asks no network for anything."""

from __future__ import annotations

from .page_writer import About, PageSink

__all__ = ["About", "PageSink"]
