"""What exists where, and how it gets here: trunks' weights found, fetched, checked, imported; heads as shipped;
metrics as files."""

from .catalogue import PUBLISHED, Published, published
from .hashing import canonical_sha256, file_sha256
from .heads import load_heads, metric_sha256, network_sha256
from .import_checkpoint import Foreign, read_foreign
from .metricfile import MetricFile, check_free, is_file_name, read_metric, write_metric
from .search_path import Place, cache, candidates, offline, places
from .store import Added, Checked, add, find, load_trunk, verify
from .validate import LoadedTrunk

__all__ = [
    "PUBLISHED",
    "Added",
    "Checked",
    "Foreign",
    "LoadedTrunk",
    "MetricFile",
    "Place",
    "Published",
    "add",
    "cache",
    "candidates",
    "canonical_sha256",
    "check_free",
    "file_sha256",
    "find",
    "is_file_name",
    "load_heads",
    "load_trunk",
    "metric_sha256",
    "network_sha256",
    "offline",
    "places",
    "published",
    "read_foreign",
    "read_metric",
    "verify",
    "write_metric",
]
