"""Run one contestant in its own process: read cases as JSON lines, and answer with the seconds of each call.

    contestant.py NAME THREADS

NAME is eyediff (with the engine that it selects), native, onnxruntime, lpips, torchmetrics, piq, skimage,
flip_evaluator, ssimulacra2 or sgemm. A case is {"kind", "net", "height", "width", "batch", "seconds"}. The answer is
{"seconds": [...], "value": ..., "peak_mb": ...}, or {"error": ...} if the contestant fails.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Run = Callable[[], Any]
NOISE = 25  # standard deviation between the two images of a pair, in grey levels
PEER_NET = {"mini": "alex"}  # the peers' network that is compared with a network of ours


def images(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return two batches N x H x W x 3 of uint8, the same for every contestant."""
    random = np.random.RandomState(0)
    shape = (case["batch"], case["height"], case["width"], 3)
    rows, columns = np.mgrid[0 : shape[1], 0 : shape[2]]
    smooth = 127 + 60 * np.sin(rows / 17) + 60 * np.cos(columns / 23)
    a = (smooth[None, :, :, None] + random.normal(0, 8, shape)).clip(0, 255).astype(np.uint8)
    b = (a + random.normal(0, NOISE, shape)).clip(0, 255).astype(np.uint8)
    return a, b


def eyediff(case: dict[str, Any], threads: int) -> Run:
    """Prepare this project. A call takes pixels and returns distances."""
    from eyediff.comparison import Metric

    name = f"lpips-{case['net']}" if case["kind"] == "lpips" else case["kind"]
    file = os.environ["SEEDED_VGG"] if case["net"] == "vgg" else None
    metric = Metric(name, device="cpu", threads=threads, weights=file, trust=file is not None)
    a, b = images(case)
    return lambda: metric.distances(a, b)


def native(case: dict[str, Any], threads: int) -> Run:
    """Prepare this project with its native engine. An engine that was not built is an error."""
    os.environ["EYEDIFF_ENGINE"] = "native"
    return eyediff(case, threads)


def onnxruntime(case: dict[str, Any], threads: int) -> Run:
    """Prepare this project with ONNX Runtime."""
    os.environ["EYEDIFF_ENGINE"] = "onnxruntime"
    return eyediff(case, threads)


def tensors(case: dict[str, Any], low: float) -> list[Any]:
    """Return the pair as float tensors N x 3 x H x W from `low` to 1, as the peers take them. This is not timed."""
    import torch

    found = []
    for batch in images(case):
        unit = torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().float() / 255
        found.append(unit * (1 - low) + low)
    return found


def lpips(case: dict[str, Any], threads: int) -> Run:
    """Prepare lpips 0.1.4 in its fastest mode: eval mode and no gradients."""
    import lpips
    import torch

    torch.set_num_threads(threads)
    model = lpips.LPIPS(net=PEER_NET.get(case["net"], case["net"]), verbose=False)
    a, b = tensors(case, -1)
    return torch.inference_mode()(lambda: model(a, b).reshape(-1).tolist())


def torchmetrics(case: dict[str, Any], threads: int) -> Run:
    """Prepare the LPIPS module of torchmetrics, or its SSIM or MS-SSIM function."""
    import torch

    torch.set_num_threads(threads)
    if case["kind"] != "lpips":
        import torchmetrics.functional.image as functions

        name = {"ssim": "structural_similarity_index_measure"}.get(
            case["kind"], "multiscale_structural_similarity_index_measure"
        )
        similarity = getattr(functions, name)
        a, b = tensors(case, 0)
        return torch.inference_mode()(lambda: similarity(a, b, data_range=1.0, reduction="none").tolist())
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    model = LearnedPerceptualImagePatchSimilarity(net_type=PEER_NET.get(case["net"], case["net"]), reduction="mean")
    a, b = tensors(case, -1)
    return torch.inference_mode()(lambda: float(model(a, b)))


