"""Compare `eyediff video` with its metrics alone: `python benchmarks/video.py [--metric NAME,...] [--frames N]`.

The benchmark encodes two clips of 720p (H.264), and compares them from end to end in a separate process. In another
process, the same metrics run over frames that are already in memory. The processes take turns, round after round. The
share is the ratio of the median rates. The peak of memory is also measured for a clip of a third of the length, so that
growth becomes visible.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT, RATE = 1280, 720, 30

WHOLE = """
import json, resource, sys, time
from pathlib import Path
from eyediff import run, video
with video.Clip(Path(sys.argv[1])) as a, video.Clip(Path(sys.argv[2])) as b:
    plan, frames = video.plan_video(a, b, sys.argv[3].split(","), run.ComparisonOptions(device="cpu"))
    begun = time.perf_counter()
    summary = run.compare(plan, [video.Track()])
    seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"rate": summary.count / seconds, "peak_mb": peak, "failed": summary.failed}))
"""

ALONE = """
import json, sys, time
from pathlib import Path
from eyediff import run, video
with video.Clip(Path(sys.argv[1])) as a, video.Clip(Path(sys.argv[2])) as b:
    plan, _ = video.plan_video(a, b, sys.argv[3].split(","), run.ComparisonOptions(device="cpu"))
    pairs = [(a.pixels(x)[None], b.pixels(y)[None]) for x, y, _ in zip(a.frames(), b.frames(), range(6))]
def score(pair):
    for _, engine in plan.metrics.groups:
        engine.distances(*pair)
score(pairs[0])
begun, count = time.perf_counter(), 0
while count < int(sys.argv[4]):
    score(pairs[count % len(pairs)])
    count += 1
print(json.dumps({"rate": count / (time.perf_counter() - begun)}))
"""


def encode(path: Path, frames: int, crf: int) -> None:
    """Encode a moving pattern with fine texture, so that decoding costs as much as with photos."""
    import av

    random = np.random.RandomState(0)
    texture = random.randint(0, 40, (HEIGHT, WIDTH + 4 * frames, 1))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for i in range(frames):
            smooth = 100 + 50 * np.sin((columns + 3 * i) / 60) + 50 * np.cos((rows - 2 * i) / 45)
            pixels = smooth[..., None] + texture[:, 4 * i : 4 * i + WIDTH] * np.array([1.0, 0.7, 0.4])
            frame = av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def process(script: str, *arguments: object) -> dict[str, float]:
    """Run a script in a new process, and return the JSON object that it prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure, and print the rates and the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metric", default="lpips-mini,psnr,ssim", help="as for `eyediff video`")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = {}
        for frames in (options.frames // 3, options.frames):
            clips[frames] = [Path(folder) / f"{frames}-{crf}.mp4" for crf in (18, 32)]
            for path, crf in zip(clips[frames], (18, 32), strict=True):
                encode(path, frames, crf)
        short, long = clips.values()
        peak = process(WHOLE, *short, options.metric)["peak_mb"]
        whole, alone = [], []
        for _ in range(options.rounds):
            alone.append(process(ALONE, *long, options.metric, max(10, options.frames // 5))["rate"])
            whole.append(process(WHOLE, *long, options.metric))
        rate = statistics.median(found["rate"] for found in whole)
        print(f"{options.metric}, {options.frames} frames of {WIDTH}x{HEIGHT}, {os.cpu_count()} cores")
        print(f"  end to end   {rate:.2f} frames a second, {max(found['failed'] for found in whole):.0f} failed")
        print(f"  metric alone {statistics.median(alone):.2f} frames a second")
        print(f"  share        {rate / statistics.median(alone):.2f}")
        print(
            f"  peak memory  {max(found['peak_mb'] for found in whole):.0f} MB; of a third of the frames {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
