"""Find, download, verify and import the weights of backbones. Load linear weights, and read and write metric files."""

from .catalogue import PUBLISHED, PublishedWeights, published
from .hashing import canonical_sha256, file_sha256
from .heads import load_dists, load_heads, metric_sha256, network_sha256
from .import_checkpoint import ImportedCheckpoint, read_checkpoint
from .metric_file import MetricFile, check_free, is_file_name, read_metric, write_metric
from .search_path import WeightsFolder, cache_folder, candidate_files, is_offline, search_folders
from .store import AddedWeights, CheckedFile, add, find, load_trunk, verify
from .validate import LoadedTrunk

__all__ = [
    "PUBLISHED",
    "AddedWeights",
    "CheckedFile",
    "ImportedCheckpoint",
    "LoadedTrunk",
    "MetricFile",
    "PublishedWeights",
    "WeightsFolder",
    "add",
    "cache_folder",
    "candidate_files",
    "canonical_sha256",
    "check_free",
    "file_sha256",
    "find",
    "is_file_name",
    "is_offline",
    "load_dists",
    "load_heads",
    "load_trunk",
    "metric_sha256",
    "network_sha256",
    "published",
    "read_checkpoint",
    "read_metric",
    "search_folders",
    "verify",
    "write_metric",
]
