"""The adapter file: GGUF as llama.cpp's converter writes low-rank adapters.

Metadata general.type = "adapter", adapter.type = "lora", adapter.lora.alpha; for each matrix M of
the model two tensors, M.lora_a [rank, in] and M.lora_b [out, rank] (in GGUF's order of dimensions
[in, rank] and [rank, out]). M acts as M + alpha / rank * lora_b lora_a.
"""

import os

import gguf
import numpy as np
import torch


def write_adapter(path, factors, alpha, name, description):
    """factors: {tensor name: (a, b)}, written as F16. The file appears whole or not at all."""
    temporary = f"{path}.part"
    writer = gguf.GGUFWriter(temporary, "llama")
    writer.add_type("adapter")
    writer.add_name(name)
    writer.add_description(description)
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    for tensor, pair in factors.items():
        for suffix, values in zip(("lora_a", "lora_b"), pair):
            half = values.detach().float().numpy().astype(np.float16)
            writer.add_tensor(f"{tensor}.{suffix}", np.ascontiguousarray(half))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(temporary, path)


def read_adapter(path):
    """(rank, alpha, {tensor name: (a, b)}) with f32 factors."""
    reader = gguf.GGUFReader(path)
    alpha = reader.fields["adapter.lora.alpha"].contents()
    pairs = {}
    for tensor in reader.tensors:
        name, suffix = tensor.name.rsplit(".", 1)
        values = torch.from_numpy(np.array(tensor.data, np.float32))
        pairs.setdefault(name, {})[suffix] = values
    factors = {name: (pair["lora_a"], pair["lora_b"]) for name, pair in pairs.items()}
    rank = next(iter(factors.values()))[0].shape[0]
    return rank, alpha, factors


@torch.no_grad()
def load_adapter(model, path):
    """Puts the file's factors into the model, which must have been made with the same rank."""
    rank, alpha, factors = read_adapter(path)
    if (rank, alpha) != (model.rank, model.alpha) or factors.keys() != model.factors().keys():
        raise ValueError(f"{path}: rank {rank}, alpha {alpha} or tensors do not fit the model")
    for name, pair in model.factors().items():
        for mine, stored in zip(pair, factors[name]):
            mine.copy_(stored)
    model.refresh()
