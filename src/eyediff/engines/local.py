"""Engines for metrics that show where two images differ: the worst window of a map, or boxes around changed regions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from .. import defaults
from ..interfaces import Engine, Mapper
from ..metrics.ops import Array
from ..metrics.programs import LocalMeasure, Planes
from ..metrics.sampling import MARGIN, Places, at_places, by_strips, plane_distance, shifted
from ..records import Mask, Numbers, Pixels, Region

_CELL = 8
"""Side of a cell in pixels. Two changed pixels belong to one region if they are in the same cell or in touching cells.

A cell is a square of a grid over the image.
"""

_SAMPLE = 1024
"""Largest number of pixels of a region on which all displacements are tried."""

_NEAR = 4
"""Number of displacements that are tried on all pixels of a region: those that fit a sample of the pixels best."""


class LocalEngine:
    """Engine for a metric whose score is computed from its map. The engine also finds regions that differ visibly."""

    description = f"numpy {np.__version__}"

    def __init__(self, program: LocalMeasure) -> None:
        self._program, self.smallest = program, program.smallest_side
        self.map_identity = program.map_identity

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        return np.array([self._program.score(found) for found in self.maps(a, b)], np.float64)

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return N scores, computed from the pixels that the mask `counted` selects."""
        pairs = zip(self.maps(a, b), counted, strict=True)
        return np.array([self._program.score(found[own]) for found, own in pairs], np.float64)

    def padded_distances(self, a: Pixels, b: Pixels, counted: Mask, absent: Mask) -> Numbers:
        """Return N scores of images that were padded to one size, computed from the pixels that `counted` selects.

        The mask `absent` marks the pixels that one of the two images does not have. Such a pixel is taken to differ as
        much as black and white do.
        """
        found = np.empty(a.shape[:3], np.float32)
        for index, missing in enumerate(absent):
            common = _common(missing)
            found[index] = np.where(missing, self._most, np.float32(0))
            if found[index][common].size:
                (found[index][common],) = self.maps(a[index : index + 1][:, *common], b[index : index + 1][:, *common])
        return np.array([self._program.score(each[own]) for each, own in zip(found, counted, strict=True)], np.float64)

    @cached_property
    def _most(self) -> np.float32:
        """Value of the map if a black image is compared with a white image."""
        black = np.zeros((1, MARGIN, MARGIN, 3), np.uint8)
        return np.float32(self.maps(black, ~black).max())

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the difference at every pixel, N x H x W."""
        return self._program.map(a, b)

    def locate(
        self, a: Pixels, b: Pixels, shift: int, counted: Mask | None = None, absent: Mask | None = None
    ) -> tuple[Region, ...]:
        """Return the regions in which two images, H x W x 3, differ. The region that differs most comes first.

        If the content of a region is displaced by at most `shift` pixels, and otherwise equal, the region states the
        displacement. Pixels that the mask `counted` does not select belong to no region. The mask `absent` marks pixels
        that only one of the two images has. They form regions of their own.
        """
        if absent is not None:
            common = _common(absent)
            missing = absent if counted is None else absent & counted
            strips = [Region(*box, float(self._most), int(of_box.sum())) for box, of_box in _strips(absent, missing)]
            counted = None if counted is None else counted[common]
            inside = self.locate(a[common], b[common], shift, counted) if absent[common].size else ()
            return _worst([*(strip for strip in strips if strip.pixels), *inside])
        (found,) = self.maps(a[None], b[None])
        if counted is None:
            counted = np.ones(found.shape, np.bool_)
        changed = (found > self._program.visible) & counted
        unequal = (a != b).any(-1)  # filters enlarge the area in which the map is high
        if not shift:
            return _worst(region for region, _, _ in _regions(found, np.nonzero(changed), unequal))
        # The map ignores small displacements. To report them, regions contain all pixels that differ. Their scores are
        # values of the map, so they may be below the limit of visible differences.
        differing = by_strips(lambda x, y: plane_distance(self._program.planes(x), self._program.planes(y)), a, b)
        regions: list[Region] = []
        for region, y, x in _regions(differing, np.nonzero(changed | ((differing > 1) & counted)), unequal):
            if (moved := self._shift(a, b, counted, region, y, x, shift)) is not None:
                regions.append(replace(region, shift=moved, score=float(found[y, x].max())))
            elif (kept := changed[y, x]).any():
                regions += [each for each, _, _ in _regions(found, (y[kept], x[kept]), unequal)]
        return _worst(regions)

    def _shift(
        self, a: Pixels, b: Pixels, counted: Mask, region: Region, y: Places, x: Places, most: int
    ) -> tuple[float, float] | None:
        """Return the displacement (right, down) that turns the reference into the candidate in a region.

        Returns `None` if no displacement does.
        """
        reach = MARGIN + -(-most // _CELL) * _CELL
        top, left = (max(0, first // _CELL * _CELL - reach) for first in (region.y, region.x))
        around = np.s_[top : region.y + region.height + reach, left : region.x + region.width + reach]
        of_a, of_b = self._program.planes(a[around]), self._program.planes(b[around])
        # The displaced content of a pixel may lie beside the region. So all pixels near the region are compared.
        y, x = np.nonzero(_pixels_near(y - top, x - left, most, of_a[0].shape[1:]) & counted[around])
        steps = np.arange(-2 * most, 2 * most + 1) / 2
        shifts = [(dy, dx) for dy in steps for dx in steps if dy or dx]
        some = np.linspace(0, len(y) - 1, min(len(y), _SAMPLE)).astype(int)
        errors = [_displaced(of_a, of_b, y[some], x[some], each).mean(1).min() for each in shifts]
        for index in np.argsort(errors, kind="stable")[:_NEAR]:
            if _displaced(of_a, of_b, y, x, shifts[index]).max(1).min() <= 1:
                dy, dx = shifts[index]
                return float(dx), float(dy)
        return None


def _common(absent: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of the part that both images have: the upper left part."""
    return slice(int((~absent[:, 0]).sum())), slice(int((~absent[0]).sum()))


