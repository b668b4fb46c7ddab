"""The trunks as data: which layers, in which order, and where their features are tapped.

Nothing here computes. `lpips.py` walks the layers; shapes, smallest side and cost are derived. Keys are torchvision's,
so that official files fit by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution with bias, followed by a ReLU."""

    key: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    pad: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """Maximum over size x size windows; with `ceil` the last window may reach over the edge."""

    size: int
    stride: int
    ceil: bool = False


@dataclass(frozen=True, slots=True)
class Fire:
    """SqueezeNet's module: 1x1 to few channels, then 1x1 and 3x3 side by side, joined; a ReLU after each."""

    key: str
    inputs: int
    squeeze: int
    expand: int

    @property
    def convs(self) -> tuple[Conv, Conv, Conv]:
        return (
            Conv(f"{self.key}.squeeze", self.inputs, self.squeeze, 1),
            Conv(f"{self.key}.expand1x1", self.squeeze, self.expand, 1),
            Conv(f"{self.key}.expand3x3", self.squeeze, self.expand, 3, pad=1),
        )


@dataclass(frozen=True, slots=True)
class Tap:
    """The features that have come this far take part in the distance."""


Layer: TypeAlias = Conv | Pool | Fire | Tap


@dataclass(frozen=True, slots=True)
class Trunk:
    """A stack of layers with taps.

    `title` is what people call it, `citation` where it was published.
    """

    name: str
    title: str
    citation: str
    layers: tuple[Layer, ...]

    @property
    def convs(self) -> Iterator[Conv]:
        """Every convolution, those inside fire modules too, in order."""
        for layer in self.layers:
            if isinstance(layer, Conv):
                yield layer
            elif isinstance(layer, Fire):
                yield from layer.convs

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, in order."""
        found: dict[str, tuple[int, ...]] = {}
        for conv in self.convs:
            found[f"{conv.key}.weight"] = (conv.outputs, conv.inputs, conv.kernel, conv.kernel)
            found[f"{conv.key}.bias"] = (conv.outputs,)
        return found

    @property
    def taps(self) -> tuple[int, ...]:
        """Channels at each tap."""
        found, channels = [], 3
        for layer in self.layers:
            if isinstance(layer, Conv):
                channels = layer.outputs
            elif isinstance(layer, Fire):
                channels = 2 * layer.expand
            elif isinstance(layer, Tap):
                found.append(channels)
        return tuple(found)

    def sides(self, side: int) -> list[int]:
        """Length at each tap of a side of `side` pixels; stops early where nothing is left to look at."""
        found = []
        for layer in self.layers:
            if isinstance(layer, Tap):
                found.append(side)
                continue
            side = after(layer, side)
            if side < 1:
                break
        return found

    def tapped(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """Channels, rows and columns at each tap, of an image that is large enough."""
        return list(zip(self.taps, self.sides(height), self.sides(width), strict=True))

    @property
    def smallest(self) -> int:
        """The shortest side, in pixels, that leaves something at every tap."""
        side = 1
        while len(self.sides(side)) < len(self.taps):
            side += 1
        return side

    def multiply_adds(self, height: int, width: int) -> int:
        """Multiplications of the convolutions up to the last tap, for one image."""
        work = 0
        for layer in self.layers:
            rows, columns = after(layer, height), after(layer, width)
            convs = (layer,) if isinstance(layer, Conv) else layer.convs if isinstance(layer, Fire) else ()
            work += sum(rows * columns * c.outputs * c.inputs * c.kernel**2 for c in convs)
            height, width = rows, columns
        return work


def after(layer: Layer, side: int) -> int:
    """Length of a side behind a layer."""
    if isinstance(layer, Conv):
        return (side + 2 * layer.pad - layer.kernel) // layer.stride + 1
    if isinstance(layer, Pool):
        steps = side - layer.size
        return (-(-steps // layer.stride) if layer.ceil else steps // layer.stride) + 1
    return side


def _vgg(plan: tuple[tuple[int, ...], ...]) -> tuple[Layer, ...]:
    """VGG's blocks of 3x3 convolutions; a tap at the end of each, pooling between them."""
    layers: list[Layer] = []
    index, inputs = 0, 3
    for block in plan:
        if layers:
            layers.append(Pool(2, 2))
            index += 1
        for outputs in block:
            layers.append(Conv(f"features.{index}", inputs, outputs, 3, pad=1))
            index, inputs = index + 2, outputs  # torchvision counts the ReLU as a layer of its own
        layers.append(Tap())
    return tuple(layers)


ALEX = Trunk(
    "alex",
    "AlexNet",
    "Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997",
    (
        Conv("features.0", 3, 64, 11, 4, 2),
        Tap(),
        Pool(3, 2),
        Conv("features.3", 64, 192, 5, pad=2),
        Tap(),
        Pool(3, 2),
        Conv("features.6", 192, 384, 3, pad=1),
        Tap(),
        Conv("features.8", 384, 256, 3, pad=1),
        Tap(),
        Conv("features.10", 256, 256, 3, pad=1),
        Tap(),
    ),
)

VGG = Trunk(
    "vgg",
    "VGG16",
    "Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition, arXiv:1409.1556",
    _vgg(((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))),
)

SQUEEZE = Trunk(
    "squeeze",
    "SqueezeNet 1.1",
    "Iandola et al. 2016, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv:1602.07360",
    (
        Conv("features.0", 3, 64, 3, 2),
        Tap(),
        Pool(3, 2, ceil=True),
        Fire("features.3", 64, 16, 64),
        Fire("features.4", 128, 16, 64),
        Tap(),
        Pool(3, 2, ceil=True),
        Fire("features.6", 128, 32, 128),
        Fire("features.7", 256, 32, 128),
        Tap(),
        Pool(3, 2, ceil=True),
        Fire("features.9", 256, 48, 192),
        Tap(),
        Fire("features.10", 384, 48, 192),
        Tap(),
        Fire("features.11", 384, 64, 256),
        Tap(),
        Fire("features.12", 512, 64, 256),
        Tap(),
    ),
)

MINI = Trunk(
    "mini",
    "Mini",
    "trained by eyediff to estimate lpips-alex; see docs/mini.md",
    (
        # The first grid is AlexNet's, place by place: what is seen between its points, and missed, is the same. It is
        # tapped behind the pooling: before it, a tap costs as much as a layer, and four times the memory.
        Conv("features.0", 3, 32, 9, 4, 1),
        Pool(3, 2),
        Tap(),
        Conv("features.1", 32, 48, 3, pad=1),
        Tap(),
        Conv("features.2", 48, 128, 3, 2, 1),
        Tap(),
        Conv("features.3", 128, 96, 3, pad=1),
        Tap(),
    ),
)

TRUNKS: dict[str, Trunk] = {trunk.name: trunk for trunk in (ALEX, VGG, SQUEEZE, MINI)}


def trunk(name: str) -> Trunk:
    """The trunk of this name. Raises UsageError, which lists them, for any other."""
    try:
        return TRUNKS[name]
    except KeyError:
        raise UsageError(f"no trunk is called {name!r}; there are {', '.join(TRUNKS)}") from None
