"""Convert the parameters of lpips-mini between weights files and tensors with gradients.

lpips-mini is the small network that distillation trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...engines.numpy_ops import NumpyOps, image
from ...errors import WeightsError, shown
from ...metrics import lpips
from ...metrics.backbones import MINI, ForwardPass, Trunk
from ...metrics.ops import Array
from ...weights.containers import read
from ...weights.heads import MINI_HEAD

INITIAL_LINEAR_WEIGHT = 0.1
"""Initial linear weight of every channel. It is about the mean of the published linear weights for AlexNet."""


def initial_parameters(trunk: Trunk, seed: int, start: Mapping[str, Array] | None = None) -> dict[str, Tensor]:
    """Return the initial parameters. `start` has some of them, or none.

    Of the other parameters, the convolutions are random, as in He et al. 2015, and all linear weights are equal. The
    returned tensors for linear weights have the square roots of these weights.

    Raises
    ------
    WeightsError
        If names, shapes or signs in `start` do not fit, or if its values are not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    arrays: dict[str, Array] = {}
    for name, shape in trunk.shapes.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.0
        arrays[name] = (torch.randn(shape, generator=generator) * scale).numpy()
    linear = _linear_names(trunk)
    for name, channels in zip(linear, trunk.taps, strict=True):
        arrays[name] = np.full(channels, INITIAL_LINEAR_WEIGHT, np.float32)
    arrays |= start or {}
    network_from_weights(arrays, trunk)  # it checks the parameters
    return {
        name: torch.from_numpy(np.sqrt(array) if name in linear else array.copy()) for name, array in arrays.items()
    }


def _linear_names(trunk: Trunk) -> list[str]:
    """Return the names of the linear weights in a weights file, one for each feature layer."""
    return [MINI_HEAD.format(index) for index in range(len(trunk.taps))]


def network_from_weights(parameters: Mapping[str, Array], trunk: Trunk = MINI) -> lpips.Network:
    """Return the network whose parameters are the content of a weights file.

    Raises WeightsError if names, shapes or signs do not fit.
    """
    names = _linear_names(trunk)
    if missing := [name for name in names if name not in parameters]:
        raise WeightsError(
            f"the file does not have the weights of {trunk.title}: {', '.join(missing)} are missing; give another file"
        )
    backbone = {name: array for name, array in parameters.items() if name not in names}
    return lpips.Network(trunk, backbone, tuple(parameters[name] for name in names))


def weights(parameters: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return the parameters in the form that a weights file has.

    The tensors for linear weights are squared, so no linear weight is negative.
    """
    arrays: dict[str, Array] = {}
    for name, tensor in parameters.items():
        array = tensor.detach().cpu().numpy().astype(np.float32)
        arrays[name] = np.square(array) if name.startswith(MINI_HEAD.format("")) else array.copy()
    return arrays


def scale_features(parameters: Mapping[str, Array], trunk: Trunk = MINI) -> dict[str, Array]:
    """Return weights with which the features of every layer have a root mean square near 1.

    Training may leave features of millions. They do not fit into float16, whose largest number is 65504. The distances
    stay the same to the last bit, because each convolution is multiplied by a power of two, and LPIPS divides each
    feature vector by its length.

    Parameters
    ----------
    parameters : mapping
        The content of a weights file.
    trunk : Trunk
        Backbone in which every convolution is a layer.

    Notes
    -----
    The features are those of four images of uniform noise. To multiply the features of layer l by s_l, its weights are
    multiplied by s_l / s_(l-1), and its biases by s_l.
    """
    network, ops, found = network_from_weights(parameters, trunk), NumpyOps(), dict(parameters)
    noise = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), dtype=np.uint8)
    x = ops.affine(image(noise), lpips.GAIN, lpips.OFFSET)
    run, scale = ForwardPass(ops, network.parameters), np.float32(1)
    for layer in trunk.layers:
        x = layer.apply(run, x)
        for conv in layer.convs:
            before, scale = scale, np.float32(2.0 ** -np.round(np.log2(np.sqrt(np.mean(x**2)))))
            found[f"{conv.key}.weight"] = found[f"{conv.key}.weight"] * (scale / before)
            found[f"{conv.key}.bias"] = found[f"{conv.key}.bias"] * scale
    return found


def _scaling(device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(lpips.GAIN).to(device), torch.from_numpy(lpips.OFFSET).to(device)


def student_view(tensors: Mapping[str, Tensor], trunk: Trunk = MINI) -> lpips.FeatureNetwork[Tensor]:
    """Return the network whose parameters are tensors with gradients.

    The tensors for linear weights are squared, so no linear weight is negative.
    """
    heads = [tensors[name].square() for name in _linear_names(trunk)]
    return lpips.FeatureNetwork(trunk, tensors, heads, _scaling(heads[0].device))


def network_on(device: torch.device, network: lpips.Network) -> lpips.FeatureNetwork[Tensor]:
    """Return a network with its arrays converted to tensors on a device."""
    parameters = {name: torch.tensor(array, device=device) for name, array in network.parameters.items()}
    heads = [torch.tensor(head, device=device) for head in network.heads or ()]
    return lpips.FeatureNetwork(network.trunk, parameters, heads, _scaling(device))


def read_network(path: Path, trunk: Trunk = MINI) -> lpips.Network:
    """Read a weights file of lpips-mini, and return the network.

    Raises WeightsError, with the name of the file, if the file does not have the weights of lpips-mini.
    """
    try:
        return network_from_weights(read(path, lambda _: True), trunk)
    except WeightsError as error:
        raise WeightsError(error if shown(path) in str(error) else f"{shown(path)}: {error}") from None
