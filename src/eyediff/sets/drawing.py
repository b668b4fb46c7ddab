"""Draw a distance matrix as a picture. This module needs matplotlib."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import shown
from ..output.text import amount
from ..report.plot import panels_of, save
from .distance_matrix import DistanceMatrix
from .seriation import cluster_order

MAX_NAMED = 60
"""Largest number of images whose names are written beside the matrix."""

MAX_NAME_LENGTH = 32
"""Largest number of characters of a name that are shown.

The last characters are shown, because names differ more at their ends than at their beginnings.
"""


def draw_heat_map(matrix: DistanceMatrix, metric: str, path: Path) -> None:
    """Draw a distance matrix as a picture in which small distances are dark, and save it to `path`.

    If rows and columns are the same images, they are drawn in the order of `cluster_order`. Raises OutputError if the
    file cannot be written.
    """
    same = matrix.rows == matrix.columns
    order = cluster_order(matrix.distances) if same else list(range(len(matrix.rows)))
    across = order if same else list(range(len(matrix.columns)))
    figures = np.asarray(matrix.distances)[np.ix_(order, across)]
    named = max(len(order), len(across)) <= MAX_NAMED
    width, height = (min(14.0, max(5.0, 0.24 * len(each) + 2.5)) if named else 9.0 for each in (across, order))
    figure, ((panel,),) = panels_of(1, 1, (width, height))
    image = panel.imshow(figures, cmap="magma", vmin=0, interpolation="nearest" if named else "antialiased")
    figure.colorbar(image, label=metric, shrink=0.8)
    if named:
        panel.set_xticks(
            range(len(across)), [_short(matrix.columns[place]) for place in across], rotation=90, fontsize=7
        )
        panel.set_yticks(range(len(order)), [_short(matrix.rows[place]) for place in order], fontsize=7)
    else:
        panel.set(xlabel=amount(len(across), "image"), ylabel=amount(len(order), "image"), xticks=[], yticks=[])
    figure.suptitle(f"{metric}, similar images side by side" if same else metric, fontsize=10)
    save(figure, path)


def _short(name: str) -> str:
    text = shown(name).replace("$", r"\$")  # matplotlib would treat text between two "$" as mathematics
    return text if len(text) <= MAX_NAME_LENGTH else "..." + text[3 - MAX_NAME_LENGTH :]
