"""llama.cpp's answers, through bin/peer-logits (peer_logits.c, built by tools/make_peer.sh)."""

import subprocess
from pathlib import Path

import numpy as np


def n_vocab_of(gguf_path: Path) -> int:
    """The number of tokens a GGUF file (the first of a split one) lists."""
    import gguf

    return len(gguf.GGUFReader(gguf_path).fields["tokenizer.ggml.tokens"].data)


def log_probabilities(peer: Path, gguf_path: Path, texts: list[list[int]], exact: bool,
                      adapter: Path | None = None, scale: float = 1.0) -> list[np.ndarray]:
    """Per sequence [n, vocab] float64: log p(. | ids[0..i]) in row i.

    exact: keys and values in F32 and plain kernels, else as llama.cpp runs by default.
    """
    command = [peer / "bin" / "peer-logits", gguf_path]
    command += [adapter, f"{scale:g}"] if adapter else []
    command += ["--exact"] if exact else []
    lines = "".join(" ".join(map(str, ids)) + "\n" for ids in texts)
    done = subprocess.run([str(part) for part in command], input=lines.encode(),
                          stdout=subprocess.PIPE, check=True)
    logits = np.frombuffer(done.stdout, np.float32).reshape(-1, n_vocab_of(gguf_path))
    tables, at = [], 0
    for ids in texts:
        rows = logits[at:at + len(ids)].astype(np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        tables.append(rows - np.log(np.exp(rows).sum(axis=1, keepdims=True)))
        at += len(ids)
    assert at == len(logits)
    return tables
