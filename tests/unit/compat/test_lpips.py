"""The replacement for `lpips`.

Scripts for the old package run if only the import is changed to `from eyediff.compat import lpips`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import eyediff
from eyediff import errors, weights
from tests.golden import peer

from .scripts import SCRIPTS

BEFORE, AFTER = "import lpips\n", "from eyediff.compat import lpips\n"


def said(change: tuple[str, str], environment: dict[str, str], folder: Path, shared: Path) -> dict[str, list[str]]:
    """Run all scripts in one process and in a new folder, and return the words that each script printed."""
    pictures = shared / "images" / "lpips"
    (folder / "imgs").symlink_to(pictures)
    for name, copies in {"dir0": ("ex_ref", "ex_p0"), "dir1": ("ex_p0", "ex_p1")}.items():
        (folder / name).mkdir()
        for index, copy in enumerate(copies):
            shutil.copy(pictures / f"{copy}.png", folder / name / f"{index}.png")
    shutil.copy(pictures / "ex_p1.png", folder / "dir0" / "alone.png")
    job, result = folder / "job.json", folder / "result.json"
    job.write_text(json.dumps({name: (given, text.replace(*change)) for name, (given, text) in SCRIPTS.items()}))
    runner = Path(__file__).with_name("run_scripts.py")
    command = [sys.executable, "-W", "ignore", runner, job, result]
    subprocess.run(command, check=True, env=environment, cwd=folder)
    return {name: words(text) for name, text in json.loads(result.read_text()).items()}


def words(text: str) -> list[str]:
    """Return words and numbers, without brackets and without the two lines of the old package for every network."""
    kept = [line for line in text.splitlines() if not line.startswith(("Setting up", "Loading model"))]
    return re.findall(r"[^\s,()\[\]<>]+", "\n".join(kept))


@pytest.fixture(scope="module")
def printed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], list[str]]]:
    """Return the words that each script prints with this package, and with the old package."""
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("the peer lpips 0.1.4 is not installed")
    here = os.environ | {
        "EYEDIFF_WEIGHTS": str(shared / "weights"),
        "PYTHONPATH": str(Path(eyediff.__file__).parents[1]),
    }
    ours = said((BEFORE, AFTER), here, tmp_path_factory.mktemp("ours"), shared)
    theirs = said((BEFORE, BEFORE), peer.environment(shared), tmp_path_factory.mktemp("theirs"), shared)
    return {name: (ours[name], theirs[name]) for name in SCRIPTS}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_it_printed(name: str, printed: dict[str, tuple[list[str], list[str]]]) -> None:
    """Words are equal, and numbers are equal within a tolerance.

    The relative tolerance of 1e-5 is derived in tests/golden/test_lpips.py. The absolute tolerance of 1e-7 is for sums
    of float32 numbers that are close to 0. After steps of an optimiser, the relative tolerance is 1e-4, because the
    steps add gradients that agree to 1e-4.
    """
    found, expected = printed[name]
    assert "Traceback" not in " ".join(expected)
    assert [*map(shape, found)] == [*map(shape, expected)] and found
    stepped = name in ("pulling an image", "loss in a training loop", "Trainer")
    for word, wanted in zip(found, expected, strict=True):
        if shape(wanted) == "figure":
            assert float(word) == pytest.approx(float(wanted), rel=1e-4 if stepped else 1e-5, abs=1e-7)


def shape(word: str) -> str:
    """Return the word itself, or "figure" if it is a number."""
    try:
        float(word)
    except ValueError:
        return word
    return "figure"


def test_the_networks_of_the_old_package_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`print_network` prints the network and the number of its parameters, as in the old package."""
    from eyediff.compat import lpips

    lpips.print_network(torch.nn.Linear(3, 2))
    assert capsys.readouterr().out.splitlines()[-1] == "Total number of parameters: 8"


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Return two batches of two images."""
    torch.manual_seed(0)
    return torch.rand(2, 3, 40, 44) * 2 - 1, torch.rand(2, 3, 40, 44) * 2 - 1


def test_a_hook_on_the_network_is_called(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A hook on the network is called. The old package did not call it; docs/compat.md describes the difference."""
    from eyediff.compat import lpips

    seen = []
    found = lpips.LPIPS(net="alex")
    before = found(*pair)
    found.net.register_forward_hook(lambda *_: seen.append("net"))
    assert torch.equal(found(*pair), before) and seen == ["net", "net"]


