"""What exists where, and how it gets here: trunks' weights found, fetched, checked, imported; heads as shipped."""

from .catalogue import PUBLISHED, Published, published
from .checked import LoadedTrunk
from .hashing import canonical_sha256
from .heads import load_heads, metric_sha256
from .places import Place, cache, candidates, offline, places
from .store import Added, Checked, add, find, load_trunk, verify

__all__ = [
    "PUBLISHED",
    "Added",
    "Checked",
    "LoadedTrunk",
    "Place",
    "Published",
    "add",
    "cache",
    "candidates",
    "canonical_sha256",
    "find",
    "load_heads",
    "load_trunk",
    "metric_sha256",
    "offline",
    "places",
    "published",
    "verify",
]
