"""The demo's language model in torch, read straight from its GGUF file, with low-rank factors.

A llama-architecture model small enough to train on a CPU. Weights stay in the layout of the GGUF
file (rope rotates neighbouring pairs, llama.cpp's "norm" layout), so that the trained factors are
the tensors of the adapter file as they are. The frozen weights and the matrix products are bf16 or
f32, the residual stream is f32 either way, and the factors are f32 parameters.

Only the parts that this model needs are here: no biases, no sliding window, no rope scaling.
"""

import ctypes
import math
from dataclasses import dataclass

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# The matrices of a layer, grouped by the input that they share: one product for each group.
GROUPS = {
    "qkv": ("attn_q", "attn_k", "attn_v"),
    "output": ("attn_output",),
    "gate_up": ("ffn_gate", "ffn_up"),
    "down": ("ffn_down",),
}


def keep_freed_memory():
    """Tells glibc to reuse large freed blocks instead of returning them to the kernel.

    Without it every activation costs page faults, which take longer than the products (measured:
    a 4096x576x576 bf16 product 12 ms, with it 3 ms). Does nothing where there is no glibc.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    m_mmap_max, m_trim_threshold = -4, -1
    libc.mallopt(m_mmap_max, 0)
    libc.mallopt(m_trim_threshold, 2**31 - 1)


@dataclass
class Config:
    n_layers: int
    dim: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    rope_base: float
    norm_eps: float


def read_gguf(path):
    """The file's Config, its metadata {key: value} and its tensors {name: f32 [out, in] or [n]}.

    Quantised tensors are dequantised exactly as the format defines them.
    """
    reader = gguf.GGUFReader(path)
    meta = {key: field.contents() for key, field in reader.fields.items()}
    if meta["general.architecture"] != "llama":
        raise ValueError(f"{path}: architecture {meta['general.architecture']}, expected llama")
    n_heads = meta["llama.attention.head_count"]
    dim = meta["llama.embedding_length"]
    config = Config(
        n_layers=meta["llama.block_count"],
        dim=dim,
        n_heads=n_heads,
        n_kv_heads=meta.get("llama.attention.head_count_kv", n_heads),
        head_dim=meta.get("llama.rope.dimension_count", dim // n_heads),
        rope_base=meta.get("llama.rope.freq_base", 10000.0),
        norm_eps=meta["llama.attention.layer_norm_rms_epsilon"],
    )
    tensors = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        shape = [int(n) for n in reversed(tensor.shape)]
        tensors[tensor.name] = torch.from_numpy(np.array(values, np.float32).reshape(shape))
    return config, meta, tensors


class _GroupProduct(torch.autograd.Function):
    """y = x W^T + (x A^T) B^T as one product: [x, x A^T] times [W, B]^T.

    x [n, in], wb [out, in + r], a [r, in] and b [out, r]; wb already holds b in its last columns.
    The gradients of a and b come back in f32.
    """

    @staticmethod
    def forward(ctx, x, wb, a, b):
        a = a.to(x.dtype)
        u = x @ a.T
        xu = torch.cat([x, u], 1)
        ctx.save_for_backward(xu, wb, a)
        return xu @ wb.T

    @staticmethod
    def backward(ctx, dy):
        xu, wb, a = ctx.saved_tensors
        r = a.shape[0]
        dxu = dy @ wb
        du = dxu[:, -r:].contiguous()
        dx = dxu[:, :-r].addmm_(du, a)
        da = du.T @ xu[:, :-r]
        db = dy.T @ xu[:, -r:].contiguous()
        return dx, None, da.float(), db.float()


class LoraGroup(nn.Module):
    """Frozen matrices with one input and their trainable factors.

    weights: f32 [out_i, in] each. Every matrix has its own pair of factors of the given rank; b is
    block-diagonal over the group: its mask keeps what is off the blocks at zero.
    """

    def __init__(self, weights, rank, scale, dtype, generator):
        super().__init__()
        self.sizes = [w.shape[0] for w in weights]
        self.rank, self.scale = rank, scale
        n_in, n_out = weights[0].shape[1], sum(self.sizes)
        r = rank * len(weights)
        wb = torch.cat([torch.cat(weights), torch.zeros(n_out, r)], 1)
        self.register_buffer("wb", wb.to(dtype), persistent=False)
        mask = torch.block_diag(*[torch.ones(n, rank) for n in self.sizes])
        self.register_buffer("mask", mask, persistent=False)
        a = torch.randn(r, n_in, generator=generator) / math.sqrt(n_in)
        self.a = nn.Parameter(a)
        self.b = nn.Parameter(torch.zeros(n_out, r))

    @torch.no_grad()
    def refresh(self):
        """Copies b into the product's matrix; to be called after every change of the factors."""
        self.wb[:, -self.b.shape[1]:] = self.b * self.mask * self.scale

    def forward(self, x):
        return _GroupProduct.apply(x, self.wb, self.a, self.b * self.mask * self.scale)

    def factors(self):
        """[(a [rank, in], b [out_i, rank])] in the order of the weights."""
        pairs, row = [], 0
        for i, n in enumerate(self.sizes):
            cols = slice(i * self.rank, (i + 1) * self.rank)
            pairs.append((self.a[cols], self.b[row:row + n, cols]))
            row += n
        return pairs


