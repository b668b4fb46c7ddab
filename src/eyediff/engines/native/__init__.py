"""LPIPS in plain C, by fused Winograd convolutions: three times as fast as the machine's matrix product.

`library.py` loads what `hatch_build.py` compiled; `network.py` is a network on it; `runner.py` offers it to
`select_runner.py`. The C files say how it computes.
"""
