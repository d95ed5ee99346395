#!/usr/bin/env python3
"""Scores the demo's answers against the labels beside its documents; standard library only.

    demo_score.py --labels labels.tsv --baseline baseline.tsv event=event.jsonl free=free.jsonl ...

Each NAME=FILE holds what `trawl grep --json` answered to the question NAME: an object per line with
file, p_yes and p_other. The labels' columns are file and one for each question; the attributes
(every question but "event") are judged on the pages that describe an event. Beside the model stand
the majority class and the bag-of-words regression whose probabilities tools/train_demo/bow.py left
in the baseline file.
"""

import argparse
import csv
import json
import os
import sys

EVENT = "event"


def read_table(path):
    """{base name of the file: {column: text}} of a tab-separated file with a header."""
    with open(path, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {os.path.basename(row.pop("file")): row for row in rows}


def is_yes(label):
    return label.strip().lower() in ("1", "y", "yes", "true")


def read_answers(path):
    """{base name of the file: (p_yes, p_other)}."""
    with open(path, encoding="utf-8") as lines:
        objects = [json.loads(line) for line in lines if line.strip()]
    return {os.path.basename(o["file"]): (float(o["p_yes"]), float(o.get("p_other") or 0.0))
            for o in objects}


def accuracy(scores, labels):
    return sum((s >= 0.5) == y for s, y in zip(scores, labels)) / len(labels)


def auc(scores, labels):
    """How often a page labelled yes scores above one labelled no, ties counting half."""
    yes = [s for s, y in zip(scores, labels) if y]
    no = [s for s, y in zip(scores, labels) if not y]
    if not yes or not no:
        return None
    wins = sum((a > b) + (a == b) / 2 for a in yes for b in no)
    return wins / (len(yes) * len(no))


def score(name, answers, labels, baseline):
    """One row of the table as text cells."""
    judged = [file for file in sorted(labels)
              if file in answers and labels[file].get(name, "").strip() not in ("", "-")
              and (name == EVENT or is_yes(labels[file][EVENT]))]
    if not judged:
        raise ValueError(f"no answer to {name!r} is about a labelled file")
    truth = [is_yes(labels[file][name]) for file in judged]
    p_yes = [answers[file][0] for file in judged]
    share = sum(truth) / len(truth)
    cells = [len(judged), accuracy(p_yes, truth), auc(p_yes, truth), max(share, 1 - share)]
    if all(name in baseline.get(file, {}) for file in judged):
        words = [float(baseline[file][name]) for file in judged]
        cells += [accuracy(words, truth), auc(words, truth)]
    else:
        cells += [None, None]
    return [name] + ["-" if c is None else str(c) if isinstance(c, int) else f"{c:.3f}"
                     for c in cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("answers", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--baseline", help="the bag of words' probabilities")
    options = parser.parse_args()
    labels = read_table(options.labels)
    baseline = read_table(options.baseline) if options.baseline else {}
    rows = [["question", "n", "accuracy", "AUC", "majority", "words acc.", "words AUC"]]
    unsure = 0
    for pair in options.answers:
        name, _, path = pair.partition("=")
        answers = read_answers(path)
        missing = sum(file not in answers for file in labels)
        if missing:
            print(f"{name}: {missing} labelled documents have no answer", file=sys.stderr)
        unsure += sum(p_other > 0.5 for _, p_other in answers.values())
        rows.append(score(name, answers, labels, baseline))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))))
    print("Attributes are judged on the pages that describe an event; threshold 0.5.")
    if unsure:
        print(f"{unsure} answers were unsure (neither yes nor no was likely).")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as error:
        print(f"demo_score.py: {error}", file=sys.stderr)
        sys.exit(2)
