"""`from eyediff.compat import lpips`: scripts for the old package run with that line changed and nothing else."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden import peer

SCRIPTS = {
    "two images": """
fn = lpips.LPIPS(net='alex')
a, b = (lpips.im2tensor(lpips.load_image(f'imgs/{name}.png')) for name in ('ex_ref', 'ex_p0'))
found = fn.forward(a, b)
print(tuple(found.shape), found.item())
""",
    "by layer": """
fn = lpips.LPIPS(net='squeeze', verbose=False)
a, b = (lpips.im2tensor(lpips.load_image(f'imgs/{name}.png')) for name in ('ex_ref', 'ex_p1'))
value, layers = fn(a, b, retPerLayer=True)
print(value.item(), *[layer.item() for layer in layers])
""",
    "all pairs of a folder": """
import os
fn = lpips.LPIPS(net='alex', version='0.0', verbose=False)
names = sorted(os.listdir('imgs'))
for i, first in enumerate(names):
    for second in names[i + 1:]:
        a, b = (lpips.im2tensor(lpips.load_image(os.path.join('imgs', name))) for name in (first, second))
        print(first, second, fn(a, b).item())
""",
    "spatial map": """
fn = lpips.LPIPS(net='alex', spatial=True, verbose=False)
a, b = (lpips.im2tensor(lpips.load_image(f'imgs/{name}.png')) for name in ('ex_ref', 'ex_p0'))
found = fn(a, b)
print(tuple(found.shape), found.mean().item(), found[0, 0, 3, 5].item())
""",
    "normalize": """
fn = lpips.LPIPS(net='squeeze', verbose=False)
torch.manual_seed(0)
a, b = torch.rand(2, 3, 40, 40), torch.rand(2, 3, 40, 40)
print(*fn(a, b, normalize=True).flatten().tolist())
""",
    "no heads": """
fn = lpips.LPIPS(net='alex', lpips=False, verbose=False)
a, b = (lpips.im2tensor(lpips.load_image(f'imgs/{name}.png')) for name in ('ex_ref', 'ex_p0'))
print(fn(a, b).item())
""",
    "training loop": """
fn = lpips.LPIPS(net='alex', verbose=False)
ref = lpips.im2tensor(lpips.load_image('imgs/ex_ref.png'))
pred = torch.autograd.Variable(lpips.im2tensor(lpips.load_image('imgs/ex_p1.png')), requires_grad=True)
optimizer = torch.optim.Adam([pred], lr=1e-3, betas=(0.9, 0.999))
for i in range(3):
    dist = fn.forward(pred, ref)
    optimizer.zero_grad()
    dist.backward()
    optimizer.step()
    print(dist.view(-1).data.cpu().numpy()[0])
""",
    "state": """
fn, other = (lpips.LPIPS(net='alex', verbose=False) for _ in range(2))
torch.save(fn.state_dict(), 'state.pth')
print(other.load_state_dict(torch.load('state.pth')), *sorted(fn.state_dict()))
""",
}


def said(script: str, line: str, environment: dict[str, str], folder: Path) -> list[str]:
    """The words that a script printed, with this import line."""
    command = [sys.executable, "-W", "ignore", "-c", f"import torch\n{line}\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=folder)
    kept = [text for text in done.stdout.splitlines() if not text.startswith(("Setting up", "Loading model"))]
    return re.findall(r"[^\s,()\[\]<>]+", "\n".join(kept))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_it_printed(name: str, shared: Path, tmp_path: Path) -> None:
    """Words are equal, figures to 1e-5 relative as tests/golden/test_lpips.py derives it; after a step of Adam, whose
    direction is a sign, to 1e-4."""
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("the peer lpips 0.1.4 is not installed")
    (tmp_path / "imgs").symlink_to(shared / "images" / "lpips")
    ours = os.environ | {"EYEDIFF_WEIGHTS": str(shared / "weights")}
    found = said(SCRIPTS[name], "from eyediff.compat import lpips", ours, tmp_path)
    expected = said(SCRIPTS[name], "import lpips", peer.environment(shared), tmp_path)
    assert len(found) == len(expected) > 0
    for word, wanted in zip(found, expected, strict=True):
        try:
            figure = float(wanted)
        except ValueError:
            assert word == wanted
            continue
        assert float(word) == pytest.approx(figure, rel=1e-4 if name == "training loop" else 1e-5)
