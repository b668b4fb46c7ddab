"""Evaluation protocols: named conventions under which a field computes the numbers of its tables, as data."""

from __future__ import annotations

from .protocol import Averaging, EvaluationProtocol, is_kind
from .reading import find_protocol, protocol_text, published, read_protocol

__all__ = ["Averaging", "EvaluationProtocol", "find_protocol", "is_kind", "protocol_text", "published", "read_protocol"]
