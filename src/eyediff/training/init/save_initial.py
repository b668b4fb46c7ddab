"""First weights as a metric's file, so that they can be judged, looked at and trained on."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from ... import __version__
from ...distortions.photos import found
from ...errors import WeightsError
from ...metrics.backbones import Trunk
from ...weights import MetricFile, check_free, read_metric, write_metric
from . import How, initial


def written(path: Path, trunk: Trunk, how: How, seed: int, photos: Path | None = None) -> MetricFile:
    """The metric of a trunk's first weights, without heads, in a file; one there that was made of the same is kept.

    Raises what `initial` raises, and WeightsError where something else lies there.
    """
    check_free(path)
    provenance: dict[str, object] = {"eyediff": __version__, "seed": seed}
    if photos is not None:
        paths = found(photos)
        whole = sha256(b"".join(sha256(each.read_bytes()).digest() for each in paths)).hexdigest()
        provenance |= {"photos": len(paths), "photos_sha256": whole}
    try:
        form = (before := read_metric(path)).form
        if (form.trunk, form.mode, form.provenance) == (trunk.name, how, provenance):
            return before
    except WeightsError:  # not there, or damaged and now replaced
        pass
    parameters = initial(trunk, how, seed, photos)
    return write_metric(path, trunk=trunk.name, mode=how, provenance=provenance, parameters=parameters)
