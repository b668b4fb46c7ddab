"""Draw the rate-distortion curves of a table, with one panel for each metric and one curve for each codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import UsageError, shown
from ..report.plot import TONES, panels_of, save
from .formats import name_metric
from .means import TableData

_WIDE, _TALL = 5.0, 4.0
"""Width and height of a panel, in inches."""


def draw_curves(table: TableData, path: Path) -> None:
    """Draw the score of each operating point against its bits per pixel. The legend has the BD-rates.

    Raises
    ------
    UsageError
        If the table has no bitrates, or if matplotlib is not installed.
    OutputError
        If the file cannot be written.
    """
    if table.bitrates is None:
        raise UsageError("the table has no bitrates, so there are no curves to draw; give the sizes of the files")
    section, codecs = table.overall, table.bitrates.codecs
    figure, (panels,) = panels_of(1, len(section.bpp), (_WIDE * len(section.bpp), _TALL))
    for panel, (metric, rates) in zip(panels, section.bpp.items(), strict=True):
        means = np.array([np.nan if entry.mean is None else entry.mean for entry in section.entries[metric]])
        means[~np.isfinite(means)] = np.nan
        for index, (codec, places) in enumerate(codecs.items()):
            points = sorted((rates[place], means[place]) for place in places) if rates else []
            delta = section.deltas.get(codec, {}).get(metric)
            label = shown(codec) + (f" ({delta.rate:+.2f} %)" if delta and delta.rate is not None else "")
            panel.plot(
                *zip(*points, strict=True) if points else ((), ()),
                "o-",
                ms=4,
                lw=1.4,
                label=label,
                color=TONES[index % len(TONES)],
            )
        up = table.header.higher_is_better[metric]
        panel.set(xlabel="bits per pixel", ylabel=f"{name_metric(metric)} ({'higher' if up else 'lower'} is better)")
        panel.set_xlim(left=0)
        panel.grid(alpha=0.3)
        title = f"BD-rate against {shown(table.bitrates.anchor)}" if len(codecs) > 1 else None
        panel.legend(fontsize=8, title=title, title_fontsize=8)
    save(figure, path)
