"""Evaluation protocols: named conventions under which a field computes the numbers of its tables, as data."""

from __future__ import annotations

from .protocol import Averaging, EvaluationProtocol
from .reading import find_protocol, published, read_protocol

__all__ = ["Averaging", "EvaluationProtocol", "find_protocol", "published", "read_protocol"]
