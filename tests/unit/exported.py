"""Compute every ONNX model of a folder in a process that has onnxruntime and numpy and cannot import eyediff.

    python -I -S exported.py PLACES_OF_PACKAGES FOLDER

FOLDER holds the models NAME.onnx and their inputs NAME.npz. The script writes the outputs to NAME.out.npz.
"""

import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # eyediff sets this variable, but this process cannot import eyediff
sys.path += sys.argv[1].split(os.pathsep)


class Blocker:
    """Import hook that refuses eyediff, wherever it is installed, and the packages that wrote the models."""

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
