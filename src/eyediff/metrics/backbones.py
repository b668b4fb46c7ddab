"""The backbones as data: their layers in order, and the layers whose features are compared.

A trunk is a backbone without its classifier. A layer of the class `Tap` in a trunk marks a feature layer: LPIPS
compares the features at this position. Each class of layers here states all that the package needs to know about such a
layer: its parameters, its window, its effect on the size of an image, and its operations. The parameters have the names
of torchvision, so official files can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, cast

import numpy as np

from ..errors import UsageError
from .ops import C, C_co, Ops, T


class Parameters(Protocol[C_co]):
    """Interface of a mapping from the names of parameters to arrays."""

    def __getitem__(self, name: str, /) -> C_co: ...


@dataclass(frozen=True, slots=True)
class Window:
    """Size, stride and zero padding of the window of a layer along one axis, in values of the layer's input."""

    size: int
    stride: int
    pad: int

    @property
    def crosses(self) -> bool:
        """True if the windows of the layer cross the boundary between two strips of an image."""
        return self.size > self.stride or self.pad > 0


class Layer:
    """Base class of the layers of a trunk. Its defaults describe a layer that changes nothing."""

    __slots__ = ()
    is_tap: ClassVar[bool] = False

    @property
    def convs(self) -> tuple[Conv, ...]:
        """Convolutions in the layer, in order."""
        return ()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter of the layer, in order."""
        shapes: dict[str, tuple[int, ...]] = {}
        for conv in self.convs:
            shapes[f"{conv.key}.weight"] = (conv.outputs, conv.inputs, conv.kernel, conv.kernel)
            shapes[f"{conv.key}.bias"] = (conv.outputs,)
        return shapes

    @property
    def moving(self) -> tuple[WindowLayer, ...]:
        """Convolutions and pooling operations of the layer that move a window over the image, in order."""
        return ()

    def channels_after(self, channels: int) -> int:
        """Return the number of output channels for a number of input channels."""
        return channels

    def side_after(self, side: int) -> int:
        """Return the number of output rows (or columns) for a number of input rows (or columns)."""
        return side

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        """Return the output of the layer for the input `x`. `run` has the operations of an engine."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Conv(Layer):
    """A convolution with bias. A ReLU follows unless `activated` is false."""

    key: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    pad: int = 0
    activated: bool = True

    @property
    def convs(self) -> tuple[Conv]:
        return (self,)

    @property
    def moving(self) -> tuple[Conv]:
        return (self,)

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.pad)

    def channels_after(self, channels: int) -> int:  # noqa: ARG002 - as every layer's
        return self.outputs

    def side_after(self, side: int) -> int:
        return (side + 2 * self.pad - self.kernel) // self.stride + 1

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        return run.conv(self, run.extend(self, x))


