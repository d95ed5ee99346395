#!/usr/bin/env python3
"""Pads a llama model with zeros until the rows of all its matrices are multiples of 256.

    tools/pad_model.py MODEL.gguf PADDED.gguf

K-quants have blocks of 256 weights; where a row is no multiple of that, llama.cpp's quantiser
falls back to types of 32. The padded model computes the same function with F32 weights, and can be
quantised to K-quants throughout:

- the hidden state, and the feed-forward's inner one, get more channels, which are always zero;
- more heads, after the others, whose queries, keys, values and output columns are zero. As many
  query heads share a key head as before, so the old ones stay with theirs;
- the norm's mean is taken over more channels and so is smaller by r = old / padded width: its
  weights are multiplied by sqrt(r), its epsilon by r.

Everything else in the file stays. Other architectures, and tensors that this does not know
(experts), are refused.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

BLOCK = 256

# Of every tensor the dimensions, outputs before inputs, by what they are as long as; those with ""
# stay. "norm" is the hidden state's width, and the tensor is a norm's weights.
TENSORS = {
    "token_embd.weight": ("", "hidden"),
    "output.weight": ("", "hidden"),
    "output_norm.weight": ("norm",),
    "rope_freqs.weight": ("",),
    "attn_norm.weight": ("norm",),
    "attn_q.weight": ("heads", "hidden"),
    "attn_k.weight": ("kv_heads", "hidden"),
    "attn_v.weight": ("kv_heads", "hidden"),
    "attn_output.weight": ("hidden", "heads"),
    "attn_q.bias": ("heads",),
    "attn_k.bias": ("kv_heads",),
    "attn_v.bias": ("kv_heads",),
    "attn_output.bias": ("hidden",),
    "ffn_norm.weight": ("norm",),
    "ffn_gate.weight": ("inner", "hidden"),
    "ffn_up.weight": ("inner", "hidden"),
    "ffn_down.weight": ("hidden", "inner"),
}


def round_up(n: int, step: int) -> int:
    """The lowest multiple of step that is at least n."""
    return -(-n // step) * step


@dataclass
class Shape:
    """The sizes of a model that padding changes, and the length of a head, which stays."""

    hidden: int
    inner: int
    n_heads: int
    n_kv_heads: int
    head_length: int

    def padded(self) -> "Shape":
        """The least shape that every row is a multiple of BLOCK in."""
        group = self.n_heads // self.n_kv_heads
        step = math.lcm(group, BLOCK // math.gcd(BLOCK, self.head_length))
        n_heads = round_up(self.n_heads, step)
        return Shape(round_up(self.hidden, BLOCK), round_up(self.inner, BLOCK), n_heads,
                     n_heads // group, self.head_length)

    def length(self, kind: str) -> int:
        """How long a dimension of this kind is (see TENSORS)."""
        return {"hidden": self.hidden, "norm": self.hidden, "inner": self.inner,
                "heads": self.n_heads * self.head_length,
                "kv_heads": self.n_kv_heads * self.head_length}[kind]


def refuse(reader: gguf.GGUFReader) -> str | None:
    """Why this file cannot be padded; None where it can."""
    def value(name: str):
        field = reader.get_field(name)
        return field.contents() if field else None

    if value("general.architecture") != "llama":
        return f"of architecture {value('general.architecture')}; only llama can be padded"
    if (value("split.count") or 1) > 1:
        return "one of several files; join them first (llama-gguf-split --merge)"
    heads, kv_heads = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    if not isinstance(heads, int) or not isinstance(kv_heads or heads, int):
        return "gives no number of heads that is the same in all layers"
    if heads % (kv_heads or heads):
        return f"{heads} heads are no multiple of {kv_heads} key heads"
    if value("llama.attention.key_length") != value("llama.attention.value_length"):
        return "keys and values differ in length"
    unknown = sorted({kind_of(t.name) for t in reader.tensors} - set(TENSORS))
    return f"has tensors that are not known here: {', '.join(unknown)}" if unknown else None


def kind_of(name: str) -> str:
    """A tensor's name without its layer: blk.3.attn_q.weight is attn_q.weight."""
    return name.split(".", 2)[2] if name.startswith("blk.") else name


