"""How far an 8-bit engine may be from the truth: a simulation of Q8_0 arithmetic in float64.

llama.cpp's Q8_0 files hold every matrix as int8 in blocks of 32 with one scale, and its kernels
round activations in the same way before the products, whose sums are exact but for rounding in f32.
That can be simulated for widths that are no multiples of 32 too, where its quantiser falls back to
other types: the last block is then short.
"""

import numpy as np
import torch

from .truth import log_probabilities

BLOCK = 32


def rounded(values: torch.Tensor) -> torch.Tensor:
    """values [..., n] rounded in blocks of 32 along n, each to 127 steps of its largest; the step
    is an F16."""
    n = values.shape[-1]
    blocks = torch.nn.functional.pad(values, (0, -n % BLOCK)).unflatten(-1, (-1, BLOCK))
    step = blocks.abs().amax(-1, keepdim=True) / 127
    steps = torch.round(blocks / torch.where(step == 0, 1, step))
    return (steps * step.half().double()).flatten(-2)[..., :n]


def mean_difference(net, answers: dict) -> float:
    """Mean absolute difference of answers["logprobs"] when net computes as Q8_0 does.

    Rounds net's matrices in place: net is of no other use afterwards.
    """
    with torch.no_grad():
        net.get_input_embeddings().weight.copy_(rounded(net.get_input_embeddings().weight))
        for layer in net.modules():
            if isinstance(layer, torch.nn.Linear):
                if layer.weight is not net.get_input_embeddings().weight:
                    layer.weight.copy_(rounded(layer.weight))
                layer.register_forward_pre_hook(lambda _, inputs: (rounded(inputs[0]),))
    differences = []
    for ids, logprobs in zip(answers["ids"], answers["logprobs"], strict=True):
        table = log_probabilities(net, ids)
        differences += [abs(table[i - 1, ids[i]] - logprobs[i]) for i in range(1, len(ids))]
    return float(np.mean(differences))
