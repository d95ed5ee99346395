#!/usr/bin/env python3
"""Compares ./trawl score with answers that trawl did not compute: the golden models here (README.md) and the
trained models of the shared test data.

    tests/golden/check_golden.py [NAME...]     only cases whose names contain one of the NAMEs

Environment: TRAWL (default ./trawl), TRAWL_CPU (a CPU level to force), TRAWL_TEST_DATA (default
../shared/data from the repository root). Only the standard library is used.
"""

import json
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TRAWL = os.path.abspath(os.environ.get("TRAWL") or os.path.join(ROOT, "trawl"))
DATA = os.environ.get("TRAWL_TEST_DATA") or os.path.join(ROOT, "..", "shared", "data")

EXACT = 2e-3  # of any log-probability: f32 arithmetic against float64
INT8 = 2.0  # times the yardstick of cases.txt, for the mean
TRAINED_INT8 = 0.1  # mean, for trained models without a yardstick of their own


class Mismatch(Exception):
    """A number or an id that is not what it must be, or a run that failed."""


def trawl(*arguments, stdin=b""):
    cpu = os.environ.get("TRAWL_CPU")
    level = ["--cpu", cpu] if cpu and arguments[0] == "score" else []
    run = subprocess.run([TRAWL, *arguments, *level], input=stdin, capture_output=True)
    if run.returncode != 0:
        raise Mismatch(f"exit {run.returncode}: {run.stderr.decode(errors='replace').strip()[-300:]}")
    return run.stdout


def score(model, sequences, n_top, exact, adapter="-"):
    """One {"ids", "logprobs", "top"} per sequence."""
    options = ["--exact"] if exact else []
    if adapter != "-":
        options += ["--lora", adapter]
    with tempfile.NamedTemporaryFile("w", suffix=".ids") as ids:
        ids.write("".join(" ".join(map(str, sequence)) + "\n" for sequence in sequences))
        ids.flush()
        out = trawl("score", "-m", model, "--ids", "--json", "--top", str(n_top), *options, ids.name)
    scored = [json.loads(line) for line in out.splitlines()]
    if [one["ids"] for one in scored] != sequences:
        raise Mismatch("the ids that came back are not those that were given")
    for one in scored:
        if len(one["logprobs"]) != len(one["ids"]) or len(one["top"]) != len(one["ids"]):
            raise Mismatch("logprobs and top are not as many as the ids")
        if one["logprobs"][0] is not None or not all(math.isfinite(x) for x in one["logprobs"][1:]):
            raise Mismatch("a log-probability is not a number")
    return scored


def differences(scored, expected):
    """Of the log-probabilities of the given tokens, all sequences in one list."""
    return [abs(a - b) for one, truth in zip(scored, expected) for a, b in zip(one["logprobs"][1:], truth[1:])]


def check_near(what, got, expected):
    if not abs(got - expected) <= EXACT:
        raise Mismatch(f"{what}: {got}, expected {expected}")


def check_top(where, got, expected):
    """Rank by rank the same values; the same ids but where two are closer than the error."""
    if len(got) != len(expected):
        raise Mismatch(f"{where}: {len(got)} best ids, expected {len(expected)}")
    known = dict(map(tuple, expected))
    for rank, ((token, value), (_, truth)) in enumerate(zip(got, expected)):
        check_near(f"{where}, rank {rank}", value, truth)
        check_near(f"{where}, id {token}", value, known.get(token, expected[-1][1]))


def check_case(model, answers, adapter, yardstick, exact):
    with open(os.path.join(HERE, answers)) as file:
        truth = json.load(file)
    if adapter != "-":
        adapter = os.path.join(HERE, adapter)
    scored = score(os.path.join(HERE, model), truth["ids"], 5, exact, adapter)
    off = differences(scored, truth["logprobs"])
    if not exact:
        mean = sum(off) / len(off)
        if not mean <= INT8 * yardstick:
            raise Mismatch(f"mean difference {mean:.4f}, more than {INT8:g} times {yardstick}")
        return
    if not max(off) <= EXACT:
        raise Mismatch(f"greatest difference {max(off):.5f}, more than {EXACT}")
    for s, (one, tops) in enumerate(zip(scored, truth["top"])):
        for i, (got, expected) in enumerate(zip(one["top"], tops)):
            check_top(f"sequence {s}, position {i}", got, expected)