class _Attention(torch.autograd.Function):
    """softmax(q k^T + mask) v, by plain batched products; q comes scaled.

    torch's fused kernel does not use the CPU's matrix unit in its backward pass; this is three
    times faster there. q [n, g * t, d], k and v [n, t, d], where n counts pages times key heads
    and g query heads share a key head; mask [pages, 1, 1, t, t] additive.
    """

    @staticmethod
    def forward(ctx, q, k, v, mask):
        n, t, _ = k.shape
        pages = mask.shape[0]
        s = q @ k.transpose(1, 2)
        s.view(pages, n // pages, -1, t, t).add_(mask)
        p = torch.softmax(s, -1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, do):
        q, k, v, p = ctx.saved_tensors
        dv = p.transpose(1, 2) @ do
        dp = do @ v.transpose(1, 2)
        ds = torch._softmax_backward_data(dp, p, -1, p.dtype)
        return ds @ k, ds.transpose(1, 2) @ q, dv, None


def rms_norm(x, weight, eps, dtype):
    """x [n, dim] f32, normalised and scaled; the result in dtype."""
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight).to(dtype)


def swiglu(gate_up):
    """gate_up [n, 2 * ffn] to [n, ffn]: silu(gate) * up."""
    gate, up = gate_up.chunk(2, -1)
    return F.silu(gate) * up


