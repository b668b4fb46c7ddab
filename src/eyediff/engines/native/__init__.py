"""LPIPS in plain C, with fused Winograd convolutions. It is three times as fast as a matrix product on the same machine.

`library.py` loads the library that `hatch_build.py` compiled. `network.py` computes a network with it, and `runner.py`
has the runner for `select_runner.py`. The C files describe the algorithms.
"""
