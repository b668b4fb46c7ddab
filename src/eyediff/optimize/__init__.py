"""Pulling an image towards another by a metric's gradient: what comes out is what the metric sees (torch)."""
