"""Define LPIPS and the related classes with the names of the old package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ... import weights
from ...engines.torch_ops import is_plain_eager
from ...errors import UsageError, WeightsError, shown
from ...metrics import lpips as formula
from ...metrics.ops import Array
from ...nn.checks import as_batch, check_pair, check_shape
from ...nn.layer_terms import terms
from ...nn.trunk import VERBS
from . import pretrained_networks as pn
from .heads import NetLinLayer, tensors
from .images import tensor2im, tensor2np, tensor2tensorlab
from .measures import dssim, l2

TRUNKS = {"alex": pn.alexnet, "vgg": pn.vgg16, "vgg16": pn.vgg16, "squeeze": pn.squeezenet}


def spatial_average(in_tens: Tensor, keepdim: bool = True) -> Tensor:
    """Return the mean of a tensor N x C x H x W over its rows and columns."""
    return in_tens.mean([2, 3], keepdim=keepdim)


def upsample(in_tens: Tensor, out_HW: Sequence[int] = (64, 64)) -> Tensor:  # noqa: N803 - the old name
    """Resize a tensor N x C x H x W bilinearly to `out_HW`, the number of rows and the number of columns."""
    return F.interpolate(in_tens, size=tuple(out_HW), mode="bilinear", align_corners=False)


class ScalingLayer(nn.Module):
    """Scale images in [-1, 1] to the range on which the backbones were trained."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(formula.SHIFT)[None, :, None, None])
        self.register_buffer("scale", torch.tensor(formula.SCALE)[None, :, None, None])

    def forward(self, inp: Tensor) -> Tensor:
        return (inp - self.shift) / self.scale


