"""Targets for a fuzzer (`scripts/fuzz`), and a short run of each as tests.

A target checks what must hold for any bytes.
"""
