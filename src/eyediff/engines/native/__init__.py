"""LPIPS in plain C, with fused Winograd convolutions.

Their effective rate is three times that of the machine's matrix product.

`library.py` loads the library that `hatch_build.py` compiled. `network.py` computes a network with it, and `runner.py`
has the runner for `select_runner.py`. The C files describe the algorithms.
"""
