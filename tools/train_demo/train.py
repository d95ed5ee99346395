"""Trains the demo's adapter on generated pages and writes it as GGUF.

    python train.py --model SmolLM2-135M-Instruct.Q4_1.gguf --out demo-lora.gguf

Every page is seen once, with all its questions sharing the page's tokens. The loss is minus the
logarithm of the probability of all tokens that mean the right answer, over the whole vocabulary,
so that what is neither yes nor no becomes improbable too. The weights that are written are a
running average of the factors; the best of them on the hand-written dev pages is kept.

The work is split over processes of one thread each rather than over threads: threads wait for each
other after every product, which costs a multiple of the time where other programs use the cores.
"""

import argparse
import collections
import json
import math
import pathlib
import random
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing

import model as llama
from adapter import load_adapter, write_adapter
from metrics import accuracy, auc
from prompts import Prompts, Sequence, pad, read_questions

HERE = pathlib.Path(__file__).parent
TOPICS = ("event", "repeats", "free", "outdoors")
NAME = "SmolLM2-135M-Instruct demo reader"
DESCRIPTION = "Answers yes or no about a web page; trained on generated pages only."


def topic_key(page, qa):
    """What answers are balanced within: attributes of pages without an event are apart."""
    is_event = page["labels"]["event"] == "yes"
    return qa["topic"], is_event and qa["topic"] != "event"


def topic_weight(key):
    """What matters most weighs most: attributes of events; the rest keeps the model following.

    Attributes of what is no event weigh least: there "no" only means that there is no event, which
    says nothing about the words that show the attribute.
    """
    topic, of_event = key
    if topic == "event":
        return 1.0
    if topic == "other":
        return 0.5
    return 1.5 if of_event else 0.25


def answer_weights(pages, even_topics=False, yes_weight=1.0, floor=0.35):
    """{(topic key, answer): weight} with which yes and no weigh the same in each topic.

    Without it the commoner answer of the generated pages would move the threshold away from 0.5.
    Topics in which one answer is rarer than floor allows are evened out only as far as that. Where
    both answers occur to one of TOPICS, yes weighs yes_weight times as much again.
    """
    counts = collections.Counter(
        (topic_key(page, qa), qa["a"]) for page in pages for qa in page["qa"])
    weights = {}
    for (key, answer), n in counts.items():
        share = n / (counts[key, "yes"] + counts[key, "no"])
        even = min(0.5 / share, 0.5 / floor) if share < 1 else 1.0
        if answer == "yes" and key[0] in TOPICS:
            even *= yes_weight
        weights[key, answer] = even * (1.0 if even_topics else topic_weight(key))
    return weights


class Example:
    """A sequence of prompts with the answer ("yes" or "no") and the weight of each."""

    def __init__(self, prompts, answers, weights):
        self.sequence = Sequence(prompts)
        self.answers, self.weights = answers, weights

    def __len__(self):
        return len(self.sequence)


def make_examples(prompts, pages, weights, options, rng):
    """Examples of one batch: each page with its questions after it, a few also before it."""
    examples = []
    for page in pages:
        text = prompts.cut(page["text"], options.page_tokens)
        # The questions take more tokens than the page: the most important come first.
        qas = rng.sample(page["qa"], len(page["qa"]))
        qas.sort(key=lambda qa: -topic_weight(topic_key(page, qa)))
        qas = qas[:options.page_questions]
        ws = [weights.get((topic_key(page, qa), qa["a"]), 1.0) for qa in qas]
        ids = [prompts.prompt(text, qa["q"]) for qa in qas]
        examples.append(Example(ids, [qa["a"] for qa in qas], ws))
        if rng.random() < options.question_first:
            i = rng.randrange(len(qas))
            ids = prompts.prompt(text, qas[i]["q"], question_first=True)
            examples.append(Example([ids], [qas[i]["a"]], [ws[i]]))
    return examples


def split_by_tokens(items, limit):
    """Lists of items of similar length that hold at most limit tokens each, padding included."""
    parts = []
    for item in sorted(items, key=len, reverse=True):
        if not parts or (len(parts[-1]) + 1) * len(parts[-1][0]) > limit:
            parts.append([])
        parts[-1].append(item)
    return parts


def answer_log_probabilities(logits, prompts):
    """f32 [n, 2]: of all tokens that mean yes, and no."""
    total = logits.logsumexp(-1)
    return torch.stack([logits[:, prompts.answers[a]].logsumexp(-1) - total
                        for a in ("yes", "no")], 1)


