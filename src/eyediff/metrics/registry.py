"""The registry of metrics: names, directions, ranges, versions, citations and programs.

A metric is requested as `name` or `name@version`. The first version of a metric is the default. To add a metric, write
one file in this folder and one entry here. Another installed package can add metrics with entry points of the group
`eyediff.metrics`. Each entry point must load one `MetricInfo`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from typing import TypeAlias

from ..errors import UnknownMetricError, UsageError, shown
from . import (
    changed_pixels,
    cvvdp,
    flip,
    fsim,
    gmsd,
    haarpsi,
    l2,
    lpips,
    mdsi,
    ms_gmsd,
    ms_ssim,
    psnr,
    ssim,
    ssimulacra2,
    vif,
    visible_difference,
    vsi,
)
from .backbones import ALEX, MINI, SQUEEZE, VGG
from .programs import DeepFeatures, FeatureStatistics, LocalMeasure, Program

ZHANG = "Zhang et al. 2018, The unreasonable effectiveness of deep features as a perceptual metric, arXiv:1801.03924"
OURS = "a small network trained by eyediff to follow lpips-alex (docs/mini.md)"
WANG = "Wang et al. 2004, Image quality assessment: from error visibility to structural similarity, TIP 13(4)"
WANG_SCALES = "Wang et al. 2003, Multiscale structural similarity for image quality assessment, Asilomar"
ZHANG_FSIM = "Zhang et al. 2011, FSIM: a feature similarity index for image quality assessment, TIP 20(8)"
KOTSARENKO = "Kotsarenko and Ramos 2010, Measuring perceived color difference using YIQ; Vysniauskas 2009 for edges"
BLURRED = "the largest difference of colour after a blur, in thresholds (visible_difference.py)"
XUE = "Xue et al. 2014, Gradient magnitude similarity deviation: a highly efficient perceptual image quality index, TIP"
ZHANG_GMSD = "Zhang et al. 2017, Gradient magnitude similarity deviation on multiple scales, ICASSP"
NAFCHI = "Nafchi et al. 2016, Mean deviation similarity index, IEEE Access 4"
ZHANG_VSI = (
    "Zhang et al. 2014, VSI: a visual saliency-induced index for perceptual image quality assessment, TIP 23(10)"
)
DING = "Ding et al. 2022, Image quality assessment: unifying structure and texture similarity, arXiv:2004.07728"
ANDERSSON = "Andersson et al. 2020, FLIP: a difference evaluator for alternating images, HPG"
SNEYERS = "Sneyers 2022, SSIMULACRA 2, github.com/cloudinary/ssimulacra2, version 2.1"
MANTIUK = "Mantiuk et al. 2024, ColorVideoVDP, TOG 43(4), by the authors' package, which needs the extra `cvvdp`"
SHEIKH = "Sheikh and Bovik 2006, Image information and visual quality, TIP 15(2), in the pixel domain"
REISENHOFER = (
    "Reisenhofer et al. 2018, A Haar wavelet-based perceptual similarity index, Signal Process. Image Commun. 61"
)


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric of the registry: its name, its properties and the computation of each version.

    Parameters
    ----------
    name : str
        Name by which the metric is requested.
    higher_is_better : bool
        Whether a higher score means that two images are more similar.
    identity : float
        Score of two equal images.
    range : str
        Range of the score, as text for people.
    citation : str
        Paper that defines the metric, or a sentence that defines it.
    programs : mapping of str to Program
        Computation of each version, by the name of the version. The first version is the default.
    torch_module : str, optional
        Name of the class in `eyediff.nn` that computes the metric with gradients. `None` for LPIPS and other metrics
        that compare features of a network.
    symmetric : bool
        Whether the score stays the same if reference and candidate are exchanged.
    """

    name: str
    higher_is_better: bool
    identity: float
    range: str
    citation: str
    programs: Mapping[str, Program]
    torch_module: str | None = None
    symmetric: bool = True

    @property
    def versions(self) -> tuple[str, ...]:
        """Names of the versions. The first one is the default."""
        return tuple(self.programs)

    @property
    def is_deep(self) -> bool:
        """True if the metric is LPIPS, or its uncalibrated form, with some network."""
        return isinstance(self.programs[self.versions[0]], DeepFeatures)

    @property
    def has_weights(self) -> bool:
        """True if the metric needs the weights of a network."""
        return isinstance(self.programs[self.versions[0]], (DeepFeatures, FeatureStatistics))

    @property
    def package(self) -> str | None:
        """Name of the module of another package that computes the metric. `None` if eyediff computes it."""
        return getattr(self.programs[self.versions[0]], "package", None)

    @property
    def has_map(self) -> bool:
        """True if the metric can compute a map of the differences."""
        program = self.programs[self.versions[0]]
        return isinstance(program, DeepFeatures) or getattr(program, "map", None) is not None


