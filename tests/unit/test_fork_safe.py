"""Tests of processes that fork while threads of the parent compute. No child waits for a thread that was not copied."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from eyediff import Metric
from eyediff.engines.cpu_engine import engine_name

SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
from eyediff import Metric

a, b = np.random.default_rng(0).integers(0, 256, (2, 2, 64, 64, 3), np.uint8)
metrics = [Metric(name, threads=2) for name in ("lpips-mini", "ssim")]
expected = [metric.distances(a, b).tolist() for metric in metrics]

def busy():
    while True:
        for metric in metrics:
            metric.distances(a, b)

for _ in range(2):
    threading.Thread(target=busy, daemon=True).start()

for _ in range(15):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that waits forever ends by this signal, which is no exit code of ours
        found = [metric.distances(a, b).tolist() for metric in metrics]
        metrics.clear()
        os._exit(0 if np.allclose(found, expected, rtol=1e-6) else 1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended:
        os.write(1, f"{ended} ".encode())
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_process_computes() -> None:
    """A forked child creates new sessions, pools and locks.

    With inherited ones, SSIM hangs in every child, and LPIPS hangs in some. The tolerance is 1e-6 relative, since fewer
    threads may add in another order.
    """
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.decode()) == (0, "")


EXIT = """
import os, signal, sys
import numpy as np
from eyediff import Metric

a, b = np.random.RandomState(0).randint(0, 256, (2, 1, 64, 64, 3)).astype(np.uint8)
metrics = [Metric(name, threads=2) for name in ("lpips-mini", "ssim")]
for metric in metrics:
    metric.distances(a, b)
child = os.fork()
if child == 0:
    signal.alarm(20)
    sys.exit(7)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
"""


@pytest.mark.skipif(engine_name() != "native", reason="the exit handlers of some versions of ONNX Runtime wait forever")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_process_ends() -> None:
    """A forked child that ends by `sys.exit` does not wait for the threads of the engine, which it has not got."""
    assert subprocess.run([sys.executable, "-c", EXIT], timeout=120, check=False).returncode == 7


def test_a_metric_is_sent_to_another_process() -> None:
    """A pickled metric is created again from its arguments.

    Later copies are the same object, so that weights are not loaded again.
    """
    metric = Metric("ssim", threads=1, memory="1GB")
    first, second = (pickle.loads(pickle.dumps(metric)) for _ in range(2))  # noqa: S301 - our own
    assert first is second is not metric
    assert repr(first) == repr(metric)
