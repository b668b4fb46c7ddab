"""The native engine, which computes LPIPS in plain C with fused Winograd convolutions.

A convolution takes a third of the time that a matrix product of the same arithmetic takes on the same machine.

`library.py` loads the C library, which `hatch_build.py` compiled. `network.py` computes a network with this library,
and `runner.py` has the runner for `select_runner.py`. The C files describe the algorithms.
"""