def _strips(absent: Mask, values: Mask) -> Iterator[tuple[tuple[int, int, int, int], Mask]]:
    """Yield the two parts that only one image has: the part on the right and the part below.

    Each part is yielded as its box (x, y, width, height) and its section of `values`.
    """
    height, width = (side.stop for side in _common(absent))
    if width < absent.shape[1]:
        tall = int(absent[:, -1].sum())
        yield (width, 0, absent.shape[1] - width, tall), values[:tall, width:]
    if height < absent.shape[0]:
        yield (0, height, width, absent.shape[0] - height), values[height:, :width]


def _pixels_near(y: Places, x: Places, most: int, shape: tuple[int, int]) -> Mask:
    """Return a mask that is True at N pixels, and at all pixels within `most` rows and `most` columns of them."""
    mask: Mask = np.zeros(shape, np.bool_)
    mask[y, x] = True
    for axis in (0, 1):
        margins = [(most, most) if axis == side else (0, 0) for side in (0, 1)]
        mask = np.any(sliding_window_view(np.pad(mask, margins), 2 * most + 1, axis), axis=-1)
    return mask


def _displaced(a: Planes, b: Planes, y: Places, x: Places, shift: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Return two distances at each of N pixels, 2 x N.

    For the first distance, `a` is displaced by `shift`. For the second distance, `b` is displaced back instead. If
    `shift` is a fraction, interpolation blurs the displaced image, so only one of the two distances may be small.
    """
    back = (-shift[0], -shift[1])
    of_a, of_b = at_places(a, y, x), at_places(b, y, x)
    return np.stack([plane_distance(shifted(a, y, x, shift), of_b), plane_distance(shifted(b, y, x, back), of_a)])


class PeakEngine:
    """Engine for the worst window of another metric's map.

    The score is the worst one of the means over all windows of the map. The side of a window is `defaults.PEAK_WINDOW`
    pixels.
    """

    def __init__(self, engine: Engine, higher_is_better: bool) -> None:
        if not isinstance(engine, Mapper):
            # A program without a map raises the same type of error.
            raise ValueError("the engine has no map; expected an engine with the method `maps`")  # noqa: TRY004
        self._engine, self._higher = engine, higher_is_better
        # The score of gmsd is a difference, but its map shows similarity.
        self._reversed = engine.map_identity != 0 and not higher_is_better
        self.smallest, self.description = engine.smallest, engine.description

    @property
    def map_identity(self) -> float:
        """Value of the map where the images are equal."""
        return 0.0 if self._reversed else self._engine.map_identity

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the map of the other metric. A map of similarity is reversed if the score is a difference."""
        found = self._engine.maps(a, b)
        return np.float32(self._engine.map_identity) - found if self._reversed else found

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return N scores."""
        return self._worst_means(self.maps(a, b))

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return N scores. Where the mask `counted` does not select a pixel, the images are taken as equal."""
        return self._worst_means(np.where(counted, self.maps(a, b), self.map_identity))

    def _worst_means(self, maps: npt.NDArray[np.floating[Any]]) -> Numbers:
        worst = np.min if self._higher else np.max
        return np.array([worst(_window_means(found)) for found in maps], np.float64)

    def locate(
        self,
        a: Pixels,
        b: Pixels,
        shift: int,  # noqa: ARG002  # a map has no colours that could be displaced
        counted: Mask | None = None,
    ) -> tuple[Region, ...]:
        """Return the windows whose difference is at least half of the worst one. Touching windows are one region."""
        (found,) = self.maps(a[None], b[None])
        if counted is not None:
            found = np.where(counted, found, self.map_identity)
        means = _window_means(found)
        apart = np.abs(means - self.map_identity)
        if not apart.max():
            return ()
        more = [side - count for side, count in zip(found.shape, means.shape, strict=True)]
        sign = -1 if self._higher else 1
        return tuple(
            replace(
                region,
                height=region.height + more[0],
                width=region.width + more[1],
                score=self.map_identity + sign * region.score,
                pixels=None,
            )
            for region in _worst(each for each, _, _ in _regions(apart, np.nonzero(apart >= apart.max() / 2)))
        )


def _window_means(found: npt.NDArray[np.floating[Any]]) -> Numbers:
    """Return the mean of a map over every window. If the image is smaller than a window, the window is reduced."""
    total = np.zeros((found.shape[0] + 1, found.shape[1] + 1))
    total[1:, 1:] = found.astype(np.float64).cumsum(0).cumsum(1)
    height, width = (min(side, defaults.PEAK_WINDOW) for side in found.shape)
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    means: Numbers = sums / (height * width)
    return means


def _regions(
    values: npt.NDArray[np.floating[Any]],
    places: tuple[Places, ...],
    unequal: npt.NDArray[np.bool_] | None = None,
) -> Iterator[tuple[Region, Places, Places]]:
    """Yield the connected groups of the pixels at `places` (rows, columns).

    Each group is yielded as its region, and the rows and columns of its pixels. The score of the region is the highest
    value. The box of the region surrounds the `unequal` pixels of the group, or all pixels if none is unequal.
    """
    y, x = places
    if not len(y):
        return
    across = values.shape[1] // _CELL + 3  # number of cells in a row, with one empty cell on each side
    cells, cell_of = np.unique((y // _CELL + 1) * across + x // _CELL + 1, return_inverse=True)
    component_of = _components(cells.tolist(), across)
    component = component_of[cell_of.reshape(-1)]
    order = np.argsort(component, kind="stable")
    edges = np.searchsorted(component[order], np.arange(component_of.max() + 2))
    for start, stop in pairwise(edges):
        rows, columns = y[order[start:stop]], x[order[start:stop]]
        worst = float(values[rows, columns].max())
        inside = np.s_[:] if unequal is None or not unequal[rows, columns].any() else unequal[rows, columns]
        top, left = int(rows[inside].min()), int(columns[inside].min())
        width, height = int(columns[inside].max()) - left + 1, int(rows[inside].max()) - top + 1
        yield Region(left, top, width, height, worst, len(rows[inside])), rows, columns


def _components(cells: Sequence[int], across: int) -> npt.NDArray[np.intp]:
    """Return, for each cell, the number of its connected group. Cells that share a side or a corner are connected.

    A cell is given by its index in a grid with rows of `across` cells.
    """
    left = dict.fromkeys(cells, -1)
    count = 0
    for cell in cells:
        if left[cell] >= 0:
            continue
        left[cell], waiting = count, [cell]
        while waiting:
            here = waiting.pop()
            for row in (here - across, here, here + across):
                for near in (row - 1, row, row + 1):
                    if left.get(near) == -1:
                        left[near] = count
                        waiting.append(near)
        count += 1
    return np.array([left[cell] for cell in cells])


def _worst(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Return at most `defaults.REGIONS` regions, the highest score first.

    If there are more regions, the last one that is returned surrounds all the remaining regions.
    """
    ordered = sorted(regions, key=lambda region: (-region.score, region.y, region.x))
    kept, rest = ordered[: defaults.REGIONS], ordered[defaults.REGIONS - 1 :]
    if len(ordered) <= defaults.REGIONS:
        return tuple(ordered)
    x, y = min(each.x for each in rest), min(each.y for each in rest)
    right, bottom = max(each.x + each.width for each in rest), max(each.y + each.height for each in rest)
    spanning = replace(
        rest[0],
        x=x,
        y=y,
        width=right - x,
        height=bottom - y,
        pixels=None if rest[0].pixels is None else sum(each.pixels or 0 for each in rest),
        shift=rest[0].shift if all(each.shift is not None for each in rest) else None,
        joined=len(rest),
    )
    return (*kept[:-1], spanning)
