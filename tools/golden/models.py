"""The small random models of tests/golden: every architecture trawl reads, in odd shapes.

A shape is odd on purpose: head size times heads that is not the width, one and three key-value
heads, a vocabulary and an FFN that are multiples of nothing, so that a kernel's edge tiles and a
loader's assumptions are met by some model. Every number a model depends on is in this table; its
weights follow from its name (checkpoint.py).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Model:
    """One model. Sizes are counts of values; lengths are tokens of its golden sequences."""

    name: str
    family: str  # llama, mistral, qwen2 or qwen3: the Hugging Face classes
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    ffn: int
    vocab: int
    tied: bool = False
    tokenizer: str = "pieces"  # pieces, bytes (byte fallback), or a pre-tokenizer's GGUF name
    rope: dict = field(default_factory=dict)  # Hugging Face's rope_parameters
    window: int | None = None
    eps: float = 1e-5
    context: int = 256
    lengths: tuple[int, ...] = (40, 73, 130)


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def yarn(factor: float, original: int, theta: float = 10000.0) -> dict:
    """YaRN as checkpoints carry it: the betas and the scale of attention at their defaults."""
    return {
        "rope_type": "yarn",
        "rope_theta": theta,
        "factor": factor,
        "original_max_position_embeddings": original,
    }


MODELS = [
    Model("llama-mha", "llama", 2, 48, 3, 3, 16, 100, 131),
    Model("llama-factors", "llama", 2, 66, 3, 1, 32, 100, 293, tokenizer="llama-bpe",
          rope=LLAMA3_ROPE),
    Model("llama-linear-tied", "llama", 3, 48, 4, 2, 16, 100, 349, tied=True, tokenizer="bytes",
          rope={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    Model("llama-yarn", "llama", 2, 54, 6, 3, 24, 100, 131, rope=yarn(4.0, 512), eps=1e-6,
          context=2048),
    Model("llama-theta-tied", "llama", 1, 200, 2, 1, 40, 28, 131, tied=True,
          rope={"rope_type": "default", "rope_theta": 5000000.0}),
    Model("mistral-window", "mistral", 3, 55, 5, 1, 16, 68, 349, tokenizer="bytes", window=24),
    Model("qwen2", "qwen2", 2, 60, 6, 3, 10, 100, 293, tokenizer="qwen2", eps=1e-6,
          rope={"rope_type": "default", "rope_theta": 1000000.0}),
    Model("qwen2-tied", "qwen2", 3, 56, 7, 1, 8, 68, 293, tied=True, tokenizer="qwen2", eps=1e-6,
          rope={"rope_type": "default", "rope_theta": 10000.0}),
    Model("qwen3", "qwen3", 2, 66, 6, 2, 24, 84, 293, tokenizer="qwen2", eps=1e-6,
          rope={"rope_type": "default", "rope_theta": 1000000.0}),
    Model("qwen3-yarn-tied", "qwen3", 3, 48, 3, 1, 24, 100, 293, tied=True, tokenizer="qwen2",
          eps=1e-6, rope=yarn(4.0, 512, 100000.0), context=2048),
]

# What the quantised files are made of. 32-value blocks divide rows of 96 and 160, of which no
# larger group is made without a remainder; 256-value blocks want rows of 256 throughout.
BLOCK32 = Model("blocks32", "llama", 1, 96, 3, 1, 32, 160, 131, tied=True, lengths=(40, 65))
BLOCK256 = Model("blocks256", "llama", 1, 256, 2, 1, 128, 256, 131, tied=True, lengths=(40, 65))
QUANTISED = {
    "F16": BLOCK32, "BF16": BLOCK32, "Q8_0": BLOCK32, "Q4_0": BLOCK32, "Q4_1": BLOCK32,
    "Q5_0": BLOCK32, "Q5_1": BLOCK32, "Q4_K": BLOCK256, "Q5_K": BLOCK256, "Q6_K": BLOCK256,
}

# Adapters by the model they adapt: rank, alpha (not the rank, so that a forgotten alpha/rank shows)
# the type of the file, and the matrices by their Hugging Face names.
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FFN = ("gate_proj", "up_proj", "down_proj")
ADAPTERS = {
    "llama-factors": (4, 10.0, "f32", ATTENTION + FFN),
    "qwen2": (3, 8.0, "f16", ATTENTION + FFN),
}
ADAPTER_SCALES = (1.0, 0.5)

# Quantised files stored once more: as an older GGUF version, and as so many files.
OLD_VERSIONS = {1: "Q4_0", 2: "Q8_0"}
SPLIT = ("Q4_1", 3)
