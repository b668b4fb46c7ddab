"""torch as a runner, and when it is chosen. These tests use the CPU, because a GPU differs only in the device."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest
import torch

from eyediff import weights
from eyediff.engines import onnx_providers as devices
from eyediff.engines import select_runner as runners
from eyediff.engines import torch_runner
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.torch_runner import TorchRunner
from eyediff.engines.windows import WindowEngine
from eyediff.errors import DeviceError, EyediffError, UsageError
from eyediff.metrics import lpips, ssim
from eyediff.metrics.backbones import SQUEEZE
from tests.golden.lpips_cases import pair, seeded_parameters

from .test_ops import PROGRAMS, RANDOM

NETWORK = lpips.Network(SQUEEZE, seeded_parameters(SQUEEZE), weights.load_heads("squeeze"))
PAIR = pair("squeeze", "smallest")


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_it_means_what_numpy_means(name: str, dtype: type) -> None:
    """Every operation equals numpy's to 1e-5, as for ONNX Runtime, for every storage type.

    Pixels are read-only, as decoders may return them.
    """
    a, b = (RANDOM.randint(0, 256, (2, 2, 9, 13, 3)) / (255 if dtype is np.float32 else 1)).astype(dtype)
    a.flags.writeable = False
    found = TorchRunner("cpu").compile(PROGRAMS[name], 2)(a, b)
    expected = NumpyRunner().compile(PROGRAMS[name], 2)(a, b)
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_metrics_equal_the_oracle() -> None:
    """A complete network and SSIM by tiles equal the numpy engine, with the tolerances of tests/golden.

    The test compares distances, shares, maps and embeddings.
    """
    oracle, engine = (NetworkEngine(runner, NETWORK) for runner in (NumpyRunner(), TorchRunner("cpu")))
    for what in ("distances", "layers", "maps"):
        found, expected = getattr(engine, what)(*PAIR), getattr(oracle, what)(*PAIR)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(engine.embeddings(PAIR[0]), oracle.embeddings(PAIR[0]), rtol=1e-4, atol=1e-6)

    def windows(runner: NumpyRunner | TorchRunner) -> WindowEngine:
        return WindowEngine(runner, ssim.PROGRAMS["wang"])

    np.testing.assert_allclose(windows(TorchRunner("cpu")).means(*PAIR), windows(NumpyRunner()).means(*PAIR), atol=2e-6)


def test_constants_are_moved_once_and_forgotten_with_their_arrays() -> None:
    """Weights are copied to the device only once. Constants that a program creates in each call are freed."""
    runner = TorchRunner("cpu")
    kept = np.full(3, 2, np.float32)
    run = runner.compile(lambda v, a, b: v.affine(v.affine(a, kept), np.full(3, 3, np.float32), kept), 2)
    first = run(*PAIR)
    gc.collect()
    moved = dict(runner._ops._tensors)
    assert list(moved) == [(id(kept), torch.float32)]
    assert np.array_equal(run(*PAIR), first)
    assert runner._ops._tensors[id(kept), torch.float32][1] is moved[id(kept), torch.float32][1]


def test_precision_is_exact_unless_asked_and_said() -> None:
    """Convolutions use float32 for any setting of torch, and the setting is restored.

    bfloat16 gives similar distances, and the header states it.
    """
    cudnn = torch.backends.cudnn
    seen: list[bool] = []

    def program(verbs: object, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.append(cudnn.allow_tf32)
        return a - b

    before = cudnn.allow_tf32
    for precision in ("float32", "tf32"):
        TorchRunner("cpu", precision).compile(program, 2)(*PAIR)
        assert cudnn.allow_tf32 is before
    assert seen == [False, True]
    exact, half = (NetworkEngine(TorchRunner("cpu", p), NETWORK) for p in ("float32", "bfloat16"))
    assert exact.description == f"torch {torch.__version__} cpu"
    assert half.description == f"torch {torch.__version__} cpu bfloat16"
    found, expected = half.distances(*PAIR), exact.distances(*PAIR)
    assert 0 < np.abs(found / expected - 1).max() < 0.03  # 8 bits in every convolution


def test_what_the_device_cannot_do_is_told() -> None:
    """If memory runs out, the runner raises an EyediffError, so that only the pair that is too large fails."""

    def program(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried\nmore")

    with pytest.raises(EyediffError, match=r"failed on images of 17x17 \(batch of 3\): CUDA out of memory. Tried$"):
        TorchRunner("cpu").compile(program, 2)(*PAIR)


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that onnxruntime has no CUDA but torch has, and that no precision is requested."""
    monkeypatch.setattr(devices, "available_providers", lambda: {"CPUExecutionProvider"})
    monkeypatch.setattr(torch_runner, "has_gpu", lambda: True)
    monkeypatch.delenv(devices.PRECISION, raising=False)


@pytest.mark.usefixtures("offers")
def test_cuda_is_onnxruntimes_or_else_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch computes only for `cuda`, and only if onnxruntime has no CUDA. A torch without CUDA is not used."""
    assert runners.create_runner("cuda").description == f"torch {torch.__version__} cuda"
    assert runners.create_runner("auto").description.startswith("onnxruntime") and runners.create_runner("cpu").threads
    monkeypatch.setattr(torch_runner, "has_gpu", lambda: False)
    with pytest.raises(DeviceError, match=r"device cuda.*onnxruntime-gpu.*torch that finds a GPU.*device='cpu'"):
        runners.create_runner("cuda")
    monkeypatch.setattr(devices, "available_providers", lambda: {"CUDAExecutionProvider"})
    monkeypatch.setattr(torch_runner, "has_gpu", lambda: True)
    assert isinstance(runners.create_runner("cuda"), OnnxRunner)


@pytest.mark.usefixtures("offers")
def test_precision_is_never_traded_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """EYEDIFF_PRECISION is used by a torch with CUDA, and is an error everywhere else."""
    monkeypatch.setenv(devices.PRECISION, "tf32")
    assert runners.create_runner("cuda").description == f"torch {torch.__version__} cuda tf32"
    for device in ("cpu", "auto"):
        with pytest.raises(DeviceError, match=r"EYEDIFF_PRECISION is set to 'tf32'.*needs device='cuda'"):
            runners.create_runner(device)
    monkeypatch.setenv(devices.PRECISION, "float16")
    with pytest.raises(UsageError, match=r"float16.*float32, tf32, bfloat16"):
        runners.create_runner("cuda")


@pytest.mark.usefixtures("offers")
def test_a_torch_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If torch cannot be loaded, the error says so. If torch is not installed, the error is that of onnxruntime."""
    monkeypatch.setitem(sys.modules, "eyediff.engines.torch_runner", None)
    with pytest.raises(DeviceError, match="torch cannot be loaded"):
        runners.create_runner("cuda")
    monkeypatch.setattr(runners, "is_installed", lambda _: False)
    with pytest.raises(DeviceError, match="onnxruntime-gpu"):
        runners.create_runner("cuda")


def test_the_base_does_not_import_torch() -> None:
    """eyediff does not import torch to build a metric, because the import takes seconds and torch is optional."""
    code = (
        "import sys, eyediff.comparison, eyediff.cli; eyediff.comparison.Metric('ssim'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