@dataclass(frozen=True, slots=True)
class Pool(Layer):
    """A maximum over size x size windows. With `ceil`, the last window may extend beyond the edge."""

    size: int
    stride: int
    ceil: bool = False

    @property
    def moving(self) -> tuple[Pool]:
        return (self,)

    @property
    def window(self) -> Window:
        return Window(self.size, self.stride, 0)

    def side_after(self, side: int) -> int:
        steps = side - self.size
        return (-(-steps // self.stride) if self.ceil else steps // self.stride) + 1

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        return run.ops.maxpool(run.extend(self, x), size=self.size, stride=self.stride, ceil=self.ceil)


@dataclass(frozen=True, slots=True)
class AveragePool(Layer):
    """A mean over size x size windows. No window extends beyond the edge."""

    size: int
    stride: int
    channels: int

    def side_after(self, side: int) -> int:
        return (side - self.size) // self.stride + 1

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        kernel = np.full((self.channels, 1, self.size, self.size), 1 / self.size**2, np.float32)
        return cast("Ops[T, Any]", run.ops).conv(x, kernel, stride=self.stride, groups=self.channels)


@dataclass(frozen=True, slots=True)
class Relu(Layer):
    """A ReLU as a layer of its own, for a convolution whose output is compared before the ReLU."""

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        return run.ops.relu(x)


@dataclass(frozen=True, slots=True)
class Fire(Layer):
    """A fire module of SqueezeNet.

    A 1x1 convolution reduces the number of channels. Then a 1x1 and a 3x3 convolution are computed in parallel, and
    their outputs are joined. A ReLU follows each convolution. If `activated` is false, no ReLU follows the two parallel
    convolutions.
    """

    key: str
    inputs: int
    squeeze: int
    expand: int
    activated: bool = True

    @property
    def convs(self) -> tuple[Conv, Conv, Conv]:
        return (
            Conv(f"{self.key}.squeeze", self.inputs, self.squeeze, 1),
            Conv(f"{self.key}.expand1x1", self.squeeze, self.expand, 1, activated=self.activated),
            Conv(f"{self.key}.expand3x3", self.squeeze, self.expand, 3, pad=1, activated=self.activated),
        )

    @property
    def moving(self) -> tuple[Conv, Conv]:
        squeeze, _, expand3x3 = self.convs
        return squeeze, expand3x3

    def channels_after(self, channels: int) -> int:  # noqa: ARG002 - as every layer's
        return 2 * self.expand

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        squeeze, expand1x1, expand3x3 = self.convs
        x = run.extend(expand3x3, run.conv(squeeze, x))
        middle = x if run.add_rows is None else run.ops.rows(x, expand3x3.pad, -expand3x3.pad)
        return run.ops.concat([run.conv(expand1x1, middle), run.conv(expand3x3, x)])


@dataclass(frozen=True, slots=True)
class Tap(Layer):
    """A mark in a trunk that the features at this position are compared. It changes nothing."""

    is_tap: ClassVar[bool] = True

    def apply(self, run: ForwardPass[T, C], x: T) -> T:
        run.features.append(x)
        return x


WindowLayer: TypeAlias = Conv | Pool


@dataclass
class ForwardPass(Generic[T, C]):
    """State of a computation that passes an image, or a strip of an image, through the layers of a trunk.

    Parameters
    ----------
    ops
        Operations of an engine.
    parameters
        Weights and biases of the convolutions, by name.
    add_rows
        For a strip, a function that takes a layer and its input, and returns the input with the surrounding rows and
        the padding that the windows of the layer need. `None` for a whole image.

    Attributes
    ----------
    features
        Features that have been computed: one array N x C_l x H_l x W_l for each feature layer.
    """

    ops: Ops[T, C]
    parameters: Parameters[C]
    add_rows: Callable[[WindowLayer, T], T] | None = None
    features: list[T] = field(default_factory=list)

    def extend(self, layer: WindowLayer, x: T) -> T:
        """Return the input `x` of a layer. For a strip, the rows that the layer needs from other strips are added."""
        return x if self.add_rows is None else self.add_rows(layer, x)

    def conv(self, layer: Conv, x: T) -> T:
        """Return the convolution of `x` with the weights of a layer, and its ReLU if the layer has one."""
        weight, bias = self.parameters[f"{layer.key}.weight"], self.parameters[f"{layer.key}.bias"]
        pad = layer.pad if self.add_rows is None else (0, layer.pad)
        sums = self.ops.conv(x, weight, bias, stride=layer.stride, pad=pad)
        return self.ops.relu(sums) if layer.activated else sums


@dataclass(frozen=True, slots=True)
class Trunk:
    """A backbone without its classifier, as a sequence of layers.

    Attributes
    ----------
    name : str
        Name in the names of metrics and files, such as "alex".
    title : str
        Name in texts for people, such as "AlexNet".
    citation : str
        Paper in which the backbone was published.
    layers : tuple of Layer
        Layers in order. A `Tap` marks the features that are compared.
    """

    name: str
    title: str
    citation: str
    layers: tuple[Layer, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter of the trunk, in order."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in self.layers:
            shapes |= layer.shapes
        return shapes

    @property
    def moving(self) -> Iterator[tuple[WindowLayer, int]]:
        """Convolutions and pooling operations that move a window, in order, each with its number of input channels."""
        channels = 3
        for layer in self.layers:
            seen = channels
            for moving in layer.moving:
                yield moving, seen
                seen = moving.channels_after(seen)
            channels = layer.channels_after(channels)

    @property
    def taps(self) -> tuple[int, ...]:
        """Number of channels of each feature layer."""
        channels, at_taps = 3, []
        for layer in self.layers:
            channels = layer.channels_after(channels)
            if layer.is_tap:
                at_taps.append(channels)
        return tuple(at_taps)

    @property
    def _numbered(self) -> dict[str, int]:
        """Indices of the layers that have names, by the number in the name.

        If each feature layer follows a convolution, and no block of convolutions has two feature layers, as in VGG, the
        numbers are those of the block and of the convolution: 1_1, 1_2, 2_1 and so on. Otherwise, the feature layers
        are numbered 1, 2, 3 and so on.
        """
        block, convs = 1, 0
        numbered: dict[str, int] = {}
        tapped: list[tuple[int, int]] = []
        for index, layer in enumerate(self.layers):
            if layer.is_tap:
                tapped.append((block, index - 1))
            elif layer.convs:
                convs += 1
                numbered[f"{block}_{convs}"] = index
            else:
                block, convs = block + 1, 0
        ends_blocks = len({block for block, _ in tapped}) == len(tapped)
        if ends_blocks and all(index in numbered.values() for _, index in tapped):
            return numbered
        return {str(count): index for count, (_, index) in enumerate(tapped, 1)}

    @property
    def tap_names(self) -> tuple[str, ...]:
        """Names of the feature layers.

        They are relu1_2, relu2_2 and so on for VGG, which has one feature layer in each block of convolutions. They are
        relu1, relu2 and so on for other backbones.
        """
        return tuple(f"relu{number}" for number, index in self._numbered.items() if self.layers[index + 1].is_tap)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers that `tapped_at` accepts, in order.

        The name of a convolution such as conv1_1 means the features before the ReLU, and relu1_1 means those after it.
        """
        names = []
        for number, index in self._numbered.items():
            if self.layers[index].convs:
                names.append(f"conv{number}")
            names.append(f"relu{number}")
        return tuple(names)

    def tapped_at(self, names: Collection[str]) -> Trunk:
        """Return a trunk whose feature layers are the layers with these names. It ends at the last one of them."""
        numbers = {index: number for number, index in self._numbered.items()}
        missing = set(names)
        layers: list[Layer] = []
        for index, layer in enumerate(self.layers):
            if not missing:
                break
            if layer.is_tap:
                continue
            before, after = f"conv{numbers.get(index)}", f"relu{numbers.get(index)}"
            if before in missing and isinstance(layer, Conv | Fire):
                missing.remove(before)
                layers += [replace(layer, activated=False), Tap(), *([Relu()] if missing else [])]
            else:
                layers.append(layer)
            if after in missing:
                missing.remove(after)
                layers.append(Tap())
        return replace(self, layers=tuple(layers))

    def with_pooling(self, create: Callable[[Pool, int], Layer]) -> Trunk:
        """Return the trunk with each pooling layer replaced by `create(layer, channels)`."""
        layers: list[Layer] = []
        channels = 3
        for layer in self.layers:
            layers.append(create(layer, channels) if isinstance(layer, Pool) else layer)
            channels = layer.channels_after(channels)
        return replace(self, layers=tuple(layers))

    def with_average_pooling(self) -> Trunk:
        """Return the trunk with each maximum pooling replaced by average pooling."""
        return self.with_pooling(lambda pool, channels: AveragePool(pool.size, pool.stride, channels))

    def sides(self, side: int) -> list[int]:
        """Return the length of a side of an image at each feature layer.

        The list ends before the first layer that would have no pixels.
        """
        lengths = []
        for layer in self.layers:
            side = layer.side_after(side)
            if side < 1:
                break
            if layer.is_tap:
                lengths.append(side)
        return lengths

    def tapped(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """Return the numbers of channels, rows and columns of each feature layer. The image must be large enough."""
        return list(zip(self.taps, self.sides(height), self.sides(width), strict=True))

    @property
    def smallest(self) -> int:
        """Shortest side of an image, in pixels, for which every feature layer has at least one pixel."""
        side = 1
        while len(self.sides(side)) < len(self.taps):
            side += 1
        return side

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the number of multiplications that the convolutions of the trunk need for one image."""
        work = 0
        for layer in self.layers:
            height, width = layer.side_after(height), layer.side_after(width)
            work += sum(height * width * c.outputs * c.inputs * c.kernel**2 for c in layer.convs)
        return work


def _vgg(plan: tuple[tuple[int, ...], ...]) -> tuple[Layer, ...]:
    """Return the layers of a VGG network: blocks of 3x3 convolutions, given by their numbers of output channels.

    A block ends with a feature layer. A pooling layer separates two blocks.
    """
    layers: list[Layer] = []
    index, inputs = 0, 3
    for block in plan:
        if layers:
            layers.append(Pool(2, 2))
            index += 1
        for outputs in block:
            layers.append(Conv(f"features.{index}", inputs, outputs, 3, pad=1))
            index, inputs = index + 2, outputs  # torchvision counts the ReLU as a separate layer
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

VGG19 = Trunk(
    "vgg19",
    "VGG19",
    VGG.citation,
    _vgg(((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)),
)
"""VGG19, which only perceptual losses use. There is no metric with it, because no linear weights were published."""

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
        # The first convolution moves its windows as the first one of AlexNet does, so both networks are sensitive to
        # the same positions. The first feature layer is after the pooling. Before the pooling, it would take as much
        # time as a convolution, and four times the memory. The next two convolutions together cover what the 5x5
        # convolution of AlexNet covers.
        Conv("features.0", 3, 32, 9, 4, 1),
        Pool(3, 2),
        Tap(),
        Conv("features.1", 32, 64, 3, pad=1),
        Tap(),
        Conv("features.2", 64, 64, 3, pad=1),  # a feature layer after it got linear weights of 0 in the training
        Conv("features.3", 64, 128, 3, 2, 1),
        Tap(),
        Conv("features.4", 128, 96, 3, pad=1),
        Tap(),
        Conv("features.5", 96, 128, 3, pad=1),
        Tap(),
        Conv("features.6", 128, 96, 3, 2, 1),
        Tap(),
    ),
)

TRUNKS: dict[str, Trunk] = {trunk.name: trunk for trunk in (ALEX, VGG, SQUEEZE, MINI)}
"""The backbones of metrics."""

ALL_TRUNKS: dict[str, Trunk] = TRUNKS | {VGG19.name: VGG19}
"""The backbones of metrics and of perceptual losses."""


def trunk(name: str, among: Mapping[str, Trunk] = TRUNKS) -> Trunk:
    """Return the trunk with this name. Raises UsageError if no trunk in `among` has the name."""
    try:
        return among[name]
    except KeyError:
        raise UsageError(f"{name!r} is not the name of a backbone; expected one of {', '.join(among)}") from None