@pytest.mark.parametrize("spatial", [False, True])
def test_parts_that_are_hooked_change_nothing(pair: tuple[torch.Tensor, torch.Tensor], spatial: bool) -> None:
    """A hook on a head does not change the value or the gradient.

    With the hook, the heads run as modules. Without it, the code uses less memory. Both results agree up to the
    rounding of float32 sums in another order.
    """
    from eyediff.compat import lpips

    found = lpips.LPIPS(net="alex", spatial=spatial)
    results = []
    for _ in range(2):
        x = pair[0].clone().requires_grad_()
        value = found(x, pair[1])
        value.mean().backward()
        results.append((value.detach(), x.grad))
        found.lin0.register_forward_hook(lambda *_: None)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_weights_of_ones_own(tmp_path: Path, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    """As for `nn.LPIPS`, a file that is not the published file is refused by its name, unless `trust` is True."""
    from eyediff.compat import lpips

    found = lpips.LPIPS(net="alex")
    state = {name.replace(name.split(".")[0], "features", 1): value for name, value in found.net.state_dict().items()}
    torch.save({name: 0.5 * value for name, value in state.items()}, tmp_path / "own.pth")
    with pytest.raises(errors.WeightsError, match=r"own\.pth"):
        lpips.LPIPS(net="alex", weights_file=tmp_path / "own.pth")
    own = lpips.LPIPS(net="alex", weights_file=tmp_path / "own.pth", trust=True)
    assert torch.equal(own.net.slice1[0].weight, 0.5 * found.net.slice1[0].weight)
    assert not torch.equal(own(*pair), found(*pair))


def test_the_shipped_files_are_the_shipped_heads() -> None:
    """The .pth files that scripts load have the same values as weights/heads.safetensors."""
    from eyediff.compat import lpips

    folder = Path(lpips.__file__).parent / "weights"
    for version in ("0.1", "0.0"):
        for net in ("alex", "vgg", "squeeze"):
            state = torch.load(folder / f"v{version}" / f"{net}.pth", map_location="cpu", weights_only=True)
            heads = weights.load_heads(net, version)
            assert len(state) == len(heads)
            for value, head in zip(state.values(), heads, strict=True):
                assert np.array_equal(value.flatten().numpy(), head)


def test_packages_that_import_lpips_get_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `install`, `import lpips` imports our module. `uninstall` restores the earlier modules."""
    from eyediff import compat
    from eyediff.compat import lpips

    before = types.ModuleType("lpips")
    monkeypatch.setitem(sys.modules, "lpips", before)
    monkeypatch.delitem(sys.modules, "lpips.trainer", raising=False)
    compat.install()
    compat.install()
    try:
        assert importlib.import_module("lpips") is lpips
        assert importlib.import_module("lpips.trainer").Trainer is lpips.Trainer
        assert importlib.import_module("lpips.pretrained_networks") is lpips.pn
    finally:
        compat.uninstall()
        compat.uninstall()
    assert sys.modules["lpips"] is before and "lpips.trainer" not in sys.modules


def test_the_name_of_the_first_releases(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    """`PerceptualLoss(model='net-lin', net='alex')`, with `normalize`, is LPIPS. An unknown model is an error."""
    from eyediff.compat import lpips

    x, y = pair
    found = lpips.PerceptualLoss(model="net-lin", net="alex", use_gpu=False)((x + 1) / 2, (y + 1) / 2, normalize=True)
    torch.testing.assert_close(found, lpips.LPIPS(net="alex")(x, y), rtol=1e-5, atol=1e-7)
    assert lpips.PerceptualLoss("l2", colorspace="rgb", use_gpu=False)(x[:1], y[:1]).shape == (1,)
    with pytest.raises(ValueError, match="expected one of"):
        lpips.PerceptualLoss("nothing", use_gpu=False)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_a_model_in_half_precision_returns_float32(
    precision: torch.dtype, pair: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """A converted model returns float32. The old package returned half precision; docs/compat.md has the difference."""
    from eyediff.compat import lpips

    model = lpips.LPIPS(net="alex", verbose=False).to(precision)
    assert model(*(image.to(precision) for image in pair)).dtype == torch.float32


def test_the_page_lists_the_methods_that_trainer_lacks() -> None:
    """Every public method of the old `Trainer` exists here, or docs/compat.md says that it is missing."""
    from eyediff.compat import lpips

    spec = importlib.util.find_spec("lpips")
    if spec is None or spec.origin is None:
        pytest.skip("the peer lpips 0.1.4 is not installed")
    old = re.findall(r"^    def (\w+)", (Path(spec.origin).parent / "trainer.py").read_text(), re.M)
    (row,) = re.findall(
        r"^\| `Trainer` \|.*has no (.*) \|$", Path(__file__).parents[3].joinpath("docs/compat.md").read_text(), re.M
    )
    assert {name for name in old if not hasattr(lpips.Trainer, name)} == set(re.findall(r"`(\w+)`", row))
