"""Define `Trainer` of the old package and `PerceptualLoss` of its first releases, for existing scripts.

New code should use `LPIPS` itself, and `eyediff train` for training on votes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...errors import UsageError
from .heads import NetLinLayer
from .lpips import DSSIM, L2, LPIPS, BCERankingLoss
from .pretrained_networks import print_network

MODELS = {"lpips": "lpips", "net-lin": "lpips", "baseline": "baseline", "net": "baseline"}
MODELS |= dict.fromkeys(("L2", "l2"), "L2") | dict.fromkeys(("DSSIM", "dssim", "SSIM", "ssim"), "SSIM")
"""The model that each accepted name means. Some of the names are from the first releases of the old package."""


class Trainer:
    """A distance that can be trained on triplets with votes, for the scripts of the old repository.

    The training changes the heads, which weight the channels of the network.
    """

    def name(self) -> str:
        return self.model_name

    def initialize(
        self,
        model: str = "lpips",
        net: str = "alex",
        colorspace: str = "Lab",
        pnet_rand: bool = False,
        pnet_tune: bool = False,
        model_path: str | Path | None = None,
        use_gpu: bool = True,
        printNet: bool = False,  # noqa: N803 - the old name
        spatial: bool = False,
        is_train: bool = False,
        lr: float = 0.0001,
        beta1: float = 0.5,
        version: str = "0.1",
        gpu_ids: Sequence[int] = (0,),
    ) -> None:
        """Build the network. `model` is lpips, baseline, L2 or DSSIM. The other arguments are those of `LPIPS`.

        Raises UsageError if `model` is unknown.
        """
        if model not in MODELS:
            raise UsageError(f"`model` is {model!r}; expected one of {', '.join(MODELS)}")
        self.model, self.use_gpu, self.gpu_ids = model, use_gpu, list(gpu_ids)
        self.is_train, self.spatial = is_train, spatial
        kind = MODELS[model]
        self.model_name = f"{model} [{net}]" if kind in ("lpips", "baseline") else kind
        if kind == "lpips":
            self.net: nn.Module = LPIPS(
                pretrained=not is_train,
                net=net,
                version=version,
                spatial=spatial,
                pnet_rand=pnet_rand,
                pnet_tune=pnet_tune,
                model_path=model_path,
                eval_mode=False,
            )
        elif kind == "baseline":
            self.net = LPIPS(pnet_rand=pnet_rand, net=net, lpips=False)
        else:
            self.net = (L2 if kind == "L2" else DSSIM)(use_gpu=use_gpu, colorspace=colorspace)
        self.parameters = list(self.net.parameters())
        if is_train:
            self.rankLoss = BCERankingLoss()
            self.parameters += list(self.rankLoss.net.parameters())
            self.lr = self.old_lr = lr
            self.optimizer_net = torch.optim.Adam(self.parameters, lr=lr, betas=(beta1, 0.999))
        else:
            self.net.eval()
        if use_gpu:
            self.net = nn.DataParallel(self.net.to(self.gpu_ids[0]), device_ids=self.gpu_ids)
            if is_train:
                self.rankLoss = self.rankLoss.to(self.gpu_ids[0])
        if printNet:
            print_network(self.net)

    def forward(self, in0: Tensor, in1: Tensor, retPerLayer: bool = False) -> Any:  # noqa: N803 - the old name
        """Return the distances of N pairs. The images have values in [-1, 1]."""
        return self.net(in0, in1, retPerLayer=retPerLayer)

    def set_input(self, data: Mapping[str, Tensor]) -> None:
        """Set the batch of triplets: `ref`, `p0`, `p1`, and `judge`, the share of people who voted for p1."""
        place = torch.device(self.gpu_ids[0]) if self.use_gpu else None
        kept = {name: data[name].to(place) for name in ("ref", "p0", "p1", "judge")}
        self.input_ref, self.input_p0, self.input_p1, self.input_judge = kept.values()
        self.var_ref, self.var_p0, self.var_p1 = (kept[name].detach().requires_grad_() for name in ("ref", "p0", "p1"))

    def optimize_parameters(self) -> None:
        """Do one training step on the batch."""
        self.forward_train()
        self.optimizer_net.zero_grad()
        self.backward_train()
        self.optimizer_net.step()
        self.clamp_weights()

    def forward_train(self) -> Tensor:
        """Compute and return the loss of the batch."""
        self.d0 = self.forward(self.var_ref, self.var_p0)
        self.d1 = self.forward(self.var_ref, self.var_p1)
        self.acc_r = self.compute_accuracy(self.d0, self.d1, self.input_judge)
        self.var_judge = self.input_judge.to(self.d0.dtype).view(self.d0.size())
        loss: Tensor = self.rankLoss(self.d0, self.d1, self.var_judge * 2 - 1)
        self.loss_total = loss
        return loss

    def backward_train(self) -> None:
        """Compute the gradients of the loss."""
        self.loss_total.mean().backward()  # type: ignore[no-untyped-call]

    def clamp_weights(self) -> None:
        """Set negative weights of the heads to 0."""
        for module in self.net.modules():
            if isinstance(module, NetLinLayer):
                module.weight.data.clamp_(min=0)

    def compute_accuracy(self, d0: Tensor, d1: Tensor, judge: Tensor) -> npt.NDArray[Any]:
        """Return, for each triplet, the share of people who agree with the distances."""
        nearer, share = (d1 < d0).numpy(force=True).flatten(), judge.numpy(force=True).flatten()
        agreed: npt.NDArray[Any] = nearer * share + (1 - nearer) * (1 - share)
        return agreed

    def get_current_errors(self) -> dict[str, Any]:
        """Return the mean loss and the mean agreement over the batch."""
        return {"loss_total": np.mean(self.loss_total.numpy(force=True)), "acc_r": np.mean(self.acc_r)}

    def save(self, path: str | Path, label: str) -> None:
        """Write the state_dicts of the distance and of the ranking loss to LABEL_net_.pth and LABEL_net_rank.pth."""
        self.save_network(self.net.module if isinstance(self.net, nn.DataParallel) else self.net, path, "", label)
        self.save_network(self.rankLoss.net, path, "rank", label)

    def save_network(self, network: nn.Module, path: str | Path, network_label: str, epoch_label: str) -> None:
        """Write the state_dict of a network."""
        torch.save(network.state_dict(), Path(path) / f"{epoch_label}_net_{network_label}.pth")

    def update_learning_rate(self, nepoch_decay: float) -> None:
        """Reduce the learning rate by its first value divided by `nepoch_decay`."""
        rate = self.old_lr - self.lr / nepoch_decay
        for group in self.optimizer_net.param_groups:
            group["lr"] = rate
        print(f"update lr [{type}] decay: {self.old_lr:f} -> {rate:f}")  # noqa: T201 - as the old package prints
        self.old_lr = rate


class PerceptualLoss(nn.Module):
    """The distance, with the name and arguments of the first releases of the old package (2018 to 2019)."""

    def __init__(
        self,
        model: str = "net-lin",
        net: str = "alex",
        colorspace: str = "rgb",
        spatial: bool = False,
        use_gpu: bool = True,
        gpu_ids: Sequence[int] = (0,),
        version: str = "0.1",
    ) -> None:
        super().__init__()
        self.use_gpu, self.spatial, self.gpu_ids = use_gpu, spatial, list(gpu_ids)
        self.model = Trainer()
        colours = {"rgb": "RGB", "lab": "Lab"}.get(colorspace.lower(), colorspace)
        self.model.initialize(
            model, net, colours, use_gpu=use_gpu, spatial=spatial, version=version, gpu_ids=self.gpu_ids
        )
        self.distance = self.model.net

    def forward(self, pred: Tensor, target: Tensor, normalize: bool = False) -> Tensor:
        """Return the distances of N pairs. The images have values in [-1, 1] or, with `normalize`, in [0, 1]."""
        if normalize:
            pred, target = 2 * pred - 1, 2 * target - 1
        found: Tensor = self.model.forward(target, pred)
        return found
