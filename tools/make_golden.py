#!/usr/bin/env python3
"""Makes tests/golden: small random models as GGUF files, and what they must answer.

    tools/make_peer.sh build/peer
    tools/make_golden.py --peer build/peer [--out FOLDER]

The answers come from Hugging Face's classes in float64, the files from llama.cpp's converter and
quantiser, so nothing of trawl is asked about itself; every answer is then asked of llama.cpp too,
and the greatest difference printed. tests/golden/README.md describes the result.
Needs torch, transformers, safetensors, sentencepiece, tokenizers and numpy; takes a minute.
"""

import argparse
import logging
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from golden import checkpoint, int8, models, peer, reencode, truth, variants


@dataclass
class Golden:
    """Where things are read and written, and the lines of cases.txt so far."""

    peer: Path
    out: Path
    work: Path
    cases: list[str] = field(default_factory=list)

    def add(self, gguf_path: Path, stem: str, int8: float, adapter: str = "-") -> None:
        """Records a case: file, answers, adapter with its scale, what 8 bits may cost."""
        self.cases.append(f"{gguf_path.name} {stem}.json {adapter} {int8:.4f}")

    def answer(self, stem: str, net, texts: list[list[int]], plain: Path,
               adapter: Path | None = None, scale: float = 1.0, n_first: int | None = None
               ) -> float:
        """Writes STEM.json, prints how far llama.cpp is from it, returns int8.mean_difference.

        plain and adapter hold the weights of net all in F32. Uses net up.
        """
        answers = truth.write_golden(self.out / f"{stem}.json", net, texts)
        tables = peer.log_probabilities(self.peer, plain, texts, exact=True, adapter=adapter,
                                        scale=scale)
        distance = truth.distance(answers, tables, n_first)
        difference = int8.mean_difference(net, answers)
        where = f" over the first {n_first} tokens" if n_first else ""
        print(f"{stem}: llama.cpp differs by {distance:.1e} at most{where}; "
              f"8 bits by {difference:.4f} on average", flush=True)
        return difference


def make_model(golden: Golden, model: models.Model) -> None:
    """NAME.gguf and NAME.json of one F32 model, and of its adapter if it has one."""
    net = checkpoint.build(model)
    folder = checkpoint.save(model, net, golden.work / model.name)
    path, texts = golden.out / f"{model.name}.gguf", truth.sequences(model)
    checkpoint.convert(model, folder, path)
    # llama.cpp ignores the window of a `llama` file: they agree until a key leaves it.
    golden.add(path, model.name, golden.answer(model.name, net, texts, path,
                                               n_first=model.window))
    if model.name in models.ADAPTERS:
        rank, alpha, kind, matrices = models.ADAPTERS[model.name]
        peft = golden.work / f"{model.name}-lora"
        factors = checkpoint.save_adapter(model, peft, rank, alpha, matrices)
        adapter, plain = golden.out / f"{model.name}-lora.gguf", golden.work / "plain-lora.gguf"
        variants.convert_adapter(golden.peer, folder, peft, adapter, kind)
        variants.convert_adapter(golden.peer, folder, peft, plain, "f32")
        for scale in models.ADAPTER_SCALES:
            stem = f"{model.name}-lora-{scale:g}"
            merged = variants.adapted(model, factors, rank, alpha, scale)
            difference = golden.answer(stem, merged, texts[:2], path, plain, scale)
            golden.add(path, stem, difference, f"{adapter.name}:{scale:g}")


def make_quantised(golden: Golden) -> None:
    """One file per tensor type; some of them again as older versions and in several files."""
    for kind, model in models.QUANTISED.items():
        source = golden.work / f"{model.name}.gguf"
        if not source.exists():
            folder = checkpoint.save(model, checkpoint.build(model), golden.work / model.name)
            checkpoint.convert(model, folder, source)
        stem, plain = f"type-{kind.lower()}", golden.work / "plain.gguf"
        files = [golden.out / f"{stem}.gguf"]
        variants.quantise(golden.peer, source, files[0], kind)
        variants.quantise(golden.peer, files[0], plain, "F32")
        difference = golden.answer(stem, variants.load_gguf(checkpoint.build(model), files[0]),
                                   truth.sequences(model), plain)
        for version in (v for v, of in models.OLD_VERSIONS.items() if of == kind):
            files.append(golden.out / f"version{version}-{kind.lower()}.gguf")
            reencode.reencode(files[0], files[-1], version)
        if models.SPLIT[0] == kind:
            prefix = golden.out / f"split-{kind.lower()}"
            files.append(variants.split(golden.peer, files[0], prefix, models.SPLIT[1])[0])
        for path in files:
            golden.add(path, stem, difference)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=Path, required=True, help="what make_peer.sh built")
    parser.add_argument("--out", type=Path,
                        default=Path(__file__).resolve().parent.parent / "tests" / "golden")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    checkpoint.use_converter(args.peer.resolve())
    for old in [*args.out.glob("*.gguf"), *args.out.glob("*.json")]:
        old.unlink()
    with tempfile.TemporaryDirectory() as work:
        golden = Golden(args.peer.resolve(), args.out.resolve(), Path(work))
        for model in models.MODELS:
            make_model(golden, model)
        make_quantised(golden)
    (args.out / "cases.txt").write_text("\n".join(golden.cases) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