def shape_of(reader: gguf.GGUFReader) -> Shape:
    """The sizes that the file's metadata tells."""
    def value(name: str, otherwise: int = 0) -> int:
        field = reader.get_field("llama." + name)
        return field.contents() if field else otherwise

    hidden, n_heads = value("embedding_length"), value("attention.head_count")
    return Shape(hidden, value("feed_forward_length"), n_heads,
                 value("attention.head_count_kv", n_heads),
                 value("attention.key_length", hidden // n_heads))


def padded_tensor(tensor: gguf.ReaderTensor, old: Shape, new: Shape) -> np.ndarray:
    """The tensor's weights as floats, with zeros where it grows."""
    kinds = TENSORS[kind_of(tensor.name)]
    weights = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    expected = tuple(old.length(kind) if kind else n
                     for kind, n in zip(kinds, weights.shape, strict=True))
    if weights.shape != expected:
        raise SystemExit(f"{tensor.name}: expected {expected}, file has {weights.shape}")
    if kinds == ("norm",):
        weights = weights * np.float32(math.sqrt(old.hidden / new.hidden))
    return np.pad(weights, [(0, new.length(kind) - n if kind else 0)
                            for kind, n in zip(kinds, weights.shape, strict=True)])


def copy_metadata(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, old: Shape,
                  new: Shape) -> None:
    """All of it, but for what padding changes and what belongs to the old file's layout."""
    changed = {
        "general.file_type": int(gguf.LlamaFileType.ALL_F32),
        "llama.embedding_length": new.hidden,
        "llama.feed_forward_length": new.inner,
        "llama.attention.head_count": new.n_heads,
        "llama.attention.head_count_kv": new.n_kv_heads,
    }
    epsilon = "llama.attention.layer_norm_rms_epsilon"
    changed[epsilon] = reader.get_field(epsilon).contents() * old.hidden / new.hidden
    for field in reader.fields.values():
        if field.name.startswith(("GGUF.", "split.")) or field.name in (
                "general.architecture", "general.alignment"):
            continue
        writer.add_key_value(field.name, changed.get(field.name, field.contents()),
                             field.types[0], field.types[-1] if len(field.types) > 1 else None)
    # Without these a head is as long as the hidden state over the number of heads.
    if (reader.get_field("llama.attention.key_length") is None
            and new.hidden != new.n_heads * new.head_length):
        writer.add_key_length(new.head_length)
        writer.add_value_length(new.head_length)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="a GGUF file of architecture llama")
    parser.add_argument("padded", type=Path, help="what is written, F32")
    args = parser.parse_args()

    reader = gguf.GGUFReader(args.model)
    reason = refuse(reader)
    if reason:
        print(f"{parser.prog}: {args.model}: {reason}", file=sys.stderr)
        return 2
    old = shape_of(reader)
    new = old.padded()
    partial = args.padded.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "llama")
    copy_metadata(reader, writer, old, new)
    # Described first and then unpacked one by one, so that not all are in memory at once.
    for tensor in reader.tensors:
        kinds = TENSORS[kind_of(tensor.name)]
        shape = [new.length(kind) if kind else int(n)
                 for kind, n in zip(kinds, reversed(tensor.shape), strict=True)]
        writer.add_tensor_info(tensor.name, shape, np.dtype(np.float32), 4 * math.prod(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        writer.write_tensor_data(padded_tensor(tensor, old, new))
    writer.close()
    partial.rename(args.padded)
    print(f"hidden {old.hidden} -> {new.hidden}, inner {old.inner} -> {new.inner}, "
          f"heads {old.n_heads} -> {new.n_heads}, key heads {old.n_kv_heads} -> {new.n_kv_heads}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
