"""`eyediff export`: a metric as an ONNX file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..engines.export import OPSETS, Input, Layout
from ..errors import shown
from ..onnx_export import export as write
from .progress import download_bar


def export(
    metric: Annotated[str, typer.Option("--metric", "-m", metavar="NAME", help="What to export; `eyediff metrics`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The ONNX file to write.")],
    input_: Annotated[Input, typer.Option("--input", help="What a pixel is stored as.")] = "uint8",
    layout: Annotated[Layout, typer.Option(help="N x H x W x 3, as images lie in memory, or N x 3 x H x W.")] = "nhwc",
    range_: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range", metavar="BLACK WHITE", help="Of float32 pixels: 0 1, -1 1 or 0 255.", show_default="0 1"
        ),
    ] = None,
    opset: Annotated[int, typer.Option(help=f"{OPSETS[0]} to {OPSETS[1]}; older runtimes need the older.")] = OPSETS[0],
    map_: Annotated[bool, typer.Option("--map/--no-map", help="Where images differ, of metrics that say so.")] = True,
    embed: Annotated[
        bool, typer.Option("--embed", help="One image in, its point out: N x D, for lpips-* and deep-*.")
    ] = False,
) -> None:
    """Write a metric as one ONNX file, which any ONNX runtime computes, in any language, without eyediff.

    Inputs `reference` and `candidate`, of any batch and size, to `distance` and, of lpips-*, deep-* and ssim, `map`.
    docs/export.md has programs in Python, JavaScript, C++, C# and Rust.
    """
    with download_bar(metric) as progress:
        made = write(
            metric,
            output,
            input=input_,
            layout=layout,
            range=range_,
            opset=opset,
            map=map_,
            embed=embed,
            progress=progress,
        )
    names = [", ".join(value.name for value in values) for values in (made.graph.input, made.graph.output)]
    size = made.ByteSize() / 1e6
    typer.echo(f"eyediff: {made.graph.name}, {size:.1f} MB: {names[0]} to {names[1]}; see {shown(output)}", err=True)