@torch.no_grad()
def ask(model, prompts, requests, question_first=False, token_limit=4096):
    """requests: [(page text, [question])]; returns [[(p_yes, p_other)]] of the same shape."""
    items = [Sequence([prompts.prompt(text, q, question_first) for q in questions])
             for text, questions in requests]
    answers = {}
    for part in split_by_tokens(items, token_limit):
        logp = answer_log_probabilities(model(*pad(part)), prompts).double()
        both = logp.logsumexp(1)
        rows = iter(zip((logp[:, 0] - both).exp().tolist(), (1 - both.exp()).tolist()))
        for item in part:
            answers[id(item)] = [next(rows) for _ in item.read]
    return [answers[id(item)] for item in items]


def dev_figures(model, prompts, pages, page_tokens):
    """{topic: (AUC, accuracy)}; attributes over event pages. Also "p_other" and "score".

    score, by which adapters are chosen: the mean over topics of AUC and accuracy. The workers
    share the pages; all of them get the figures.
    """
    mine = [(prompts.cut(p["text"], page_tokens), [qa["q"] for qa in p["qa"]])
            for p in pages[dist.get_rank()::dist.get_world_size()]]
    gathered = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, ask(model, prompts, mine))
    found, other = {topic: ([], []) for topic in TOPICS}, []
    for i, page in enumerate(pages):
        answers = gathered[i % len(gathered)][i // len(gathered)]
        for qa, (p_yes, p_other) in zip(page["qa"], answers):
            other.append(p_other)
            if qa["topic"] in found and (
                    qa["topic"] == "event" or page["labels"]["event"] == "yes"):
                found[qa["topic"]][0].append(p_yes)
                found[qa["topic"]][1].append(int(qa["a"] == "yes"))
    figures = {topic: (auc(*pair), accuracy(*pair)) for topic, pair in found.items() if pair[0]}
    score = sum(a + b for a, b in figures.values()) / 2 / len(figures)
    return {**figures, "p_other": sum(other) / len(other), "score": score}


def sum_gradients(model):
    """Adds up the workers' gradients, in place."""
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients])):
        g.copy_(part.view_as(g))


class Average:
    """A running average of the parameters, swapped in for evaluation."""

    def __init__(self, model, decay):
        self.model, self.decay, self.n_updates = model, decay, 0
        self.values = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def update(self):
        self.n_updates += 1
        decay = min(self.decay, self.n_updates / (self.n_updates + 9))
        for value, p in zip(self.values, self.model.parameters()):
            value.lerp_(p, 1 - decay)

    @torch.no_grad()
    def swap(self):
        for i, p in enumerate(self.model.parameters()):
            mine = self.values[i].clone()
            self.values[i].copy_(p)
            p.copy_(mine)
        self.model.refresh()


def train_batch(model, prompts, examples, part_tokens):
    """Leaves the batch's gradients in the model; returns this worker's part of the loss."""
    total_weight = sum(sum(e.weights) for e in examples)
    # By length, so that every worker's share takes as long.
    examples = sorted(examples, key=len)[dist.get_rank()::dist.get_world_size()]
    batch_loss = 0.0
    for part in split_by_tokens(examples, part_tokens):
        logp = answer_log_probabilities(model(*pad([e.sequence for e in part])), prompts)
        right = torch.tensor([["yes", "no"].index(a) for e in part for a in e.answers])
        weight = torch.tensor([w for e in part for w in e.weights]) / total_weight
        loss = -(logp.gather(1, right[:, None])[:, 0] * weight).sum()
        loss.backward()
        batch_loss += loss.item()
    sum_gradients(model)
    return batch_loss


