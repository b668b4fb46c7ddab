"""Define evaluation protocols.

A protocol has a name and the conventions by which a field of research computes the numbers in its tables.
"""

from __future__ import annotations

from .protocol import EvaluationProtocol, is_kind
from .reading import find_protocol, protocol_text, published, read_protocol

__all__ = ["EvaluationProtocol", "find_protocol", "is_kind", "protocol_text", "published", "read_protocol"]
