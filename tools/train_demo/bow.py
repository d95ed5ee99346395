"""The bag-of-words baseline of the demo: what counting words alone can do.

    python bow.py --pages 6:4000 --pages pages.jsonl --labels LABELS.tsv --documents DIR --out OUT.tsv

For each question a logistic regression on tf-idf of words and word pairs, trained on the same
generated pages as the adapter: SEED:NUMBER, or a file of what `python -m pages` wrote. Attributes are learned from event
pages, which is where they are judged. Its probabilities for the demo's documents are checked in as
baseline.tsv (columns: file, then one for each question), so that `make demo` can show them without
scikit-learn.
"""

import argparse
import csv
import json
import pathlib

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from prompts import visible_text

TOPICS = ("event", "repeats", "free", "outdoors")


def train_baseline(pages):
    """{topic: fitted pipeline that takes texts} from generated pages."""
    found = {}
    for topic in TOPICS:
        used = [p for p in pages if topic == "event" or p["labels"]["event"] == "yes"]
        pipeline = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000))
        pipeline.fit([p["text"] for p in used], [p["labels"][topic] == "yes" for p in used])
        found[topic] = pipeline
    return found


def baseline_scores(pipelines, texts):
    """{topic: [probability of yes per text]}."""
    return {topic: p.predict_proba(texts)[:, 1].tolist() for topic, p in pipelines.items()}


def read_labels(path):
    """{file: {topic: 0 or 1}} from a tab-separated file whose first column is the file."""
    with open(path, encoding="utf-8", newline="") as lines:
        return {row["file"]: {t: int(row[t].strip().lower() in ("1", "yes", "y", "true"))
                              for t in TOPICS if row[t].strip() not in ("", "-")}
                for row in csv.DictReader(lines, delimiter="\t")}


def read_documents(folder, files):
    """The visible text of each file."""
    return [visible_text((pathlib.Path(folder) / file).read_text(encoding="utf-8", errors="replace"))
            for file in files]


def read_pages(run):
    """The pages that --pages names."""
    import pages as generator  # beside this file

    if run.endswith(".jsonl"):
        with open(run, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    return generator.generate(*map(int, run.split(":")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", required=True)
    parser.add_argument("--documents", required=True, help="folder of the files in LABELS")
    parser.add_argument("--out", required=True)
    parser.add_argument("--pages", action="append", required=True, metavar="SEED:NUMBER|FILE.jsonl")
    options = parser.parse_args()
    files = sorted(read_labels(options.labels))
    pipelines = train_baseline([page for run in options.pages for page in read_pages(run)])
    scores = baseline_scores(pipelines, read_documents(options.documents, files))
    with open(options.out, "w", encoding="utf-8", newline="\n") as out:
        print("file", *TOPICS, sep="\t", file=out)
        for i, file in enumerate(files):
            print(file, *(f"{scores[topic][i]:.4f}" for topic in TOPICS), sep="\t", file=out)


if __name__ == "__main__":
    main()