class LPIPS(nn.Module):
    """The LPIPS distance, with the arguments, attributes, shapes and state_dict keys of the old package.

    `verbose` is ignored: nothing is printed. The heads, which weight the channels, get gradients only with
    eval_mode=False, and the backbone gets gradients only with pnet_tune=True. As in the old package, the user may
    replace, patch or hook the modules in `scaling_layer`, `net` and `lins`.

    Two arguments are new. `weights_file` is a file with the weights of the backbone; it is needed if the weights are
    not in a folder that eyediff searches. `trust` accepts weights in this file that are not the published ones.

    Raises WeightsError if weights are missing, or if `model_path` does not contain the heads of this network. Raises
    UsageError if `net` or `version` is unknown.
    """

    def __init__(
        self,
        pretrained: bool = True,
        net: str = "alex",
        version: str = "0.1",
        lpips: bool = True,
        spatial: bool = False,
        pnet_rand: bool = False,
        pnet_tune: bool = False,
        use_dropout: bool = True,
        model_path: str | Path | None = None,
        eval_mode: bool = True,
        verbose: bool = True,  # noqa: ARG002 - taken for scripts that pass it
        *,
        weights_file: str | Path | None = None,
        trust: bool = False,
    ) -> None:
        super().__init__()
        if net not in TRUNKS:
            raise UsageError(f"`net` is {net!r}; expected one of {', '.join(TRUNKS)}")
        if version not in formula.RELEASES:
            raise UsageError(f"`version` is {version!r}; expected {' or '.join(formula.RELEASES)}")
        self.pnet_type, self.pnet_tune, self.pnet_rand = net, pnet_tune, pnet_rand
        self.spatial, self.lpips, self.version = spatial, lpips, version
        self.scaling_layer = ScalingLayer()
        self.net = TRUNKS[net](
            pretrained=not pnet_rand, requires_grad=pnet_tune, weights_file=weights_file, trust=trust
        )
        self.chns = list(self.net.trunk.taps)
        self.L = len(self.chns)
        if lpips:
            for index, channels in enumerate(self.chns):
                self.add_module(f"lin{index}", NetLinLayer(channels, use_dropout=use_dropout))
            self.lins = nn.ModuleList([self.get_submodule(f"lin{index}") for index in range(self.L)])
            self.lins.requires_grad_(not eval_mode)
            if pretrained and model_path is None:
                self._fill(dict(enumerate(weights.load_heads(self.net.trunk.name, version))))
            elif pretrained and model_path is not None:
                self._load(Path(model_path))
        if eval_mode:
            self.eval()

    def forward(self, in0: Tensor, in1: Tensor, retPerLayer: bool = False, normalize: bool = False) -> Any:  # noqa: N803
        """Return the distances of N pairs. The images have values in [-1, 1] or, with `normalize`, in [0, 1].

        The shape of the result is N x 1 x 1 x 1 or, if `spatial` is True, N x 1 x H x W.

        With `retPerLayer`, return a tuple: the distances, and a list of the contributions of the layers. All these
        tensors have the same shape.
        """
        if normalize:
            in0, in1 = 2 * in0 - 1, 2 * in1 - 1
        in0, in1 = self._checked(in0), self._checked(in1)
        check_pair(in0.shape, in1.shape)
        x, y = (self.scaling_layer(in0), self.scaling_layer(in1)) if self.version == "0.1" else (in0, in1)
        found = self._terms(self.net(x), self.net(y))
        shares = [upsample(term, in0.shape[2:]) if self.spatial else spatial_average(term) for term in found]
        whole = sum(shares[1:], shares[0])
        return (whole, shares) if retPerLayer else whole

    def _terms(self, of_in0: Sequence[Tensor], of_in1: Sequence[Tensor]) -> list[Tensor]:
        """Return the weighted squared differences at each position: for each layer l, a tensor N x 1 x H_l x W_l."""
        of_in0, of_in1 = of_in0[: self.L], of_in1[: self.L]
        if not self.lpips:
            return terms(None, of_in0, of_in1)
        lins: list[nn.Module] = list(self.lins)[: self.L]
        # Transforms such as vmap use the plain formula anyway, and compilers cannot search for hooks.
        ours = [lin for lin in lins if isinstance(lin, NetLinLayer) and lin.is_untouched]
        if is_plain_eager(of_in0[0]) and len(ours) == len(lins):
            return terms([lin.weight.flatten() for lin in ours], of_in0, of_in1)
        units = [[VERBS.unit(feature) for feature in features] for features in (of_in0, of_in1)]
        return [lin(squared) for lin, squared in zip(lins, formula.squared_differences(VERBS, *units), strict=True)]

    def _checked(self, x: Tensor) -> Tensor:
        x = x[(None,) * max(0, 4 - x.ndim)]  # accept one image without a batch axis, as the old package does
        x = as_batch(x)  # accept a gray image, too
        if isinstance(self.net, pn.Backbone):
            check_shape(x, self.net.trunk.smallest, "LPIPS")
        return x

    def _load(self, path: Path) -> None:
        """Load the heads from a file of the old package. The file has either only heads or a complete `state_dict`."""
        state = tensors(path)
        if isinstance(state, Mapping) and any(name.startswith("net.") for name in state):
            try:
                self.load_state_dict(state)
            except RuntimeError as error:
                raise WeightsError(
                    f"{shown(path)} does not have the state_dict of this network: {' '.join(str(error).split())[:200]}"
                ) from None
            return
        wanted = {f"lin{index}.model.{place}.weight": index for index in range(self.L) for place in (0, 1)}
        names = list(state) if isinstance(state, Mapping) else []
        if len(names) != self.L or not set(names) <= set(wanted):
            raise WeightsError(
                f"{shown(path)} contains {shown(', '.join(names[:4])) or 'no tensors'}; "
                f"expected {self.L} heads: lin0.model.1.weight, ..."
            )
        try:
            self._fill({wanted[name]: value.reshape(-1).numpy() for name, value in state.items()})
        except WeightsError as error:
            raise WeightsError(f"{shown(path)}: {error}") from None

    def _fill(self, heads: Mapping[int, Array]) -> None:
        for index in range(self.L):
            if index not in heads or heads[index].shape != (self.chns[index],):
                raise WeightsError(f"the head of layer {index} does not have {self.chns[index]} values")
            with torch.no_grad():
                cast(NetLinLayer, self.lins[index]).weight.copy_(torch.tensor(heads[index]).reshape(1, -1, 1, 1))


