#!/usr/bin/env python3
"""Prompt tokens a second of AirLLM on this machine's CPU: the other engine that reads a model layer by layer from disk.

    PYTHON=python-with-airllm bench/airllm.sh            # beside trawl; this file is its half

    bench/airllm_rate.py FOLDER [--prompts 32] [--tokens 128] [--threads N] [--turns 3]

FOLDER keeps a Llama of the 1B shape (TinyLlama: 22 layers, 2048 wide, vocabulary 32000) with random bf16 weights, made once (2.2 GB),
and AirLLM's own copy of it, split into layers. All prompts go through the model as one batch, and the logits of every last token are
computed: the work that trawl does for one answer each. Prints a JSON object a turn: "cold" with the page cache emptied of the files
before it, "cached" right after. Exit 77 where a package is missing.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

try:
    import torch
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from airllm import AutoModel
except ImportError as error:
    print(f"skipped: AirLLM: {error}", file=sys.stderr)
    sys.exit(77)

VOCABULARY = 32000


def make_model(folder: Path) -> None:
    """Writes config, weights and the smallest tokenizer that loads; weights as wide as a trained model's, so that nothing overflows."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32,
        num_key_value_heads=4, max_position_embeddings=4096, tie_word_embeddings=False,
    )
    torch.manual_seed(1)
    torch.set_default_dtype(torch.bfloat16)
    part = folder.with_name(folder.name + ".part")
    LlamaForCausalLM(config).save_pretrained(part)
    torch.set_default_dtype(torch.float32)
    words = {f"<{i}>": i for i in range(VOCABULARY)}
    PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<0>"))).save_pretrained(part)
    part.rename(folder)


def empty_page_cache(folder: Path) -> None:
    """Asks the kernel to drop the pages of every file below [folder]; clean pages only, so what was written is synced first."""
    for path in folder.rglob("*"):
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def run(model, prompts: torch.Tensor) -> float:
    """Seconds of one pass of [prompts] (batch, tokens) to the logits of the last tokens."""
    started = time.monotonic()
    with torch.inference_mode():
        logits = model(input_ids=prompts, use_cache=False, logits_to_keep=1).logits
    seconds = time.monotonic() - started
    assert torch.isfinite(logits.float()).all()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = options.folder / "airllm-1B-BF16"
    if not folder.exists():
        print(f"making {folder} (2.2 GB, and as much for AirLLM's copy)", file=sys.stderr)
        options.folder.mkdir(parents=True, exist_ok=True)
        make_model(folder)
    # What it says while it splits and loads is not for a table.
    answers, sys.stdout = sys.stdout, sys.stderr
    model = AutoModel.from_pretrained(str(folder), device="cpu", dtype=torch.bfloat16)
    for turn in range(options.turns):
        prompts = torch.randint(VOCABULARY, (options.prompts, options.tokens), generator=torch.Generator().manual_seed(turn))
        for cache in ("cold", "cached"):
            if cache == "cold":
                empty_page_cache(folder)
            seconds = run(model, prompts)
            rate = options.prompts * options.tokens / seconds
            print(json.dumps({"cache": cache, "seconds": round(seconds, 3), "tokens_per_s": round(rate, 2)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