def check_greedy(model, published):
    """The published continuation: at every step its token is the most probable one."""
    with open(published, "rb") as file:
        text = file.read().rstrip(b"\n")
    ids = [int(word) for word in trawl("tokenize", "-m", model, stdin=text).split()]
    if len(ids) < 199:
        raise Mismatch(f"the text of 200 steps has {len(ids)} tokens")
    (one,) = score(model, [ids], 1, True)
    for step, (best, token) in enumerate(zip(one["top"], ids[1:])):
        if best[0][0] != token:
            raise Mismatch(f"step {step}: best id {best[0][0]}, published {token}")


def check_logits(model, golden, exact):
    """Published logits of all ids at all positions, as log-probabilities."""
    with open(golden) as file:
        truth = json.load(file)
    n_vocab = len(truth["logits"][0])
    (one,) = score(model, [truth["tokens"]], n_vocab, exact)
    off = []
    for position, (logits, best, top) in enumerate(zip(truth["logits"], truth["argmax"], one["top"])):
        highest = max(logits)
        log_sum = highest + math.log(sum(math.exp(x - highest) for x in logits))
        if len(top) != n_vocab:
            raise Mismatch(f"position {position}: {len(top)} ids of {n_vocab}")
        for token, value in top:
            off.append(abs(value - (logits[token] - log_sum)))
        if exact and top[0][0] != best:
            raise Mismatch(f"position {position}: best id {top[0][0]}, published {best}")
    if exact and not max(off) <= EXACT:
        raise Mismatch(f"greatest difference {max(off):.5f}, more than {EXACT}")
    if not sum(off) / len(off) <= TRAINED_INT8:
        raise Mismatch(f"mean difference {sum(off) / len(off):.4f}, more than {TRAINED_INT8}")


def cases():
    """(name, file that must be there, check) of everything there is to check."""
    with open(os.path.join(HERE, "cases.txt")) as file:
        for line in file:
            model, answers, adapter, yardstick = line.split()
            for exact in (True, False):
                name = f"{model} {answers} {'exact' if exact else 'int8'}"
                yield name, model, lambda a=(model, answers, adapter, float(yardstick), exact): check_case(*a)

    stories = os.path.join(DATA, "models", "stories260K")
    files = ["tinyllamas-stories-260k-f32.gguf", "stories260K-f32-v3.gguf", "derived/gguf/stories260K-llama-f32.gguf"]
    trained = [(os.path.join(stories, file), os.path.join(stories, "derived", "golden-logits.json")) for file in files]
    babyllama = os.path.join(DATA, "models", "babyllama-tok105", "derived")
    trained.append((os.path.join(babyllama, "babyllama-tok105-f32.gguf"), os.path.join(babyllama, "golden-logits.json")))
    for model, golden in trained:
        for exact in (True, False):
            name = f"{os.path.basename(model)} logits {'exact' if exact else 'int8'}"
            yield name, golden, lambda a=(model, golden, exact): check_logits(*a)
    published = os.path.join(stories, "expected-greedy-200-steps.txt")
    for model, _ in trained[:3]:
        yield f"{os.path.basename(model)} greedy", published, lambda a=(model, published): check_greedy(*a)


def main():
    passed = failed = skipped = 0
    for name, needs, check in cases():
        if sys.argv[1:] and not any(wanted in name for wanted in sys.argv[1:]):
            continue
        if not os.path.exists(os.path.join(HERE, needs)):
            print(f"skipped: {name}: no {needs}")
            skipped += 1
            continue
        try:
            check()
            passed += 1
        except Mismatch as error:
            print(f"FAILED {name}: {error}")
            failed += 1
    print(f"check_golden: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
