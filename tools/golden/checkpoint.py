"""Random Hugging Face checkpoints of models.py, and their conversion by llama.cpp's converter.

Names, permutations and metadata of the GGUF files therefore come from the program that everybody's
files come from, not from this project. Two things are put in by hand: the pre-tokenizer's name
(the converter knows it by a hash of published vocabularies), and the sliding window of Mistral
(which it leaves out; trawl reads `llama.attention.sliding_window`).
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from .models import ATTENTION, FFN, Model

WORDS = """the of and to in is that for with on as by at from it was are be this which an or
sea harbour market lantern concert river bicycle village orchestra autumn bridge garden winter
every year people walk along quiet streets when evening comes singing old songs until morning
tickets cost nothing children may bring their own drums flags bread cheese paper boats""".split()


def rng_of(name: str) -> np.random.Generator:
    """A generator that depends on the name alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def training_text(n_lines: int = 400) -> list[str]:
    """Lines of words, numbers and marks: enough to learn a few hundred merges from."""
    rng = rng_of("tokenizer")
    lines = []
    for _ in range(n_lines):
        words = list(rng.choice(WORDS, size=int(rng.integers(4, 12))))
        words.insert(int(rng.integers(1, len(words))), str(rng.integers(1, 3000)))
        lines.append(" ".join(words).capitalize() + str(rng.choice([".", "!", "?", ", so", ";"])))
    return lines


def write_sentencepiece(folder: Path, model: Model) -> None:
    """tokenizer.model: pieces learned from the text, with the 256 bytes if it has fallback."""
    import sentencepiece

    fallback = model.tokenizer == "bytes"
    with open(folder / "tokenizer.model", "wb") as out:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(training_text()), model_writer=out, model_type="bpe",
            vocab_size=min(model.vocab, 259 + 110) if fallback else model.vocab - 7,
            byte_fallback=fallback, character_coverage=1.0, hard_vocab_limit=False,
            normalization_rule_name="identity", remove_extra_whitespaces=False,
            num_threads=1, minloglevel=2)


def write_bpe(folder: Path, model: Model) -> None:
    """tokenizer.json: byte-level BPE; the vocabulary's last ids stay free, as in real models."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(training_text(), trainers.BpeTrainer(
        vocab_size=model.vocab - 10, show_progress=False, special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    bos, eos = (("<|begin_of_text|>", "<|eot_id|>") if model.family == "llama"
                else ("<|endoftext|>", "<|im_end|>"))
    tokenizer.add_special_tokens([bos, eos] + (["<|im_start|>"] if model.family != "llama" else []))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=eos,
                            ).save_pretrained(folder)


def config_of(model: Model):
    """The Hugging Face configuration of the model."""
    values = dict(
        num_hidden_layers=model.layers, hidden_size=model.width, intermediate_size=model.ffn,
        num_attention_heads=model.heads, num_key_value_heads=model.kv_heads,
        head_dim=model.head_size, vocab_size=model.vocab, tie_word_embeddings=model.tied,
        rms_norm_eps=model.eps, max_position_embeddings=model.context, bos_token_id=1,
        eos_token_id=2)
    if model.rope:
        values["rope_parameters"] = dict(model.rope)
    if model.family == "mistral":
        values["sliding_window"] = model.window
    return AutoConfig.for_model(model.family, **values)


def random_weights(shapes: dict[str, tuple[int, ...]], name: str) -> dict[str, torch.Tensor]:
    """Values of every parameter, f32, scaled so that attention is peaked and logits spread.

    A matrix [rows, columns] gets a standard deviation of gain / sqrt(columns): outputs of the size
    of inputs. Norm gains are near 1 but differ, so that one forgotten or swapped shows.
    """
    weights = {}
    for key in sorted(shapes):
        rng = rng_of(name + "/" + key)
        values = rng.standard_normal(shapes[key])
        if "norm" in key:
            values = 1 + 0.25 * values
        elif key.endswith(".bias"):
            values = 0.4 * values
        else:
            gain = 1.6 if "q_proj" in key or "k_proj" in key else 1.2
            gain = 2.0 if "embed" in key or "lm_head" in key else gain
            values = values * gain / shapes[key][-1] ** 0.5
        weights[key] = torch.from_numpy(values.astype(np.float32))
    return weights


def build(model: Model):
    """The model in memory: float64, eager attention, on the CPU."""
    torch.manual_seed(0)
    net = AutoModelForCausalLM.from_config(config_of(model), attn_implementation="eager")
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    if model.tied:
        shapes.pop("lm_head.weight", None)
    missing = net.load_state_dict(random_weights(shapes, model.name), strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}, missing
    net.tie_weights()
    return net.double().eval()


def save(model: Model, net, folder: Path) -> Path:
    """Writes the checkpoint with its tokenizer into folder; returns folder."""
    folder.mkdir(parents=True, exist_ok=True)
    net.float().save_pretrained(folder)
    net.double()
    if model.heads * model.head_size == model.width:
        # Checkpoints of 2023 do not name a head size that follows; their files lack the keys too.
        config = json.loads((folder / "config.json").read_text())
        config.pop("head_dim", None)
        (folder / "config.json").write_text(json.dumps(config))
    if model.tokenizer in ("pieces", "bytes"):
        write_sentencepiece(folder, model)
    else:
        write_bpe(folder, model)
    return folder


def use_converter(peer: Path) -> None:
    """Makes llama.cpp's `conversion` and its own gguf-py importable, before any installed one."""
    for path in (peer / "src", peer / "src" / "gguf-py"):
        sys.path.insert(0, str(path))


def convert(model: Model, checkpoint: Path, gguf_path: Path) -> None:
    """Writes gguf_path, all tensors F32, as convert_hf_to_gguf.py --outtype f32 would."""
    import gguf
    from conversion import ModelType, get_model_architecture, get_model_class
    from conversion.base import ModelBase

    hparams = ModelBase.load_hparams(checkpoint, False)
    base = get_model_class(get_model_architecture(hparams, ModelType.TEXT))

    class Converted(base):
        model_arch = base.model_arch

        def get_vocab_base_pre(self, tokenizer):
            return model.tokenizer

        def set_gguf_parameters(self):
            super().set_gguf_parameters()
            if model.window:
                self.gguf_writer.add_sliding_window(model.window)

    with torch.inference_mode():
        Converted(checkpoint, gguf.LlamaFileType.ALL_F32, gguf_path, model_name=model.name).write()


def save_adapter(model: Model, folder: Path, rank: int, alpha: float,
                 matrices: tuple[str, ...]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Writes a PEFT-like adapter; returns its factors (A [rank, in], B [out, rank]) by weight.

    The factors are exact in F16, so that either type of file holds the same adapter.
    """
    from safetensors.torch import save_file

    net = build(model)
    factors, tensors = {}, {}
    for key, value in net.state_dict().items():
        matrix = key.split(".")[-2]
        if matrix not in matrices or not key.endswith(".weight"):
            continue
        assert matrix in ATTENTION + FFN
        rng = rng_of("adapter/" + model.name + "/" + key)
        n_out, n_in = value.shape
        a = torch.from_numpy(rng.standard_normal((rank, n_in)) / n_in**0.5).half().float()
        b = torch.from_numpy(0.3 * rng.standard_normal((n_out, rank))).half().float()
        factors[key] = (a, b)
        stem = "base_model.model." + key.removesuffix(".weight")
        tensors[stem + ".lora_A.weight"], tensors[stem + ".lora_B.weight"] = a, b
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": list(matrices),
        "base_model_name_or_path": model.name}))
    return factors