def piq(case: dict[str, Any], threads: int) -> Run:
    """Prepare a classical metric of piq. SSIM works at full resolution, as in Wang 2004."""
    import piq
    import torch

    torch.set_num_threads(threads)
    a, b = tensors(case, 0)
    function, options = {
        "ssim": (piq.ssim, {"downsample": False}),
        "ms-ssim": (piq.multi_scale_ssim, {}),
        "fsim": (piq.fsim, {"chromatic": False}),
        "fsimc": (piq.fsim, {}),
        "gmsd": (piq.gmsd, {}),
        "ms-gmsd": (piq.multi_scale_gmsd, {}),
        "mdsi": (piq.mdsi, {}),
        "haarpsi": (piq.haarpsi, {}),
        "vsi": (piq.vsi, {}),
        "vif": (piq.vif_p, {}),
    }[case["kind"]]
    return torch.inference_mode()(lambda: function(a, b, data_range=1.0, reduction="none", **options).tolist())


def skimage(case: dict[str, Any], _: int) -> Run:
    """Prepare scikit-image's SSIM with the settings of Wang 2004."""
    from skimage.metrics import structural_similarity

    a, b = images(case)
    wang = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255, "channel_axis": 2}
    return lambda: [float(structural_similarity(x, y, **wang)) for x, y in zip(a, b, strict=True)]


def flip_evaluator(case: dict[str, Any], _: int) -> Run:
    """Prepare FLIP by its authors, from floats in [0, 1], without the map as a picture."""
    import flip_evaluator

    pairs = [(x.astype(np.float32) / 255, y.astype(np.float32) / 255) for x, y in zip(*images(case), strict=True)]
    return lambda: [float(flip_evaluator.evaluate(*pair, "LDR", True, False, True, {})[1]) for pair in pairs]


def ssimulacra2(case: dict[str, Any], _: int) -> Run:
    """Prepare the Python package, which reads files. Its time includes reading two uncompressed files."""
    import tempfile

    from PIL import Image
    from ssimulacra2.ssimulacra2 import compute_ssimulacra2

    folder = tempfile.mkdtemp()
    pairs = []
    for index, pair in enumerate(zip(*images(case), strict=True)):
        pairs.append([f"{folder}/{index}{side}.bmp" for side in "ab"])
        for pixels, path in zip(pair, pairs[-1], strict=True):
            Image.fromarray(pixels).save(path)
    return lambda: [float(compute_ssimulacra2(*pair)) for pair in pairs]


def sgemm(_: dict[str, Any], __: int) -> Run:
    """Prepare one large float32 matrix product of numpy's BLAS, the arithmetic limit of the machine."""
    side = 2048
    left = np.random.RandomState(0).rand(side, side).astype(np.float32)
    right = left.T.copy()
    return lambda: float((left @ right)[0, 0])


CONTESTANTS = {
    "eyediff": eyediff,
    "native": native,
    "onnxruntime": onnxruntime,
    "lpips": lpips,
    "torchmetrics": torchmetrics,
    "piq": piq,
    "skimage": skimage,
    "flip_evaluator": flip_evaluator,
    "ssimulacra2": ssimulacra2,
    "sgemm": sgemm,
}


def timed(run: Run, seconds: float) -> list[float]:
    """Return the seconds of each call. Calls repeat for at least `seconds` and at least three times."""
    found: list[float] = []
    while len(found) < 3 or sum(found) < seconds:
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return found


def main() -> None:
    """Answer cases until standard input ends. A case that repeats the previous case is only timed."""
    name, threads = sys.argv[1], int(sys.argv[2])
    prepared: dict[str, Run] = {}
    for line in sys.stdin:
        case = json.loads(line)
        key = json.dumps(case, sort_keys=True)
        try:
            if key not in prepared:
                prepared.clear()  # keep the images and the model of only one case in memory
                prepared[key] = CONTESTANTS[name](case, threads)
                prepared[key]()
            run = prepared[key]
            answer: dict[str, Any] = {"seconds": timed(run, case["seconds"]), "value": np.mean(run())}
            answer["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        except Exception as error:  # noqa: BLE001 - whatever a peer dies of is a result
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