PEAK = "@peak"
"""Suffix of a metric's name that requests the worst window of its map."""


MetricNames: TypeAlias = str | Sequence[str]
"""Type of one metric name, or of several names."""


def metric_names(names: MetricNames) -> tuple[str, ...]:
    """Return one metric name, or several metric names, as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def finds_regions(requested: str) -> bool:
    """Return whether the metric with this name finds the regions in which two images differ.

    This is true for the worst window of a metric's map, and for the metrics that find visible differences.
    """
    return requested.endswith(PEAK) or detects_shifts(requested)


@lru_cache(maxsize=256)  # the function is called for every row of results
def detects_shifts(requested: str) -> bool:
    """Return whether the metric with this name measures the displacement of a region."""
    if requested.endswith(PEAK):
        return False
    try:
        info, version = find_metric(requested)
    except UsageError:  # the name is a metric file, or a column of an earlier run
        return False
    return isinstance(info.programs[version], LocalMeasure)


def refuse_map(requested: str) -> UsageError:
    """Return the error to raise if maps are requested, but no requested metric has a map."""
    able = ", ".join(name for name, info in all_metrics().items() if info.has_map)
    return UsageError(f"{requested} has no map; the metrics with a map are {able}")


def _deep_metrics() -> Iterable[MetricInfo]:
    yield MetricInfo("lpips-mini", False, 0, "0 up", OURS, {"3": DeepFeatures(MINI.name, True)})
    for prefix, calibrated in (("lpips", True), ("deep", False)):
        for backbone in (ALEX, VGG, SQUEEZE):
            versions = lpips.VERSIONS if calibrated else lpips.RELEASES
            programs = {name: DeepFeatures(backbone.name, calibrated, lpips.INPUTS[name]) for name in versions}
            yield MetricInfo(f"{prefix}-{backbone.name}", False, 0, "0 up", ZHANG, programs)


METRICS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        *_deep_metrics(),
        MetricInfo("l2", False, 0, "0 to 1", "mean squared error of RGB on a scale of 0 to 1", {"1": l2.PROGRAM}, "L2"),
        MetricInfo("l2-lab", False, 0, "0 up", "mean squared error of CIE Lab over 100 (l2.py)", {"1": l2.LAB_PROGRAM}),
        MetricInfo(
            "psnr",
            True,
            float("inf"),
            "0 dB up",
            "10 log10 of 1 / mean squared error of RGB",
            psnr.PROGRAMS,
            "PSNR",
        ),
        MetricInfo("ssim", True, 1, "-1 to 1", WANG, ssim.PROGRAMS, "SSIM"),
        MetricInfo(
            "dssim",
            False,
            0,
            "0 to 1",
            f"(1 - SSIM) / 2 with scikit-image's default window; {WANG}",
            {"1": ssim.DSSIM_PROGRAM},
            "DSSIM",
        ),
        MetricInfo("ms-ssim", True, 1, "0 to 1", WANG_SCALES, {"1": ms_ssim.PROGRAM}, "MSSSIM"),
        MetricInfo("fsim", True, 1, "0 to 1", ZHANG_FSIM, {"1": fsim.PROGRAM}),
        MetricInfo("fsimc", True, 1, "0 to 1", ZHANG_FSIM, {"1": fsim.COLOUR_PROGRAM}),
        MetricInfo("gmsd", False, 0, "0 to 0.35", XUE, {"1": gmsd.PROGRAM}, "GMSD"),
        MetricInfo("ms-gmsd", False, 0, "0 to 0.5", ZHANG_GMSD, {"1": ms_gmsd.PROGRAM}, "MSGMSD"),
        MetricInfo("mdsi", False, 0, "0 to 1", NAFCHI, {"1": mdsi.PROGRAM}, "MDSI", symmetric=False),
        MetricInfo("haarpsi", True, 1, "0 to 1", REISENHOFER, {"1": haarpsi.PROGRAM}, "HaarPSI"),
        MetricInfo("vsi", True, 1, "0 to 1", ZHANG_VSI, {"1": vsi.PROGRAM}),
        MetricInfo(
            "vif", True, 1, "0 up; above 1 with more contrast", SHEIKH, {"1": vif.PROGRAM}, "VIF", symmetric=False
        ),
        MetricInfo("dists", False, 0, "0 to 1", DING, {"1": FeatureStatistics(VGG.name)}, "DISTS"),
        MetricInfo("flip", False, 0, "0 to 1", ANDERSSON, {"1": flip.PROGRAM}, "FLIP"),
        MetricInfo(
            "ssimulacra2", True, 100, "100 down", SNEYERS, {"2.1": ssimulacra2.PROGRAM}, "SSIMULACRA2", symmetric=False
        ),
        MetricInfo("cvvdp", True, 10, "10 down, in JOD", MANTIUK, cvvdp.PROGRAMS, symmetric=False),
        MetricInfo("changed-pixels", False, 0, "0 to 1", KOTSARENKO, {"1": changed_pixels.PROGRAM}),
        MetricInfo("visible-difference", False, 0, "0 up; 1 is visible", BLURRED, {"1": visible_difference.PROGRAM}),
    )
}

ALIASES = {"lpips": "lpips-alex"}

ENTRY_POINT_GROUP = "eyediff.metrics"


def all_metrics() -> dict[str, MetricInfo]:
    """Return the metrics of this package and of other installed packages, by name.

    Raises
    ------
    UsageError
        If a metric of another package cannot be loaded, is not a `MetricInfo`, or has a name that exists already.
    """
    metrics = dict(METRICS)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        origin = f"the entry point {shown(point.name)} = {shown(point.value)}"
        try:
            info = point.load()
        except Exception as error:  # another package may raise any exception
            raise UsageError(
                f"{origin} cannot be loaded ({type(error).__name__}: {error}); "
                "repair or uninstall the package that contains it"
            ) from error
        if not isinstance(info, MetricInfo):
            raise UsageError(
                f"{origin} is a {type(info).__name__}; expected a MetricInfo; "
                "repair or uninstall the package that contains it"
            )
        if info.name in metrics or info.name in ALIASES:
            raise UsageError(
                f"{origin} adds a metric with the name {shown(info.name)}, which another metric has already; "
                "uninstall one of the two packages"
            )
        metrics[info.name] = info
    return metrics


def find_metric(requested: str) -> tuple[MetricInfo, str]:
    """Return the metric and the version for a name such as `lpips` or `lpips-vgg@0.0`.

    Parameters
    ----------
    requested : str
        Name of a metric or an alias such as `lpips`, with or without `@version`.

    Returns
    -------
    tuple of MetricInfo and str

    Raises
    ------
    UnknownMetricError
        If no metric has this name, or if the metric has no such version.

    Examples
    --------
    >>> info, version = find_metric("lpips")
    >>> info.name, version
    ('lpips-alex', '0.1')
    """
    name, at, version = requested.partition("@")
    resolved = ALIASES.get(name, name)
    info = METRICS.get(resolved) or all_metrics().get(resolved)
    if info is None:
        raise UnknownMetricError(_no_such_metric(name))
    if at and version not in info.programs:
        offered = ", ".join(f"{name}@{known}" for known in info.versions)
        raise UnknownMetricError(f"the metric {name} has no version {version!r}; expected one of {offered}")
    return info, version or info.versions[0]


def _no_such_metric(name: str) -> str:
    known = [*ALIASES, *all_metrics()]
    close = difflib.get_close_matches(name.casefold().replace("_", "-"), known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
    return f"no metric is called {name!r}; {hint}"
