"""Read and write metric files. A metric file has linear weights, the parameters of a backbone, or both.

It is a safetensors file with float32 values and a description, which `metric_schema.py` defines. If the file has no
linear weights, every linear weight is 1. If the file has no parameters of a backbone, the official parameters are used,
and their hash must be the one in the description.

The file may come from an unknown source. It is checked completely before any part is used, and no code in it is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from ..errors import UsageError, WeightsError, shown
from ..interfaces import DownloadProgress
from ..metrics import lpips
from ..metrics.backbones import TRUNKS
from ..metrics.ops import Array
from . import containers, pth
from .hashing import canonical_sha256
from .metric_schema import HEAD, KEY, TRUNK, MetricDescription, check_tensors, parse_description
from .store import load_trunk

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class MetricFile:
    """A metric that was read from a file.

    `heads` has the linear weights of each feature layer. If it is None, every linear weight is 1. `parameters` has the
    parameters of the backbone. If it is None, the official parameters are used.
    """

    path: Path
    description: MetricDescription
    heads: tuple[Array, ...] | None
    parameters: Mapping[str, Array] | None

    @property
    def version(self) -> str:
        """Version of the LPIPS formula. Version 0.1 normalises its input, and version 0.0 does not."""
        return lpips.RELEASES[0 if self.description.scaled else 1]

    @property
    def sha256(self) -> str:
        """Hash in hexadecimal of everything that affects a score. It does not depend on the provenance and the mode."""
        heads = self.heads and canonical_sha256({f"{HEAD}{index}": head for index, head in enumerate(self.heads)})
        record = [
            self.description.trunk,
            self.description.trunk_sha256,
            self.description.scaled,
            self.description.taps,
            heads,
        ]
        return sha256(json.dumps(record).encode()).hexdigest()

    def network(
        self, file: Path | None = None, *, head: bool = True, progress: DownloadProgress | None = None
    ) -> lpips.Network:
        """Return the network that computes the metric.

        Parameters
        ----------
        file : Path, optional
            Path of a file with the weights of the backbone. It is allowed only if the metric file does not contain
            these weights.
        head : bool
            Whether the linear weights are used. If not, every linear weight is 1.
        progress : function, optional
            Function that is called while weights are downloaded, with the number of bytes that have arrived and the
            expected number of bytes.

        Raises
        ------
        WeightsError
            If the backbone is not the one for which the metric was made, or if it cannot be loaded.
        UsageError
            If the backbone is a torch module of the user, or if `file` is given but not needed.
        """
        self.check_runs()
        parameters = self.parameters
        if parameters is not None and file is not None:
            raise UsageError(
                f"{shown(self.path)} already contains its backbone; leave out the weights file {shown(file)}"
            )
        if parameters is None:
            loaded = load_trunk(self.description.trunk, file, trust=file is not None, progress=progress)
            self.check_trunk(loaded.sha256, str(loaded.source))
            parameters = loaded.parameters
        return lpips.Network(
            TRUNKS[self.description.trunk], parameters, self.heads if head else None, lpips.SCALINGS[self.version]
        )

    def check_runs(self) -> None:
        """Raise UsageError if the backbone is a torch module of the user, because files must not select code to run."""
        if self.description.is_module:
            raise UsageError(
                f"{shown(self.path)} is for the backbone {shown(self.description.trunk)}, whose code is not in the file"
                "; "
                "give the module itself, in Python: eyediff.nn.LPIPS.from_module(module, taps, heads=FILE)"
            )

    def check_trunk(self, sha256: str, source: str) -> None:
        """Raise WeightsError unless `sha256` is the hash of the backbone for which the linear weights were made."""
        if sha256 != self.description.trunk_sha256:
            raise WeightsError(
                f"{shown(self.path)}: the metric was made for another backbone: {shown(self.description.trunk)} with "
                f"the sha256 {self.description.trunk_sha256[:16]}; {shown(source)} has the sha256 {sha256[:16]}; "
                "use the backbone for which the metric was made"
            )


def read_metric(path: Path) -> MetricFile:
    """Read a metric file, and check its description and the names, shapes, types and values of its tensors.

    Raises
    ------
    WeightsError
        If the file is not a valid metric file. The message states the path of the file and the reason.
    """
    try:
        _check_container(path)
        with safe_open(path, framework="numpy") as file:
            description = parse_description((file.metadata() or {}).get(KEY))
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # it is not a mapping
            check_tensors(
                description, {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}
            )
            tensors = {name: np.array(file.get_tensor(name), np.float32, order="C") for name in slices}
        return _build(path, description, tensors)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    except (SafetensorError, ValueError) as error:  # older safetensors report some damage as ValueError
        reason = f"its safetensors header is damaged or cut short ({str(error)[:80]!r})"
        raise WeightsError(f"{shown(path)}: {reason}") from None
    except OSError as error:
        raise WeightsError(f"{shown(path)}: the file cannot be read ({error.strerror or error})") from None


def write_metric(
    path: Path,
    *,
    trunk: str,
    mode: str,
    provenance: Mapping[str, object],
    heads: Sequence[Array] | None = None,
    parameters: Mapping[str, Array] | None = None,
    trunk_sha256: str | None = None,
    scaled: bool = True,
    taps: Sequence[str] = (),
) -> MetricFile:
    """Write a metric file atomically. Equal arguments give files with equal bytes.

    Parameters
    ----------
    path : Path
        Path of the file to write.
    trunk, mode, provenance, scaled, taps
        Parts of the description; see `MetricDescription`.
    heads : sequence of arrays, optional
        Linear weights, one array for each feature layer. If they are not given, every linear weight is 1.
    parameters : mapping, optional
        Parameters of the backbone. If they are not given, the official parameters are used.
    trunk_sha256 : str, optional
        Hash of the backbone (`load_trunk(...).sha256`). It is needed only if `parameters` is not given.

    Returns
    -------
    MetricFile

    Raises
    ------
    WeightsError
        If `read_metric` would refuse the file, if the file cannot be written, or if `path` is an existing file that is
        not a metric file.
    """
    path = path.resolve()  # a symbolic link is kept, and its target is replaced
    check_free(path)
    trunk_sha = canonical_sha256(parameters) if parameters is not None else trunk_sha256 or ""
    description = MetricDescription(trunk, trunk_sha, scaled, mode, tuple(taps), dict(provenance))
    tensors = {f"{HEAD}{index}": np.asarray(head, np.float32) for index, head in enumerate(heads or ())}
    tensors |= {f"{TRUNK}{name}": np.asarray(values, np.float32) for name, values in (parameters or {}).items()}
    try:
        description.check()
        text = description.to_json()
        check_tensors(description, {name: ("F32", values.shape) for name, values in tensors.items()})
        metric = _build(path, description, tensors)
        if len(text) > (most := containers.MAX_HEADER // 2):
            raise WeightsError(f"its description takes {len(text):,} bytes; expected at most {most:,} bytes")
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: the file was not written: {error}") from None
    containers.write(path, tensors, {KEY: text})
    return metric


def check_free(path: Path) -> None:
    """Raise WeightsError if `path` is an existing file that is not a metric file."""
    containers.check_free(path, KEY, "metric of eyediff")


def is_file_name(name: str) -> bool:
    """Return whether the name of a metric is the name of a file.

    A file name contains a path separator, or has the suffix of metric files.

    Examples
    --------
    >>> is_file_name("mine.safetensors"), is_file_name("lpips")
    (True, False)
    """
    return "/" in name or "\\" in name or name.casefold().endswith(SUFFIX)


def _check_container(path: Path) -> None:
    """Raise WeightsError unless the file begins like a safetensors file, with a header that is not too large."""
    if not path.is_file():  # reading a pipe or a device might never end
        what = "the path is not a regular file" if path.exists() else "there is no such file"
        raise WeightsError(
            f"{what}; a metric whose name contains a slash or ends in {SUFFIX} is a file; `eyediff metrics` lists the "
            "other metrics"
        )
    containers.check_size(path)
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] != b"{":  # checked first, because a length may begin like a pickle
        if start.startswith((pth.ZIP_START, pth.PICKLE_START)):
            raise WeightsError(
                "the file is not a metric, but a .pth file, another pickle or an archive, so it is not unpacked; "
                "`eyediff weights import` makes a metric from a state dict"
            )
        raise WeightsError("the file is not a safetensors file; expected a metric file that eyediff wrote")
    containers.check_header(path)


def _build(path: Path, description: MetricDescription, tensors: Mapping[str, Array]) -> MetricFile:
    """Check the values of the tensors, and return the metric. The names and shapes must have been checked before."""
    heads = tuple(tensors[f"{HEAD}{index}"] for index in range(sum(name.startswith(HEAD) for name in tensors)))
    for index, head in enumerate(heads):
        if not (np.isfinite(head).all() and (head >= 0).all()):
            raise WeightsError(f"{HEAD}{index} has numbers that are negative or not finite")
    parameters = None
    if any(name.startswith(TRUNK) for name in tensors):
        trunk = TRUNKS[description.trunk]
        parameters = {name: tensors[f"{TRUNK}{name}"] for name in trunk.shapes}
        lpips.check_parameters(trunk, parameters)
        if (sha256 := canonical_sha256(parameters)) != description.trunk_sha256:
            raise WeightsError(
                f"the file is damaged: its backbone has the sha256 {sha256[:16]}, but {description.trunk_sha256[:16]} "
                "is in its description; download or make the file again"
            )
    return MetricFile(path, description, heads or None, parameters)
