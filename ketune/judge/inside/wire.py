"""Bytes of a message: a tree in JSON, then the raw bytes that it refers to.

JSON alone decides what reading can make: None, bool, int, float, str, and lists of these. A list is
a node, whose first item is its tag; ["bytes", i] stands for the i-th block of raw bytes. The layout
is an 8-byte big-endian length of the JSON, the JSON [tree, lengths of the blocks], the blocks.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

Node = Any

_HEADER = struct.Struct("!Q")
# Bound once: a program may replace what the module offers.
_write = json.JSONEncoder(separators=(",", ":")).encode
_read = json.JSONDecoder().decode


class Refused(Exception):
    """The value is not one that may cross. One line: what it holds."""


def pack(tree: Node, blocks: Sequence[bytes]) -> bytes:
    """Bytes of a tree and its blocks."""
    text = _write([tree, [len(block) for block in blocks]]).encode()
    return b"".join((_HEADER.pack(len(text)), text, *blocks))


def unpack(data: bytes) -> tuple[Node, list[memoryview]]:
    """Tree and blocks of `data`. Raises Refused when it is anything else."""
    view = memoryview(data)
    try:
        (size,) = _HEADER.unpack(view[: _HEADER.size])
        end = _HEADER.size + size
        if end > len(view):
            raise Refused("bytes that are no value")
        tree, sizes = _read(bytes(view[_HEADER.size : end]).decode())
        blocks = []
        for size in sizes:
            if type(size) is not int or size < 0 or end + size > len(view):
                raise Refused("bytes that are no value")
            blocks.append(view[end : end + size])
            end += size
    except (Refused, MemoryError):
        raise
    except Exception as error:  # the program may have written whatever it likes
        raise Refused(f"bytes that are no value ({type(error).__name__})") from None
    if end != len(view):
        raise Refused("bytes that are no value")
    return tree, blocks
