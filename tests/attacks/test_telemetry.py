"""No connection is opened that the user did not request.

onnxruntime 1.32 wrote a device id beside the cache and opened sockets on import. The defence: the switch is set in the
environment before a module of eyediff imports a dependency. It also applies in workers and in the processes of Ray.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import eyediff
from eyediff.telemetry import SWITCHES

_WORK = """
import time
import eyediff
print(eyediff.Metric("ssim").distance("a.png", "b.png"), eyediff.Metric("lpips").distance("a.png", "b.png"))
import onnxruntime
time.sleep(float({seconds}))
"""


def _clean(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES and not name.startswith("XDG_")}
    return kept | {"HOME": str(home)}


def _is_usable(tool: str) -> bool:
    try:
        return (
            subprocess.run([tool, "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode
            == 0
        )
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _is_usable("strace"), reason="needs strace, and the right to trace")
def test_work_opens_no_socket_and_writes_nothing_outside_the_cache(tmp_path: Path) -> None:
    """Computing scores opens no network socket and writes only files of eyediff.

    TELEMETRY_SECONDS=60 extends the test: onnxruntime opened its first socket within 25 seconds.
    """
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    for name, shade in (("a.png", 10), ("b.png", 200)):
        Image.new("RGB", (64, 64), (shade, 0, 90)).save(tmp_path / name)
    code = _WORK.format(seconds=os.environ.get("TELEMETRY_SECONDS", "2"))
    trace = ["strace", "-f", "-qq", "-e", "trace=socket", "-o", str(log)]
    done = subprocess.run(
        [*trace, sys.executable, "-c", code],
        env=_clean(home),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "AF_INET" not in log.read_text()
    written = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    assert all("eyediff" in name for name in written), written


def test_a_choice_of_the_user_is_kept() -> None:
    """A variable that is already set stays unchanged."""
    code = "import os, eyediff; print(os.environ['ORT_DISABLE_TELEMETRY'], os.environ['RAY_USAGE_STATS_ENABLED'])"
    chosen = _clean(Path.home()) | {"ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=chosen, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]


def test_ray_reports_nothing() -> None:
    """Ray reports that its usage statistics are off."""
    library = pytest.importorskip("ray._common.usage.usage_lib")
    assert eyediff.__version__
    assert not library.usage_stats_enabled()
