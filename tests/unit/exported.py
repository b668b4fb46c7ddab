"""Run by a Python that has onnxruntime and numpy and must not find eyediff: every model of a folder on its images.

    python -I -S exported.py PLACES_OF_PACKAGES FOLDER

FOLDER holds NAME.onnx, and NAME.npz with what its inputs are given; what its outputs say goes to NAME.out.npz.
"""

import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # no eyediff is here to set it
sys.path += sys.argv[1].split(os.pathsep)


class Blocker:
    """Refuses eyediff, wherever it is installed, and what the models were written with."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("eyediff", "onnx", "torch"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Blocker())

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402

for model in sorted(Path(sys.argv[2]).glob("*.onnx")):
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feed = dict(np.load(model.with_suffix(".npz")))
    np.savez(model.with_suffix(".out.npz"), **dict(zip(names, session.run(names, feed), strict=True)))
print(sorted({name.partition(".")[0] for name in sys.modules} & {"eyediff", "onnx", "torch"}))  # noqa: T201