class Dist2LogitLayer(nn.Module):
    """Network that maps two distances to the probability that people call the second image nearer.

    The first distance is between the reference and the first image, and the second distance is between the reference
    and the second image. Zhang et al. 2018 describe the network in section 3.3.
    """

    def __init__(self, chn_mid: int = 32, use_sigmoid: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(5, chn_mid, 1), nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(chn_mid, chn_mid, 1), nn.LeakyReLU(0.2, True), nn.Conv2d(chn_mid, 1, 1)]
        self.model = nn.Sequential(*layers, *([nn.Sigmoid()] if use_sigmoid else []))

    def forward(self, d0: Tensor, d1: Tensor, eps: float = 0.1) -> Tensor:
        return self.model(torch.cat((d0, d1, d0 - d1, d0 / (d1 + eps), d1 / (d0 + eps)), 1))  # type: ignore[no-any-return]


class BCERankingLoss(nn.Module):
    """Binary cross-entropy between the output of `Dist2LogitLayer` and the share of votes for the second image.

    `forward` takes this share scaled from [0, 1] to [-1, 1].
    """

    def __init__(self, chn_mid: int = 32) -> None:
        super().__init__()
        self.net = Dist2LogitLayer(chn_mid=chn_mid)
        self.loss = nn.BCELoss()

    def forward(self, d0: Tensor, d1: Tensor, judge: Tensor) -> Tensor:
        self.logit = self.net(d0, d1)
        return self.loss(self.logit, (judge + 1.0) / 2.0)  # type: ignore[no-any-return]


class FakeNet(nn.Module):
    """Base class of L2 and DSSIM, which compare one pair of images at a time, in the colour space `colorspace`."""

    def __init__(self, use_gpu: bool = True, colorspace: str = "Lab") -> None:
        super().__init__()
        if colorspace not in ("Lab", "RGB"):
            raise UsageError(f"`colorspace` is {colorspace!r}; expected Lab or RGB")
        self.use_gpu, self.colorspace = use_gpu, colorspace

    def _one(self, in0: Tensor, in1: Tensor) -> None:
        if len(in0) != 1 or len(in1) != 1:
            raise UsageError(f"the two batches have {len(in0)} and {len(in1)} images; expected one image in each batch")


class L2(FakeNet):
    """Mean squared difference of two images: of RGB values in [-1, 1], or of L*a*b* values.

    For L*a*b*, the values are divided by 100, the result is halved, and it has no gradient.
    """

    def forward(self, in0: Tensor, in1: Tensor, retPerLayer: Any = None) -> Tensor:  # noqa: N803, ARG002 - the old names
        self._one(in0, in1)
        if self.colorspace == "RGB":
            return (in0 - in1).square().mean((1, 2, 3))
        a, b = (tensor2np(tensor2tensorlab(image, to_norm=False)) for image in (in0, in1))
        return torch.tensor([float(l2(a, b, range=100.0))], device=in0.device)


class DSSIM(FakeNet):
    """The distance (1 - SSIM) / 2, with the default window of scikit-image. It has no gradient."""

    def forward(self, in0: Tensor, in1: Tensor, retPerLayer: Any = None) -> Tensor:  # noqa: N803, ARG002 - the old names
        self._one(in0, in1)
        if self.colorspace == "RGB":
            value = dssim(tensor2im(in0), tensor2im(in1), range=255.0)
        else:
            a, b = (tensor2np(tensor2tensorlab(image, to_norm=False)) for image in (in0, in1))
            value = dssim(a, b, range=100.0)
        return torch.tensor([float(value)], device=in0.device)
