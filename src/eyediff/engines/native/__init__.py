"""LPIPS in plain C, by fused Winograd convolutions: three times as fast as the machine's matrix product.

`library.py` loads what `hatch_build.py` compiled, `network.py` computes a network with it, and `runner.py` is the
runner for `select_runner.py`. The C files describe the algorithms.
"""
