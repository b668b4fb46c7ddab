"""A metric as a file: heads, a trunk's parameters or both, with what they are for and where they come from.

The container is safetensors, all figures float32; `metricform.py` says what else is in it. Heads may be left out (every
weight is 1), and so may the trunk (the official one, found as always, whose hash must be the one recorded).

A file comes from anywhere, so nothing of it is used before all of it is checked, and nothing in it is ever run.
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
from .metric_schema import HEAD, KEY, TRUNK, Form, check_tensors, parse
from .store import load_trunk

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class MetricFile:
    """A metric's file that was read. `heads` None: every weight is 1; `parameters` None: the official trunk's."""

    path: Path
    form: Form
    heads: tuple[Array, ...] | None
    parameters: Mapping[str, Array] | None

    @property
    def version(self) -> str:
        """Of the formula: 0.1 scales its input, 0.0 does not."""
        return lpips.VERSIONS[0 if self.form.scaled else 1]

    @property
    def sha256(self) -> str:
        """A hash, in hexadecimal, of all that decides a score; provenance and mode do not."""
        heads = self.heads and canonical_sha256({f"{HEAD}{index}": head for index, head in enumerate(self.heads)})
        about = [self.form.trunk, self.form.trunk_sha256, self.form.scaled, self.form.taps, heads]
        return sha256(json.dumps(about).encode()).hexdigest()

    def network(
        self, file: Path | None = None, *, head: bool = True, progress: DownloadProgress | None = None
    ) -> lpips.Network:
        """What computes it. `file` holds the trunk's weights where this one does not; without `head` every weight is 1.

        Raises WeightsError where the weights found are not those it was made for, and what `load_trunk` raises;
        UsageError for the trunk that is a module, and for a `file` that is not needed.
        """
        self.check_runs()
        parameters = self.parameters
        if parameters is not None and file is not None:
            raise UsageError(f"{shown(self.path)} holds its trunk already; leave out the weights {shown(file)}")
        if parameters is None:
            loaded = load_trunk(self.form.trunk, file, trust=file is not None, progress=progress)
            self.check_trunk(loaded.sha256, str(loaded.source))
            parameters = loaded.parameters
        return lpips.Network(TRUNKS[self.form.trunk], parameters, self.heads if head else None, self.form.scaled)

    def check_runs(self) -> None:
        """Raise UsageError for the trunk that is a module: to find it by its name would run whatever has that name."""
        if self.form.is_module:
            raise UsageError(
                f"{shown(self.path)} holds heads for {shown(self.form.trunk)}, and a file brings no code to run; give "
                "the module itself, in Python: eyediff.nn.LPIPS.from_module(module, taps, heads=FILE)"
            )

    def check_trunk(self, sha256: str, source: str) -> None:
        """Raise WeightsError unless this is the hash of the trunk that the heads belong to."""
        if sha256 != self.form.trunk_sha256:
            raise WeightsError(
                f"{shown(self.path)}: made for another trunk: {shown(self.form.trunk)} with sha256 "
                f"{self.form.trunk_sha256[:16]}, not {sha256[:16]} of {shown(source)}; use the trunk it was made for"
            )


def read_metric(path: Path) -> MetricFile:
    """A metric's file, checked whole: form, names, shapes, types and figures.

    Raises WeightsError, which names the file and says what it is instead.
    """
    try:
        _check_container(path)
        with safe_open(path, framework="numpy") as file:
            form = parse((file.metadata() or {}).get(KEY))
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            check_tensors(form, {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()})
            tensors = {name: np.array(file.get_tensor(name), np.float32, order="C") for name in slices}
        return _checked(path, form, tensors)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    except (SafetensorError, ValueError) as error:  # older safetensors report some damage as ValueError
        reason = f"its safetensors header is damaged or cut short ({str(error)[:80]!r})"
        raise WeightsError(f"{shown(path)}: {reason}") from None
    except OSError as error:
        raise WeightsError(f"{shown(path)}: cannot be read ({error.strerror or error})") from None


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
    """Write a metric's file, whole or not at all; the same arguments give the same bytes.

    `parameters` where the trunk is not the official one; else `trunk_sha256` says which trunk the heads belong to
    (`load_trunk(...).sha256`). The other arguments are those of `Form`. Raises WeightsError for what `read_metric`
    would refuse, where the file cannot be written, and where something other than a metric lies there, which stays.
    """
    path = path.resolve()  # a link keeps pointing where it did
    check_free(path)
    known = canonical_sha256(parameters) if parameters is not None else trunk_sha256 or ""
    form = Form(trunk, known, scaled, mode, tuple(taps), dict(provenance))
    tensors = {f"{HEAD}{index}": np.asarray(head, np.float32) for index, head in enumerate(heads or ())}
    tensors |= {f"{TRUNK}{name}": np.asarray(figures, np.float32) for name, figures in (parameters or {}).items()}
    try:
        form.check()
        text = form.text()
        check_tensors(form, {name: ("F32", figures.shape) for name, figures in tensors.items()})
        found = _checked(path, form, tensors)
        if len(text) > (most := containers.MAX_HEADER // 2):
            raise WeightsError(f"its provenance takes {len(text):,} bytes, expected at most {most:,}")
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: not written: {error}") from None
    containers.write(path, tensors, {KEY: text})
    return found


def check_free(path: Path) -> None:
    """Raise WeightsError unless a metric may be written there: nothing lies there, or an earlier metric."""
    containers.check_free(path, KEY, "metric of eyediff")


def is_file_name(name: str) -> bool:
    """Whether a metric's name is that of a file: it has a separator of paths, or ends as such files do."""
    return "/" in name or "\\" in name or name.casefold().endswith(SUFFIX)


def _check_container(path: Path) -> None:
    """Raise WeightsError unless the file begins as safetensors with a header that is not huge."""
    if not path.is_file():  # a pipe or a device might never end
        what = "not a regular file" if path.exists() else "no such file"
        raise WeightsError(f"{what}; a metric named like this is a file, `eyediff metrics` lists the others")
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] != b"{":  # looked at first: a length may begin as a pickle does
        if start.startswith((pth.ZIP_START, pth.PICKLE_START)):
            raise WeightsError(
                "a .pth file or another pickle or archive, which is no metric and is not unpacked; "
                "`eyediff weights import` makes a metric of a state dict"
            )
        raise WeightsError("no safetensors file; a metric is a file that eyediff wrote")
    containers.check_header(path)


def _checked(path: Path, form: Form, tensors: Mapping[str, Array]) -> MetricFile:
    """The value, of tensors whose names and shapes are known to fit; figures are checked here."""
    heads = tuple(tensors[f"{HEAD}{index}"] for index in range(sum(name.startswith(HEAD) for name in tensors)))
    for index, head in enumerate(heads):
        if not (np.isfinite(head).all() and (head >= 0).all()):
            raise WeightsError(f"{HEAD}{index} holds figures below 0 or not finite: not a distance")
    parameters = None
    if any(name.startswith(TRUNK) for name in tensors):
        trunk = TRUNKS[form.trunk]
        parameters = {name: tensors[f"{TRUNK}{name}"] for name in trunk.shapes}
        lpips.check_parameters(trunk, parameters)
        if (found := canonical_sha256(parameters)) != form.trunk_sha256:
            raise WeightsError(f"damaged: its trunk has sha256 {found[:16]}, recorded {form.trunk_sha256[:16]}")
    return MetricFile(path, form, heads or None, parameters)