def rope(x, cos, sin):
    """Rotates neighbouring pairs. x [n, heads, d], cos and sin [n, 1, d / 2]."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    rotated = torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1)
    return rotated.flatten(-2).to(x.dtype)


def compile_elementwise():
    """Lets torch.compile fuse the element-wise functions (needs a C++ compiler; a fifth faster).

    Only their first dimension varies, so that each is compiled once or twice.
    """
    for function in (rms_norm, swiglu, rope):
        globals()[function.__name__] = torch.compile(function, dynamic=True)


class Layer(nn.Module):
    def __init__(self, config, tensors, prefix, rank, scale, dtype, generator):
        super().__init__()
        self.config, self.dtype = config, dtype
        self.register_buffer("attn_norm", tensors[prefix + "attn_norm.weight"], persistent=False)
        self.register_buffer("ffn_norm", tensors[prefix + "ffn_norm.weight"], persistent=False)
        for group, names in GROUPS.items():
            weights = [tensors[f"{prefix}{name}.weight"] for name in names]
            setattr(self, group, LoraGroup(weights, rank, scale, dtype, generator))

    def forward(self, x, cos, sin, mask):
        """x [n, dim] f32 with n = pages * t; cos, sin [n, 1, d / 2]; mask [pages, 1, 1, t, t]."""
        c = self.config
        pages, t = mask.shape[0], mask.shape[-1]
        g = c.n_heads // c.n_kv_heads
        h = rms_norm(x, self.attn_norm, c.norm_eps, self.dtype)
        qkv = self.qkv(h).view(pages * t, -1, c.head_dim)
        qk = rope(qkv[:, :c.n_heads + c.n_kv_heads], cos, sin).view(pages, t, -1, c.head_dim)
        qkv = qkv.view(pages, t, -1, c.head_dim)
        # A key head's query heads become rows of one product: [pages * kv heads, g * t, d].
        q = qk[:, :, :c.n_heads].transpose(1, 2).reshape(-1, g * t, c.head_dim)
        q = q * c.head_dim**-0.5  # a power of two for heads of 64: exact in bf16
        k = qk[:, :, c.n_heads:].transpose(1, 2).reshape(-1, t, c.head_dim)
        v = qkv[:, :, c.n_heads + c.n_kv_heads:].transpose(1, 2).reshape(-1, t, c.head_dim)
        o = _Attention.apply(q, k, v, mask)
        o = o.view(pages, c.n_heads, t, c.head_dim).transpose(1, 2).reshape(pages * t, -1)
        x = x + self.output(o)
        h = rms_norm(x, self.ffn_norm, c.norm_eps, self.dtype)
        return x + self.down(swiglu(self.gate_up(h)))


class Model(nn.Module):
    """The model with factors of the given rank on every matrix of every layer.

    The factors start as no change (b is zero). alpha is the adapter's: the product of the factors
    is scaled by alpha / rank, as whoever applies the file will do. The factors of the first
    n_frozen layers stay as they are, which saves the way back through these layers.
    """

    def __init__(self, path, rank, alpha, dtype=torch.bfloat16, seed=0, n_frozen=0):
        super().__init__()
        self.config, self.meta, tensors = read_gguf(path)
        self.rank, self.alpha, self.dtype = rank, alpha, dtype
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("embd", tensors["token_embd.weight"], persistent=False)
        head = tensors.get("output.weight", tensors["token_embd.weight"])
        self.register_buffer("head", head.to(dtype), persistent=False)
        self.register_buffer("output_norm", tensors["output_norm.weight"], persistent=False)
        self.layers = nn.ModuleList(
            Layer(self.config, tensors, f"blk.{i}.", rank, alpha / rank, dtype, generator)
            for i in range(self.config.n_layers))
        self.layers[:n_frozen].requires_grad_(False)

    def refresh(self):
        """To be called after every change of the factors."""
        for layer in self.layers:
            for group in GROUPS:
                getattr(layer, group).refresh()

    def factors(self):
        """{tensor name: (a [rank, in], b [out, rank])} in the file's order and layout."""
        found = {}
        for i, layer in enumerate(self.layers):
            for group, names in GROUPS.items():
                for name, pair in zip(names, getattr(layer, group).factors()):
                    found[f"blk.{i}.{name}.weight"] = pair
        return found

    def forward(self, ids, positions, mask, read):
        """The logits (f32 [n_read, vocabulary]) of the tokens that come after the places `read`.

        ids and positions [pages, t]; mask [pages, t, t] bool, true where a row may look; read:
        indexes into the flattened [pages * t].
        """
        c = self.config
        frequency = c.rope_base ** (-torch.arange(0, c.head_dim, 2) / c.head_dim)
        angle = positions.flatten()[:, None, None].float() * frequency
        cos, sin = angle.cos(), angle.sin()
        bias = torch.zeros(mask.shape, dtype=self.dtype).masked_fill_(~mask, -1e4)[:, None, None]
        x = F.embedding(ids.flatten(), self.embd)
        for layer in self.layers:
            x = layer(x, cos, sin, bias)
        x = rms_norm(x, self.output_norm, c.norm_eps, self.dtype)[read]
        return (x @ self.head.T).float()
