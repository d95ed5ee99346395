#!/usr/bin/env python3
"""Writes dequant_vectors.h: random blocks of every quantised type and the weights that the `gguf` Python package reads
from them. Needs gguf and numpy. Usage: make_dequant_vectors.py > dequant_vectors.h"""

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize

# type: bytes of a block, weights of a block, blocks to make, byte offsets of its f16 numbers
TYPES = {
    "Q8_0": (34, 32, 3, [0]),
    "Q4_0": (18, 32, 3, [0]),
    "Q4_1": (20, 32, 3, [0, 2]),
    "Q5_0": (22, 32, 3, [0]),
    "Q5_1": (24, 32, 3, [0, 2]),
    "Q4_K": (144, 256, 2, [0, 2]),
    "Q5_K": (176, 256, 2, [0, 2]),
    "Q6_K": (210, 256, 2, [208]),
}


def lines(values, per_line):
    for i in range(0, len(values), per_line):
        yield "    " + " ".join(f"{v}," for v in values[i : i + per_line])


def main():
    random = np.random.default_rng(20)
    print("/* Made by make_dequant_vectors.py: do not edit. For each type random blocks, and the bits of the floats")
    print(" * that another implementation reads from them. */")
    for name, (n_bytes, n_weights, n_blocks, halves) in TYPES.items():
        blocks = random.integers(0, 256, (n_blocks, n_bytes), dtype=np.uint8)
        for at in halves:
            d = (random.normal(size=n_blocks) * 0.05).astype(np.float16)
            if at == halves[0]:
                d[-1] = np.float16(3e-7)  # a subnormal scale
            blocks[:, at : at + 2] = d.view(np.uint8).reshape(n_blocks, 2)
        weights = dequantize(blocks, Type[name]).astype(np.float32).reshape(-1)
        assert len(weights) == n_blocks * n_weights
        low = name.lower()
        print(f"\nstatic const uint8_t {low}_blocks[] = {{")
        print("\n".join(lines([str(b) for b in blocks.reshape(-1)], 20)))
        print(f"}};\nstatic const uint32_t {low}_weights[] = {{")
        print("\n".join(lines([f"0x{b:08x}" for b in weights.view(np.uint32)], 8)))
        print("};")


main()
