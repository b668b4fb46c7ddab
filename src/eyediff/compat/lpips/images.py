"""Convert between files, arrays and tensors, as in the old package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ... import images
from ...metrics import colour
from ...records import PEAKS

Pixels = npt.NDArray[Any]


def load_image(path: str | Path) -> npt.NDArray[np.uint8]:
    """Read an image file, and return an array H x W x 3 of uint8 in RGB. A transparent image is put on white.

    The function reads the same files as `eyediff compare`. It raises ImageError for any other file.
    """
    picture = images.read(Path(path), frames="one")
    pixels = picture.pixels if picture.over_white is None else picture.over_white
    found: npt.NDArray[np.uint8] = np.rint(pixels * (255 / PEAKS[pixels.dtype])).astype(np.uint8)
    return found


def im2tensor(image: Pixels, imtype: type = np.uint8, cent: float = 1.0, factor: float = 255.0 / 2.0) -> Tensor:  # noqa: ARG001
    """Convert an array H x W x C in [0, 255] to a tensor 1 x C x H x W in [-1, 1].

    As in the old package, `imtype` is ignored.
    """
    return torch.Tensor((image / factor - cent)[:, :, :, np.newaxis].transpose((3, 2, 0, 1)))


def tensor2im(image_tensor: Tensor, imtype: type = np.uint8, cent: float = 1.0, factor: float = 255.0 / 2.0) -> Pixels:
    """Convert the first image of a tensor N x C x H x W in [-1, 1] to an array H x W x C in [0, 255].

    If `imtype` is an integer type, the values are rounded, and clipped to the range of this type.
    """
    values: Pixels = (tensor2np(image_tensor) + cent) * factor
    kind: np.dtype[Any] = np.dtype(imtype)
    if np.issubdtype(kind, np.integer):
        ends = np.iinfo(kind)
        values = np.clip(np.rint(values), ends.min, ends.max)
    return values.astype(kind)


def tensor2np(tensor_obj: Tensor) -> npt.NDArray[np.float32]:
    """Return the first image of a tensor N x C x H x W as an array H x W x C."""
    found: npt.NDArray[np.float32] = tensor_obj[0].detach().cpu().float().numpy().transpose((1, 2, 0))
    return found


def np2tensor(np_obj: Pixels) -> Tensor:
    """Return an array H x W x C as a tensor 1 x C x H x W."""
    return torch.Tensor(np_obj[:, :, :, np.newaxis].transpose((3, 2, 0, 1)))


def tensor2vec(vector_tensor: Tensor) -> Pixels:
    """Return a tensor N x C x 1 x 1 as an array N x C."""
    found: Pixels = vector_tensor.detach().cpu().numpy()[:, :, 0, 0]
    return found


def rgb2lab(input: Pixels) -> Pixels:
    """Convert an RGB image, an array H x W x 3 in [0, 255], to CIE L*a*b* (D65)."""
    return colour.lab(np.asarray(input) / 255.0)


def tensor2tensorlab(image_tensor: Tensor, to_norm: bool = True, mc_only: bool = False) -> Tensor:
    """Convert an RGB image, a tensor 1 x 3 x H x W in [-1, 1], to L*a*b*.

    With `mc_only`, 50 is subtracted from L*, so that L* is centred at 0. Otherwise, with `to_norm`, 50 is subtracted
    from L*, and all three channels are divided by 100.
    """
    lab = rgb2lab(tensor2im(image_tensor))
    if mc_only or to_norm:
        lab[:, :, 0] -= 50
    return np2tensor(lab / 100.0 if to_norm and not mc_only else lab)


def tensorlab2tensor(lab_tensor: Tensor, return_inbnd: bool = False) -> Any:
    """Undo `tensor2tensorlab`. With `return_inbnd`, also return a tensor that shows which colours RGB can represent.

    This tensor is 1 at the pixels with such a colour, and 0 at all other pixels.
    """
    lab = tensor2np(lab_tensor).astype(np.float64) * 100.0
    lab[:, :, 0] += 50
    back = 255.0 * np.clip(_rgb(lab), 0, 1)
    if not return_inbnd:
        return im2tensor(back)
    kept = np.isclose(rgb2lab(back.astype(np.uint8)), lab, atol=2.0).all(axis=2, keepdims=True)
    return im2tensor(back), np2tensor(np.asarray(kept, np.float64))


def _rgb(lab: Pixels) -> Pixels:
    """Convert L*a*b* to RGB in [0, 1], as the inverse of `colour.lab`."""
    y = (lab[..., 0] + 16) / 116
    share = np.stack([lab[..., 1] / 500 + y, y, np.maximum(y - lab[..., 2] / 200, 0)], -1)
    share = np.where(share > 0.2068966, share**3, (share - 16 / 116) / 7.787)
    linear = (share * colour.WHITE) @ np.linalg.inv(colour.XYZ).T
    curved = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    rgb: Pixels = np.where(linear > 0.0031308, curved, linear * 12.92)
    return rgb
