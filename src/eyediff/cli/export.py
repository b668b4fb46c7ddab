"""`eyediff export`: write a metric as an ONNX file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..engines.export import OPSETS, Input, Layout
from ..errors import shown
from ..onnx_export import export as write
from .progress import download_bar


def export(
    metric: Annotated[
        str, typer.Option("--metric", "-m", metavar="NAME", help="Metric to export; see `eyediff metrics`.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="ONNX file to write.")],
    input_: Annotated[Input, typer.Option("--input", help="Type of a pixel value.")] = "uint8",
    layout: Annotated[
        Layout, typer.Option(help="nhwc: N x H x W x 3, as images are stored in memory; nchw: N x 3 x H x W.")
    ] = "nhwc",
    range_: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range",
            metavar="BLACK WHITE",
            help="Values of black and white for float32 pixels: 0 1, -1 1 or 0 255.",
            show_default="0 1",
        ),
    ] = None,
    opset: Annotated[
        int,
        typer.Option(
            help=f"Version of the ONNX operators, {OPSETS[0]} to {OPSETS[1]}. Older runtimes need an older version."
        ),
    ] = OPSETS[0],
    map_: Annotated[
        bool, typer.Option("--map/--no-map", help="Add an output with the map of the differences, if there is one.")
    ] = True,
    embed: Annotated[
        bool,
        typer.Option(
            "--embed",
            help="Export a model that computes embeddings of images, N x D, instead of scores. For lpips-* and deep-*.",
        ),
    ] = False,
) -> None:
    """Write a metric as one ONNX file. Any ONNX runtime, in any language, can compute the metric without eyediff.

    The inputs are `reference` and `candidate`, with any batch size and image size. The outputs are `distance` and, for
    lpips-*, deep-* and ssim, `map`. docs/export.md has programs in Python, JavaScript, C++, C# and Rust.
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
