"""Scores an adapter on labelled documents, beside the majority class and a bag of words.

    python evaluate.py --model MODEL.gguf --adapter LORA.gguf --labels labels.tsv \\
        --documents pages --questions questions.tsv [--baseline baseline.tsv]
    python evaluate.py --model MODEL.gguf --adapter LORA.gguf --dev dev/dev.jsonl \\
        --questions questions.tsv

The forward pass is torch's, in f32 unless told otherwise, so that what trawl answers can be
compared with it. questions.tsv has the columns name, question, paraphrase1, paraphrase2; every
wording gets a row. Attributes are judged on event pages (rows "NAME") and shown over all pages too
(rows "NAME, all pages"). How trawl itself scores: tools/demo.sh.
"""

import argparse
import csv
import json

import torch

import model as llama
from adapter import load_adapter, read_adapter
from bow import TOPICS, read_documents, read_labels
from metrics import accuracy, auc, majority, table
from prompts import Prompts, read_questions
from train import ask


def read_baseline(path, files):
    """{topic: [probability per file]}."""
    with open(path, encoding="utf-8", newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines, delimiter="\t")}
    return {topic: [float(rows[file][topic]) for file in files] for topic in TOPICS}


def read_dev(path):
    """(texts, [{topic: 0 or 1}]) of hand-written pages in the generator's format."""
    with open(path, encoding="utf-8") as lines:
        pages = [json.loads(line) for line in lines]
    labels = [{topic: int(page["labels"][topic] == "yes") for topic in TOPICS} for page in pages]
    return [page["text"] for page in pages], labels


def rows_for(topic, wording, answers, labels, words):
    """Table rows for one wording of a question. answers: [(p_yes, p_other)]; words: [p] or None."""
    rows = []
    for suffix, events_only in (("", True), (", all pages", False)):
        if topic == "event" and suffix:
            continue
        used = [i for i, label in enumerate(labels)
                if topic == "event" or not events_only or label["event"]]
        truth = [labels[i][topic] for i in used]
        p_yes = [answers[i][0] for i in used]
        row = [f"{topic}{suffix}", wording, len(used), accuracy(p_yes, truth), auc(p_yes, truth),
               sum(answers[i][1] for i in used) / len(used), majority(truth)]
        if words:
            p = [words[i] for i in used]
            row += [accuracy(p, truth), auc(p, truth)]
        rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter", help="without it the model is judged as it is")
    parser.add_argument("--questions", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--documents", help="folder of the files in LABELS")
    parser.add_argument("--baseline", help="bag-of-words probabilities made by bow.py")
    parser.add_argument("--dev", help="pages in the generator's format, instead of LABELS")
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="f32")
    parser.add_argument("--question-first", action="store_true")
    parser.add_argument("--answers", help="file to write every answer to, as tab-separated text")
    options = parser.parse_args()
    if options.dev:
        texts, labels = read_dev(options.dev)
        files = [str(i) for i in range(len(texts))]
    elif options.labels and options.documents:
        by_file = read_labels(options.labels)
        files = sorted(by_file)
        texts, labels = read_documents(options.documents, files), [by_file[f] for f in files]
    else:
        parser.error("give --dev, or --labels with --documents")
    questions = read_questions(options.questions)
    baseline = read_baseline(options.baseline, files) if options.baseline else {}

    llama.keep_freed_memory()
    rank, alpha = read_adapter(options.adapter)[:2] if options.adapter else (1, 1.0)
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[options.dtype]
    model = llama.Model(options.model, rank, alpha, dtype)
    if options.adapter:
        load_adapter(model, options.adapter)
    prompts = Prompts(model.meta)
    wordings = [(topic, i, q) for topic, qs in questions.items() for i, q in enumerate(qs)]
    asked = [q for _, _, q in wordings]
    answers = ask(model, prompts, [(text, asked) for text in texts], options.question_first)
    rows = []
    for column, (topic, i, _) in enumerate(wordings):
        wording = "question" if i == 0 else f"paraphrase {i}"
        mine = [answer[column] for answer in answers]
        rows += rows_for(topic, wording, mine, labels, baseline.get(topic))
    header = ["question", "wording", "n", "accuracy", "AUC", "p_other", "majority"]
    print(table(rows, header + (["words acc.", "words AUC"] if baseline else [])))
    if options.answers:
        with open(options.answers, "w", encoding="utf-8") as out:
            print("file", "name", "question", "p_yes", "p_other", sep="\t", file=out)
            for file, answer in zip(files, answers):
                for (topic, _, q), (p_yes, p_other) in zip(wordings, answer):
                    print(file, topic, q, f"{p_yes:.6f}", f"{p_other:.6f}", sep="\t", file=out)


if __name__ == "__main__":
    main()