def train(worker, options):
    """Runs in each of the worker processes; they hold the same factors all the time."""
    import pages as generator  # beside this file

    llama.keep_freed_memory()
    dist.init_process_group("gloo", init_method=f"file://{options.meeting}", rank=worker,
                            world_size=options.workers)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    if options.compile:
        llama.compile_elementwise()
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[options.dtype]
    model = llama.Model(options.model, options.rank, options.alpha, dtype, options.seed,
                        options.frozen_layers)
    if options.start:
        load_adapter(model, options.start)
    prompts = Prompts(model.meta)
    pages = list(generator.generate(options.seed, options.pages))
    with open(options.dev, encoding="utf-8") as lines:
        dev = [json.loads(line) for line in lines]
    if options.wordings:
        wordings = read_questions(options.wordings)
        for page in dev:
            page["qa"] = [{"q": q, "a": page["labels"][topic], "topic": topic}
                          for topic, questions in wordings.items() for q in questions]
    weights = answer_weights(pages, options.even_topics, options.yes_weight)
    groups = [{"params": [p for n, p in model.named_parameters() if n.endswith(suffix)], "lr": lr}
              for suffix, lr in ((".a", options.lr), (".b", options.lr * options.b_lr))]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=options.weight_decay)
    peaks = [group["lr"] for group in groups]
    average = Average(model, options.average)
    n_steps = len(pages) // options.batch_pages
    best, n_tokens, losses = -math.inf, 0, []
    began = time.monotonic()
    for step in range(n_steps):
        warm = min(1, (step + 1) / options.warmup)
        level = warm * (0.05 + 0.95 * (1 + math.cos(math.pi * step / n_steps)) / 2)
        for group, peak in zip(optimizer.param_groups, peaks):
            group["lr"] = peak * level
        batch = pages[step * options.batch_pages:(step + 1) * options.batch_pages]
        examples = make_examples(prompts, batch, weights, options, rng)
        losses.append(train_batch(model, prompts, examples, options.part_tokens))
        n_tokens += sum(len(e) for e in examples)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        model.refresh()
        average.update()
        if (step + 1) % 10 == 0 and worker == 0:
            seconds = time.monotonic() - began
            print(f"step {step + 1}/{n_steps} loss {sum(losses[-10:]) / 10 * options.workers:.4f} "
                  f"{n_tokens / seconds:.0f} tokens/s {seconds:.0f} s", flush=True)
        if options.keep_steps and (step + 1) % options.keep_steps == 0 and worker == 0:
            average.swap()
            write_adapter(f"{options.out}.{step + 1}", model.factors(), options.alpha, NAME,
                          DESCRIPTION)
            average.swap()
        is_last = step + 1 in (n_steps, options.stop_step)
        if (step + 1) % options.save_steps and not is_last:
            continue
        average.swap()
        figures = dev_figures(model, prompts, dev, options.page_tokens)
        # An early lucky score must not win over the end of the schedule, which is what the
        # schedule is made for: the choice starts afresh in the last quarter.
        if step + 1 - options.save_steps < 0.75 * n_steps <= step + 1:
            best = -math.inf
        if worker == 0:
            print("dev " + "  ".join(
                f"{k} {v[0]:.3f}/{v[1]:.3f}" if isinstance(v, tuple) else f"{k} {v:.4f}"
                for k, v in figures.items()), flush=True)
            if figures["score"] >= best:
                best = figures["score"]
                write_adapter(options.out, model.factors(), options.alpha, NAME, DESCRIPTION)
        average.swap()
        if is_last:
            break
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="the GGUF file to train factors for")
    parser.add_argument("--out", required=True, help="adapter file to write")
    parser.add_argument("--start", help="adapter file to go on from")
    parser.add_argument("--dev", default=HERE / "dev" / "dev.jsonl", help="pages to select on")
    parser.add_argument("--wordings",
                        help="table of questions to ask about the dev pages instead of their own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pages", type=int, default=4800, help="generated pages, each seen once")
    parser.add_argument("--rank", type=int, default=6)
    parser.add_argument("--alpha", type=float, default=12.0)
    parser.add_argument("--lr", type=float, default=1e-3, help="peak, of lora_a")
    parser.add_argument("--b-lr", type=float, default=1.0, help="lora_b's rate relative to it")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--warmup", type=int, default=20, help="steps")
    parser.add_argument("--average", type=float, default=0.97, help="decay of the average")
    parser.add_argument("--batch-pages", type=int, default=16)
    parser.add_argument("--page-questions", type=int, default=8,
                        help="at most so many of a page's")
    parser.add_argument("--question-first", type=float, default=0.12,
                        help="share of pages that also come after one of their questions")
    parser.add_argument("--even-topics", action="store_true",
                        help="let questions of all topics weigh the same")
    parser.add_argument("--yes-weight", type=float, default=1.0,
                        help="more than 1 moves the threshold towards yes")
    parser.add_argument("--page-tokens", type=int, default=700, help="longer pages are cut")
    parser.add_argument("--part-tokens", type=int, default=2048, help="tokens computed at once")
    parser.add_argument("--save-steps", type=int, default=30, help="between looks at dev")
    parser.add_argument("--keep-steps", type=int,
                        help="write the average as OUT.STEP every so many steps, unseen")
    parser.add_argument("--frozen-layers", type=int, default=0,
                        help="leave the factors of so many lower layers as they are: a fifth faster "
                             "with 10 of 30")
    parser.add_argument("--stop-step", type=int, help="leave the schedule after this step")
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="bf16")
    parser.add_argument("--no-compile", dest="compile", action="store_false",
                        help="do without torch.compile (which needs a C++ compiler)")
    parser.add_argument("--workers", type=int, default=2,
                        help="processes of one thread each; as many as there are cores")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.meeting = str(pathlib.Path(folder) / "meeting")
        torch.multiprocessing.spawn(train, (options,), options.workers)


if __name__ == "__main__":
    main()
