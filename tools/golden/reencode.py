"""Writes a GGUF v3 file again as version 1 or 2, which files of 2023 have.

Version 2 differs from 3 by its number only (3 allows big-endian files). In version 1 every count,
string length, array length and dimension is u32 instead of u64. Tensor data keeps its offsets:
only where it begins moves, to the next multiple of the alignment (32) after the shorter header.
"""

import struct
from pathlib import Path

SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9
ALIGNMENT = 32


class Rewriter:
    """Copies a version 3 header field by field, narrowing what version 1 holds in 32 bits."""

    def __init__(self, data: bytes, version: int):
        self.data, self.at, self.out = data, 0, bytearray()
        self.count_format = "<I" if version == 1 else "<Q"

    def copy(self, n_bytes: int) -> bytes:
        piece = self.data[self.at:self.at + n_bytes]
        self.out += piece
        self.at += n_bytes
        return piece

    def u32(self) -> int:
        return struct.unpack("<I", self.copy(4))[0]

    def count(self) -> int:
        value = struct.unpack_from("<Q", self.data, self.at)[0]
        self.at += 8
        self.out += struct.pack(self.count_format, value)
        return value

    def string(self) -> None:
        self.copy(self.count())

    def value(self, kind: int) -> None:
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            item, n = self.u32(), self.count()
            for _ in range(n):
                self.value(item)
        else:
            self.copy(SCALAR_BYTES[kind])


def reencode(source: Path, target: Path, version: int) -> None:
    """Writes source, a little-endian version 3 file without an alignment key, as version."""
    data = source.read_bytes()
    magic, found = data[:4], struct.unpack_from("<I", data, 4)[0]
    if magic != b"GGUF" or found != 3 or b"general.alignment" in data:
        raise ValueError(f"{source}: not a plain GGUF v3 file")
    header = Rewriter(data, version)
    header.at = 8
    header.out += magic + struct.pack("<I", version)
    n_tensors, n_pairs = header.count(), header.count()
    for _ in range(n_pairs):
        header.string()
        header.value(header.u32())
    for _ in range(n_tensors):
        header.string()
        for _ in range(header.u32()):
            header.count()
        header.copy(4 + 8)  # type, offset: the offset is u64 in every version

    def padded(n: int) -> int:
        return -(-n // ALIGNMENT) * ALIGNMENT

    head = bytes(header.out)
    target.write_bytes(head.ljust(padded(len(head)), b"\0") + data[padded(header.at):])
