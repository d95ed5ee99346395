"""Other files of the same models: quantised, older versions, split, and low-rank adapters.

All but the older versions (reencode.py) are written by llama.cpp's own tools. A quantised file's
truth is the float64 forward of its weights as gguf-py unpacks them, so that what it measures is the
reader and the kernels, not the quantiser.
"""

import subprocess
import sys
from pathlib import Path

import torch

from . import checkpoint
from .models import Model


def tool(*command) -> None:
    """Runs one of the peer's tools; its chatter is shown only when it fails."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")


def quantise(peer: Path, source: Path, target: Path, kind: str) -> None:
    """Every matrix of source, the embedding too, as one type; vectors stay F32.

    From a quantised source to F32 this is the peer's own unpacking of it.
    """
    tool(peer / "bin" / "llama-quantize", "--pure", "--allow-requantize", source, target, kind)


def split(peer: Path, source: Path, stem: Path, n_files: int) -> list[Path]:
    """source as n_files files STEM-0000i-of-0000n.gguf with about as many tensors in each."""
    import gguf

    per_file = -(-len(gguf.GGUFReader(source).tensors) // n_files)
    tool(peer / "bin" / "llama-gguf-split", "--split", "--split-max-tensors", per_file, source,
         stem)
    files = sorted(stem.parent.glob(stem.name + "-*-of-*.gguf"))
    assert len(files) == n_files, files
    return files


def unpermuted(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of q or k from GGUF's interleaved pairs back to the checkpoint's two halves."""
    pairs = rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:])
    return pairs.transpose(1, 2).reshape(rows.shape)


def load_gguf(net, path: Path):
    """Gives net, a llama model of Hugging Face, the weights of a GGUF file, unpacked by gguf-py.

    Every tensor of the file must find its place; only rope factors follow from net's config.
    """
    import gguf

    config = net.config
    tensors = {t.name: torch.from_numpy(gguf.dequantize(t.data, t.tensor_type).copy())
               for t in gguf.GGUFReader(path).tensors}
    tensors.pop("rope_freqs.weight", None)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    weights = {}
    for key in net.state_dict():
        if config.tie_word_embeddings and key == "lm_head.weight":
            continue
        value = tensors.pop(names.get_name(key, try_suffixes=(".weight",)))
        if "q_proj" in key:
            value = unpermuted(value, config.num_attention_heads)
        elif "k_proj" in key:
            value = unpermuted(value, config.num_key_value_heads)
        weights[key] = value
    assert config.model_type == "llama" and not tensors, tensors.keys()
    net.load_state_dict(weights, strict=False)
    net.tie_weights()
    return net


def convert_adapter(peer: Path, base: Path, folder: Path, target: Path, kind: str) -> None:
    """A PEFT adapter's folder as a GGUF file of type f32 or f16, beside its base's config."""
    tool(sys.executable, peer / "src" / "convert_lora_to_gguf.py", "--base", base, "--outfile",
         target, "--outtype", kind, folder)


def adapted(model: Model, factors: dict, rank: int, alpha: float, scale: float):
    """The model with scale * alpha / rank * B A added to its matrices."""
    net = checkpoint.build(model)
    weights = net.state_dict()
    for key, (a, b) in factors.items():
        weights[key] += scale * alpha / rank * (b.double() @ a.double())
    return net
