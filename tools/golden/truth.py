"""Golden log-probabilities: what the float64 forward of Hugging Face's classes says."""

import json
from pathlib import Path

import numpy as np
import torch

from .checkpoint import rng_of
from .models import Model

N_TOP = 5


def sequences(model: Model) -> list[list[int]]:
    """The model's golden sequences: uniformly random ids."""
    rng = rng_of("ids/" + model.name)
    return [[int(i) for i in rng.integers(0, model.vocab, n)] for n in model.lengths]


def log_probabilities(net, ids: list[int]) -> np.ndarray:
    """[n, vocab] float64: log p(. | ids[0..i]) in row i."""
    with torch.inference_mode():
        logits = net(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        return torch.log_softmax(logits.double(), dim=-1).numpy()


def golden(net, texts: list[list[int]]) -> dict:
    """The golden object of README.md for these sequences."""
    result = {"ids": texts, "logprobs": [], "top": []}
    for ids in texts:
        table = log_probabilities(net, ids)
        result["logprobs"].append(
            [None] + [round(float(table[i - 1, ids[i]]), 6) for i in range(1, len(ids))])
        best = np.argsort(-table, axis=1, kind="stable")[:, :N_TOP]
        result["top"].append([[[int(t), round(float(table[i, t]), 6)] for t in best[i]]
                              for i in range(len(ids))])
    return result


def write_golden(path: Path, net, texts: list[list[int]]) -> dict:
    """Writes the golden object, a line per member; returns it."""
    answers = golden(net, texts)
    members = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
               for key, value in answers.items()]
    path.write_text("{" + ",\n ".join(members) + "}\n")
    return answers


def distance(golden_object: dict, tables: list[np.ndarray], n_first: int | None = None) -> float:
    """The greatest difference between a golden object and tables of log-probabilities.

    n_first: only what follows the first so many tokens of each sequence is compared.
    """
    worst = 0.0
    for ids, logprobs, top, table in zip(golden_object["ids"], golden_object["logprobs"],
                                         golden_object["top"], tables, strict=True):
        for i in range(len(ids))[:n_first]:
            worst = max([worst] + [abs(value - table[i, t]) for t, value in top[i]])
            if i:
                worst = max(worst, abs(logprobs[i] - table[i - 1, ids[i]]))
    return worst
