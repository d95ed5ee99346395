#!/usr/bin/env python3
"""What 8-bit arithmetic costs: mean KL divergence of trawl and of llama.cpp, as a Markdown table.

    tools/make_peer.sh build/peer
    tools/kl_table.py --peer build/peer --model MODEL.gguf --text wiki.test.raw [--trawl ./trawl]

MODEL is taken as it is ("shipped") and requantised by llama.cpp's tool to each of --types; with
--pure every matrix is of the type that is named, where its rows allow that. The truth of every
file (of architecture llama) is the f32 forward of *its own* weights as gguf-py unpacks them
(transformers, CPU), so that only the engines' arithmetic is measured, not the quantisation. Both
engines read the same ids: the first --chunks x --length tokens of the text, each chunk from an
empty context, and every position counts. Requantised files stay in --work for other measurements.

An engine's distribution is compared by its K most probable ids and the rest as one outcome, for
trawl has no full logits to give; the last column shows what that hides, for llama.cpp.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from golden import peer, variants


@dataclass
class Distance:
    """Sums over positions: KL to the truth, and how often the best id is the truth's."""

    kl: float = 0.0
    same_best: int = 0
    positions: int = 0

    def add(self, truth: np.ndarray, logprobs: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Adds a position. truth: [vocab] logarithms; logprobs: of ids, or of all without ids."""
        known = truth if ids is None else truth[ids]
        p = np.exp(known)
        self.kl += float((p * (known - logprobs)).sum())
        if ids is not None and len(ids) < len(truth):
            p_rest = max(1.0 - p.sum(), 1e-12)
            q_rest = max(1.0 - np.exp(logprobs).sum(), 1e-12)
            self.kl += p_rest * float(np.log(p_rest / q_rest))
        best = logprobs.argmax()
        self.same_best += int((best if ids is None else ids[best]) == truth.argmax())
        self.positions += 1

    def __str__(self) -> str:
        return (f"{self.kl / self.positions:.5f} | "
                f"{100 * self.same_best / self.positions:.2f} %")


def token_chunks(model: Path, text: Path, n_chunks: int, length: int) -> list[list[int]]:
    """The text's first tokens, by the tokenizer in the model's file."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name)
    start = text.read_text(encoding="utf-8")[:16 * n_chunks * length]
    ids = tokenizer(start, add_special_tokens=False)["input_ids"]
    if len(ids) < n_chunks * length:
        raise SystemExit(f"{text}: only {len(ids)} tokens")
    return [ids[i * length:(i + 1) * length] for i in range(n_chunks)]


def truth_tables(model: Path, chunks: list[list[int]]) -> list[np.ndarray]:
    """Per chunk [length, vocab] f32: log-probabilities of the forward of the unpacked weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(model.parent), gguf_file=model.name)
    net = variants.load_gguf(AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="eager").eval(), model)
    tables = []
    with torch.inference_mode():
        for ids in chunks:
            logits = net(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            tables.append(torch.log_softmax(logits.double(), dim=-1).float().numpy())
    return tables


def requantise(peer_folder: Path, model: Path, kind: str, pure: bool, work: Path) -> Path:
    """model as another type, by way of F32: the file, made once. pure: no matrix is of another."""
    target = work / f"{model.stem}.to-{kind}{'-pure' if pure else ''}.gguf"
    if not target.exists():
        plain, partial = work / "plain.gguf", target.with_suffix(".part")
        quantiser = peer_folder / "bin" / "llama-quantize"
        variants.tool(quantiser, "--allow-requantize", model, plain, "F32")
        variants.tool(quantiser, *(["--pure"] if pure else []), plain, partial, kind)
        plain.unlink()
        partial.rename(target)
    return target


def peer_distances(peer_folder: Path, model: Path, chunks: list[list[int]],
                   truths: list[np.ndarray], n_top: int) -> tuple[Distance, Distance]:
    """llama.cpp as it runs by default: by its best n_top ids, and by all of them."""
    by_top, by_all = Distance(), Distance()
    for ids, truth in zip(chunks, truths, strict=True):
        table = peer.log_probabilities(peer_folder, model, [ids], exact=False)[0]
        for row, expected in zip(table, truth, strict=True):
            best = np.argpartition(row, -n_top)[-n_top:]
            by_top.add(expected.astype(np.float64), row[best], best)
            by_all.add(expected.astype(np.float64), row)
    return by_top, by_all


def trawl_distance(command: list[str], model: Path, chunks: list[list[int]],
                   truths: list[np.ndarray], n_top: int, work: Path) -> Distance:
    """trawl through `score`, one chunk at a time (its answer is tens of megabytes of JSON)."""
    distance, ids_file = Distance(), work / "ids.txt"
    for ids, truth in zip(chunks, truths, strict=True):
        ids_file.write_text(" ".join(map(str, ids)) + "\n")
        done = subprocess.run(
            [command[0], "score", "-m", model, "--ids", "--json", "--top", str(n_top),
             *command[1:], ids_file], stdout=subprocess.PIPE, check=True)
        answer = json.loads(done.stdout)
        if answer["ids"] != ids or len(answer["top"]) != len(ids):
            raise SystemExit("trawl answered for other ids than it was given")
        for best, expected in zip(answer["top"], truth, strict=True):
            distance.add(expected.astype(np.float64), np.array([x for _, x in best]),
                         np.array([t for t, _ in best]))
    return distance


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=Path, required=True, help="what make_peer.sh built")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--trawl", type=Path, help="the program; without it only llama.cpp")
    parser.add_argument("--trawl-option", action="append", default=[], metavar="OPTION",
                        help="passed to trawl score, as in --trawl-option=--cpu=c")
    parser.add_argument("--types", nargs="*", default=["shipped", "Q8_0", "Q4_K_M"],
                        metavar="TYPE", help="shipped: the file as it is")
    parser.add_argument("--pure", action="store_true",
                        help="every matrix of the type, not the quantiser's mixture under its name")
    parser.add_argument("--work", type=Path, default=Path("build/kl"))
    parser.add_argument("--chunks", type=int, default=4)
    parser.add_argument("--length", type=int, default=512, help="tokens of a chunk")
    parser.add_argument("--top", type=int, default=2000, help="ids that are compared one by one")
    args = parser.parse_args()

    args.work.mkdir(parents=True, exist_ok=True)
    chunks = token_chunks(args.model, args.text, args.chunks, args.length)
    print("| file | trawl: mean KL | same best | llama.cpp: mean KL | same best | ratio |"
          f" llama.cpp beyond {args.top} ids |\n|---|---|---|---|---|---|---|", flush=True)
    for kind in args.types:
        model = (args.model if kind == "shipped" else
                 requantise(args.peer, args.model, kind, args.pure, args.work))
        truths = truth_tables(model, chunks)
        by_top, by_all = peer_distances(args.peer, model, chunks, truths, args.top)
        ours, ratio = "- | -", "-"
        if args.trawl:
            command = [str(args.trawl.resolve()), *args.trawl_option]
            found = trawl_distance(command, model, chunks, truths, args.top, args.work)
            ours, ratio = str(found), f"{found.kl / by_top.kl:.2f}"
        print(f"| {kind} | {ours} | {by_top} | {ratio} |"
              f" {(by_all.kl - by_top.kl) / by_all.positions:.5f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
