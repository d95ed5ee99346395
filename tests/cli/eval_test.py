#!/usr/bin/env python3
"""`trawl eval` and grep's --calibration from outside: every way of writing labels and answers, what is refused, figures that can
be counted by hand, and that a calibration does in grep what it says. Metrics themselves: test_metrics.c.

TRAWL names the program (default ./trawl), TRAWL_TEST_MODEL a small model."""

import csv
import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

TRAWL = os.path.realpath(os.environ.get("TRAWL", "./trawl"))
MODEL = os.environ.get("TRAWL_TEST_MODEL")
MODEL = MODEL and os.path.realpath(MODEL)
passed = failed = 0


def ok(what, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED: {what}\n{shown}")


def run(*args):
    return subprocess.run([TRAWL, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape")


def write(name, text):
    with open(name, "w", encoding="utf-8", newline="", errors="surrogateescape") as file:
        file.write(text)
    return name


def evaluated(what, *args):
    """The questions of --json by name; {} and a failure where there are none."""
    done = run("eval", "--json", *args)
    ok(what, done.returncode == 0, done.stderr)
    return {q["name"]: q for q in json.loads(done.stdout)["questions"]} if done.returncode == 0 else {}


def refused(what, message, *args):
    done = run("eval", *args)
    ok(what, done.returncode == 2 and message in done.stderr and not done.stdout, f"exit {done.returncode}: {done.stderr}")


def test_forms():
    """The same labels and answers in every form give the same figures."""
    truth = {"a": "yes", "b": "no", "c": "yes", "d": "no", "e": ""}
    p = {"a": 0.9, "b": 0.8, "c": 0.3, "d": 0.1, "e": 0.7, "f": 0.6}
    labels = {
        "csv": "id,event,title\r\n" + "".join(f'{i},{t},"a ""title"", with\r\na line {i}"\r\n' for i, t in truth.items()),
        "marked.csv": "\ufeffevent,id\n" + "".join(f'"{t}",{i}\n' for i, t in truth.items()),
        "semicolon.csv": "id;event\n" + "".join(f"{i};{t.upper()}\n" for i, t in truth.items()),
        "tsv": "id\tevent\n" + "".join(f"{i}\t{t[:1]}\n" for i, t in truth.items()),
        "jsonl": "".join(json.dumps({"id": i, "event": {"yes": True, "no": False, "": None}[t]}) + "\n\n" for i, t in truth.items()),
        "verdicts.csv": "id,question,verdict\n"
        + "".join(f"{i},event,{ {'yes': 'accept', 'no': 'reject', '': 'unsure'}[t] }\n" for i, t in truth.items()),
        "verdicts.jsonl": "".join(
            json.dumps({"id": i, "question": "event", "verdict": {"yes": "accept", "no": "reject", "": "unsure"}[t]}) + "\n"
            for i, t in truth.items()),
    }
    answers = {
        "p.csv": "id,event,event_p\n" + "".join(f"{i},{'yes' if v >= 0.5 else 'no'},{v}\n" for i, v in p.items()),
        "p.jsonl": "".join(json.dumps({"id": i, "event": "yes", "event_p": v}) + "\n" for i, v in p.items()),
        "numbers.tsv": "id\tevent\n" + "".join(f"{i}\t{v}\n" for i, v in p.items()),
        "grep.jsonl": "".join(json.dumps({"file": i, "answer": "yes", "p_yes": v, "p_other": 0.1}) + "\n" for i, v in p.items()),
        "lines.jsonl": "".join(json.dumps({"id": i, "p_yes": v, "p_other": 0.6 if i == "a" else 0}) + "\n" for i, v in p.items()),
    }
    for form, text in labels.items():
        write("labels." + form, text)
        for other, rows in answers.items():
            write(other, rows)
            name = "--review" if "verdicts" in form else "--labels"
            event = evaluated(f"{form} and {other}", name, "labels." + form, other).get("event", {})
            ok(f"figures of {form} and {other}",
               (event.get("n"), event.get("yes"), event.get("unlabelled"), event.get("missing")) == (4, 2, 2, 0)
               and (event["true_yes"], event["false_yes"], event["false_no"], event["true_no"]) == (1, 1, 1, 1)
               and math.isclose(event["roc_auc"], 0.75) and math.isclose(event["brier"], (0.01 + 0.64 + 0.49 + 0.01) / 4)
               and event["unsure"] == (other == "lines.jsonl"), event)


def test_joining():
    write("labels.csv", "file,event,free\nx.txt,yes,no\ny.txt,no,yes\nz.txt,yes,\n")
    rows = "".join(json.dumps({"file": f"pages/{n}/{n}.txt", "p_yes": 0.5, "question": "Is it an event?"}) + "\n" for n in "xyq")
    write("event.jsonl", rows)
    write("other.jsonl", rows)
    event = evaluated("base names, the file's name", "--labels", "labels.csv", "event.jsonl").get("event", {})
    ok("a missing answer", (event.get("n"), event.get("missing"), event.get("question")) == (2, 1, "Is it an event?"), event)
    free = evaluated("NAME=FILE", "--labels", "labels.csv", "free=other.jsonl")
    ok("only that question", list(free) == ["free"] and free["free"]["n"] == 2, free)
    refused("which question?", "Say NAME=other.jsonl", "--labels", "labels.csv", "other.jsonl")
    refused("no such name", "no label 'cheap'", "--labels", "labels.csv", "cheap=other.jsonl")
    refused("answered twice", "second time", "--labels", "labels.csv", "event.jsonl", "event=other.jsonl")
    write("question.csv", 'file,"Is it an event?"\nx.txt,yes\ny.txt,no\n')
    ok("by its text", "Is it an event?" in evaluated("text", "--labels", "question.csv", "other.jsonl"))
    where = evaluated("--where", "--labels", "labels.csv", "--where", "event", "free=other.jsonl")
    ok("judged only where event is yes", where["free"]["n"] == 1 and where["free"]["yes"] == 0, where)
    refused("--where nothing", "no label 'cost'", "--labels", "labels.csv", "--where", "cost", "free=other.jsonl")
    write("review.csv", "id,question,verdict\nx.txt,event,reject\nz.txt,event,unsure\n")
    event = evaluated("a review overrules", "--labels", "labels.csv", "--review", "review.csv", "event.jsonl").get("event", {})
    ok("x is no now", (event.get("n"), event.get("yes"), event.get("missing")) == (2, 0, 0), event)
    write("lines.csv", "file,line,q\nt,1,yes\nt,2,no\n")
    write("t.jsonl", '{"file": "t", "line": 1, "p_yes": 0.9}\n{"file": "t", "line": 2, "p_yes": 0.2}\n'
                     '{"file": "t", "line": 3, "p_yes": 0.0, "too_long": true}\n')
    q = evaluated("lines of a file", "--labels", "lines.csv", "t.jsonl").get("q", {})
    ok("two lines", (q.get("n"), q.get("accuracy"), q.get("unlabelled")) == (2, 1, 0), q)
    write("odd.tsv", 'id\tq\n"quoted\tyes\nback\\\\slash\\ttab\\x\tno\n')
    write("odd.jsonl", "".join(json.dumps({"id": i, "p_yes": p}) + "\n" for i, p in (('"quoted', 0.9), ("back\\slash\ttab\\x", 0.1))))
    ok("TSV as trawl writes it", evaluated("odd", "--labels", "odd.tsv", "odd.jsonl")["q"]["accuracy"] == 1)
    write("bytes.csv", "file,q\ncaf\udce9,yes\nb,no\n")
    write("bytes.jsonl", '{"file": {"bytes": "Y2Fm6Q=="}, "p_yes": 0.9}\n{"file": "b", "p_yes": 0.2}\n')
    ok("names that are not UTF-8", evaluated("bytes", "--labels", "bytes.csv", "bytes.jsonl")["q"]["n"] == 2)


def test_rows_beside_python():
    """Names of all sorts, as Python's csv writes them, are the same names as in JSON."""
    rng = random.Random(os.environ.get("SEED", 1))
    pieces = ["a", " ", '"', '""', ",", ";", "\n", "\r", "\r\n", "\\", "\\n", "ü😀", "'"]
    names = sorted({"x" + "".join(rng.choice(pieces) for _ in range(rng.randrange(12))) + "x" for _ in range(300)})
    write("names.jsonl", "".join(json.dumps({"id": name, "p_yes": 0.9 if i % 3 else 0.1}) + "\n" for i, name in enumerate(names)))
    # With other ends than CR LF, Python leaves a lone CR or LF without the quotes that it needs itself.
    for quoting, end in ((csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\r")):
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=quoting, lineterminator=end)
        writer.writerows([["id", "q"]] + [[name, "yes" if i % 3 else "no"] for i, name in enumerate(names)])
        q = evaluated("names", "--labels", write("names.csv", text.getvalue()), "names.jsonl").get("q", {})
        ok(f"every name, quoting {quoting}, lines end in {end!r}", (q.get("n"), q.get("accuracy")) == (len(names), 1), q)
    write("utf16.csv", "")
    with open("utf16.csv", "w", encoding="utf-16", newline="") as file:
        file.write("id,q\r\nü,yes\r\nb,no\r\n")
    write("ü.jsonl", '{"id": "ü", "p_yes": 0.9}\n{"id": "b", "p_yes": 0.2}\n')
    ok("UTF-16", evaluated("utf16", "--labels", "utf16.csv", "q=ü.jsonl")["q"]["n"] == 2)


def test_refusals():
    write("labels.csv", "id,q\na,yes\nb,no\n")
    write("good.csv", "id,q\na,0.7\nb,0.2\n")
    both = ("--labels", "labels.csv", "bad")
    for what, message, text in (
            ("an answer that is no number", "line 2: q: 'high' is not a number", "id,q\na,high\n"),
            ("no probability", "line 2: q: 1.5 is not a probability", "id,q\na,1.5\n"),
            ("no id", "line 2: no `id`", "q\n0.5\n"),
            ("no such question", "q_p", "id,other\na,0.5\n"),
            ("JSON that is none", "line 1: not JSON", '{"id": "a", q: 1}\n'),
            ("an array", "jq", '[{"id": "a"}]\n'),
            ("a wide row", "line 3: 3 cells under 2 columns", "id,q\na,0.5\nb,0.5,0.5\n"),
            ("an open quote", "line 2: the input ends inside a quoted cell", 'id,q\n"a,0.5\nb,0.2\n'),
            ("a row after long ones", "line 6: q: 'x' is not a number", '\n\nid,q\n"a\n",0.5\nb,x\n'),
            ("more cells than any table", "line 2: a row of more than 4096 cells", "id,q\na,0.5" + "," * 5000 + "\n"),
            ("nobody labelled", "no answer is about a labelled document", "id,q\nx,0.5\n"),
            ("nothing at all", "bad: no `p_yes`", "")):
        write("bad", text)
        refused(what, message, *both)
    write("bad.csv", "id,q\na,yes\nb,perhaps\n")
    refused("a label that is none", "bad.csv: line 3: 'perhaps' is neither yes nor no", "--labels", "bad.csv", "good.csv")
    refused("no labels", "--labels FILE", "good.csv")
    refused("no answers", "ANSWERS", "--labels", "labels.csv")
    refused("no such file", "nowhere.csv", "--labels", "nowhere.csv", "good.csv")
    refused("a fit to nowhere", "go together", "--labels", "labels.csv", "good.csv", "--fit", "platt")
    refused("recall above one", "--recall", "--labels", "labels.csv", "good.csv", "--recall", "2")
    done = run("eval", "--labels", "labels.csv", "good.csv", "--svg", "no/where.svg")
    ok("an SVG to nowhere", done.returncode == 2 and "no/where.svg" in done.stderr, done.stderr)
    if os.path.exists("/dev/full"):
        for args in (("-o", "/dev/full", "--fit", "isotonic"), ("--svg", "/dev/full")):
            done = run("eval", "--labels", "labels.csv", "good.csv", *args)
            ok(f"full disk: {args[0]}", done.returncode == 2 and "No space left" in done.stderr, done.stderr)


def test_printed():
    write("labels.csv", "id,q\n" + "".join(f"{i},{'yes' if i % 3 == 0 else 'no'}\n" for i in range(60)))
    p = {i: round(0.3 + 0.4 * (i % 3 == 0) + ((i * 7919) % 60 - 30) / 100 + i / 1e5, 12) for i in range(60)}
    write("answers.csv", "id,q\n" + "".join(f"{i},{v!r}\n" for i, v in p.items()))
    text = run("eval", "--labels", "labels.csv", "answers.csv", "--recall", "0.9", "--precision", "0.8").stdout
    ok("the table", text.splitlines()[0].split()[:4] == ["question", "n", "yes", "majority"], text)
    for what in ("recall 0.9: --threshold ", "precision 0.8: --threshold "):
        line = next(line for line in text.splitlines() if what in line)
        threshold, selected = line.split("--threshold ")[1].split(" selects ")
        ok(f"the threshold of {what}", sum(v >= float(threshold) for v in p.values()) == int(selected.split()[0]), line)
        ok("it is short", len(threshold) <= 8, line)
    ok("brief", len(run("eval", "--brief", "--labels", "labels.csv", "answers.csv").stdout.splitlines()) == 2)
    write("one.csv", "id,q\n0,0.5\n3,0.7\n")
    one = evaluated("one class", "--labels", "labels.csv", "one.csv", "--precision", "0.9")["q"]
    ok("what is undefined is null", one["roc_auc"] is None and one["at_precision"]["precision"] == 1, one)
    write("hostile.csv", 'id,"<script>&""q"""\n' + "".join(f"{i},{i % 2}\n" for i in range(9)))
    write("h.jsonl", "".join(json.dumps({"id": str(i), "p_yes": i / 9, "question": "a ]]> < & \x01 caf\udce9 é" * 9}) + "\n"
                             for i in range(9)))
    done = run("eval", "--labels", "hostile.csv", "h.jsonl", "--svg", "curves.svg")
    ok("an SVG", done.returncode == 0, done.stderr)
    root = ET.parse("curves.svg").getroot()
    ok("of two panels", root.tag.endswith("svg") and len(root.findall(".//{*}path[@class='curve']")) == 1
       and len(root.findall(".//{*}path[@class='join']")) == 1)
    ok("its text is only text", "script" not in {e.tag.split("}")[1] for e in root.iter()})


def test_choices():
    write("labels.csv", "id,size,stars,event\na,small,1,yes\nb,large,4,no\nc,Large,3,yes\nd,,2,no\ne,small,,yes\n")
    write("answers.csv", "id,event,event_p,size,size_p,stars,stars_p\na,yes,0.9,small,0.8,1.2,0.5\nb,no,0.2,small,0.6,3.6,0.5\n"
                         "c,yes,0.7,large,0.9,4.4,0.5\nd,no,0.1,large,0.5,,\ne,,,,,,\n")
    both = evaluated("choices beside yes and no", "--labels", "labels.csv", "answers.csv")
    size, stars = both.get("size", {}), both.get("stars", {})
    ok("a choice", (size.get("n"), size.get("labels"), size.get("missing"), size.get("unlabelled")) == (3, 2, 1, 1), size)
    ok("its figures", math.isclose(size["accuracy"], 2 / 3, rel_tol=1e-6) and math.isclose(size["majority"], 2 / 3, rel_tol=1e-6)
       and math.isclose(size["macro_f1"], 2 / 3, rel_tol=1e-6) and math.isclose(size["brier"], (0.04 + 0.36 + 0.01) / 3, rel_tol=1e-6), size)
    ok("a scale, to the nearest", stars["n"] == 3 and math.isclose(stars["accuracy"], 2 / 3, rel_tol=1e-6), stars)
    ok("the event", both["event"]["n"] == 4 and both["event"]["accuracy"] == 1, both["event"])
    text = run("eval", "--labels", "labels.csv", "answers.csv", "--recall", "0.9").stdout
    ok("two tables", "macro F1" in text and "share right" in text and text.count("recall 0.9") == 1, text)
    ok("one fit", run("eval", "--labels", "labels.csv", "answers.csv", "--fit", "isotonic", "-o", "one.json").returncode == 0
       and [q["name"] for q in json.load(open("one.json"))["questions"]] == ["event"])
    write("slip.csv", "id,event\na,yes\nb,on\nc,yes\n")
    done = run("eval", "--json", "--labels", "slip.csv", "answers.csv")
    ok("a slip of the pen is told", "event: judged as a choice, since slip.csv: line 3: 'on' is neither" in done.stderr, done.stderr)
    write("unsure.csv", "id,size,size_p\na,unsure,0.4\nb,large,0.6\n")
    size = evaluated("unsure answers of a choice", "--labels", "labels.csv", "unsure.csv").get("size", {})
    ok("are not right", (size.get("n"), size.get("unsure"), size.get("accuracy")) == (2, 1, 0.5), size)
    write("sizes.csv", "id,size\na,small\n")
    refused("no fit of a choice", "no question with answers of yes and no", "--labels", "sizes.csv", "answers.csv", "--fit", "platt", "-o", "x")


def test_calibration():
    write("labels.csv", "id,q,r\n" + "".join(f"{i},{int(i % 10 < 1 + i // 20)},{i % 2}\n" for i in range(100)))
    write("answers.csv", "id,q,r\n" + "".join(f"{i},{i / 100},{(i * 37 % 100) / 100}\n" for i in range(100)))
    for method in ("platt", "isotonic"):
        done = run("eval", "--labels", "labels.csv", "answers.csv", "--fit", method, "-o", method + ".json")
        ok(f"fit {method}", done.returncode == 0 and "cross-validation" in done.stderr, done.stderr)
        fitted = json.load(open(method + ".json"))
        ok("both questions", [q["name"] for q in fitted["questions"]] == ["q", "r"], fitted)
        ok("what they were fitted on", fitted["questions"][0]["n"] == 100 and fitted["questions"][0]["n_yes"] == 30, fitted)
        before = evaluated("as it is", "--labels", "labels.csv", "answers.csv")["q"]
        after = evaluated("calibrated", "--labels", "labels.csv", "answers.csv", "--calibration", method + ".json")["q"]
        ok(f"{method} is better", after["brier"] < before["brier"] - 0.01, (before, after))
        ok("and keeps the order", after["roc_auc"] >= before["roc_auc"] if method == "isotonic"
           else math.isclose(after["roc_auc"], before["roc_auc"]), (before, after))
    write("same.csv", "id,q\n1,yes\n2,yes\n")
    refused("one class", "both kinds", "--labels", "same.csv", "answers.csv", "--fit", "platt", "-o", "x.json")
    for what, message, text in (
            ("no JSON", "not JSON", "platt"), ("another JSON", "no calibration", '{"questions": []}'),
            ("another version", "another version", '{"trawl_calibration": 9, "questions": []}'),
            ("a falling curve", "do not rise",
             '{"trawl_calibration": 1, "questions": [{"name": "q", "n": 1, "n_yes": 1, "method": "isotonic", "points": [[0.5, 1], [0.6, 0]]}]}'),
            ("no points", '"points"', '{"trawl_calibration": 1, "questions": [{"name": "q", "n": 1, "n_yes": 1, "method": "isotonic"}]}'),
            ("another method", "neither platt", '{"trawl_calibration": 1, "questions": [{"name": "q", "n": 1, "n_yes": 1, "method": "x"}]}'),
            ("another question", "there is one for: z",
             '{"trawl_calibration": 1, "questions": [{"name": "z", "n": 1, "n_yes": 1, "method": "platt", "slope": 1, "intercept": 0}]}')):
        write("bad.json", text)
        refused(what, message, "--labels", "labels.csv", "answers.csv", "--calibration", "bad.json")


def test_grep():
    if not MODEL:
        print("skipped: eval_test: grep --calibration (TRAWL_TEST_MODEL names no model)")
        return
    write("documents", "".join(f"line {i}\n" for i in range(40)) + "\n")
    grep = ("grep", "--model=" + MODEL, "--memory", "256M", "--json", "Is it even?", "documents")
    plain = [json.loads(line) for line in run(*grep).stdout.splitlines()]
    ok("a question in every line", {o["question"] for o in plain} == {"Is it even?"}, plain[:2])
    write("even.csv", "file,line,even\n" + "".join(f"documents,{i + 1},{(i + 1) % 2}\n" for i in range(40)))
    write("even.jsonl", "".join(json.dumps(o) + "\n" for o in plain))
    calibration = {"name": "even", "question": "Is it even?", "method": "platt", "n": 9, "n_yes": 3, "slope": 0.5, "intercept": 1.25}
    write("even.json", json.dumps({"trawl_calibration": 1, "questions": [calibration]}))
    done = run(*grep, "--calibration", "even.json", "-t", "0.75", "--stats", "stats.json")
    ok("grep --calibration", done.returncode in (0, 1), done.stderr)
    meant = [json.loads(line) for line in done.stdout.splitlines()]
    ok("p_raw is what it was", [o["p_raw"] for o in meant] == [o["p_yes"] for o in plain])

    def expected(p):
        return 1 / (1 + math.exp(-(0.5 * math.log(p / (1 - p)) + 1.25)))

    ok("p_yes is what it means", all(math.isclose(o["p_yes"], expected(o["p_raw"]), rel_tol=1e-6) for o in meant[:40]), meant[:2])
    ok("a blank line stays", meant[40]["p_yes"] == 0, meant[40])
    ok("the threshold is applied to it", all((o["answer"] == "yes") == (o["p_yes"] >= 0.75) for o in meant))
    stats = json.load(open("stats.json"))
    ok("the statistics know", stats["calibration"] == "platt" and stats["yes"] == sum(o["answer"] == "yes" for o in meant)
       and stats["no"] + stats["yes"] == stats["documents"] == 41, stats)
    even = evaluated("what grep printed is read", "--labels", "even.csv", "even.jsonl").get("even", {})
    ok("all 40", even.get("n") == 40 and even.get("question") == "Is it even?", even)
    done = run(*grep[:-2], "Is it odd?", "documents", "--calibration", "even.json")
    ok("another question is refused", done.returncode == 2 and "there is one for: even" in done.stderr, done.stderr)
    several = ("grep", "--model=" + MODEL, "--memory", "256M", "--json", "-e", "Is it even?", "-e", "Is it odd?", "documents")
    odd = dict(calibration, name="odd", question="Is it odd?", slope=1.5, intercept=-0.5)
    write("both.json", json.dumps({"trawl_calibration": 1, "questions": [odd, calibration]}))
    alone = [[json.loads(line) for line in run(*grep[:-2], question, "documents", "--calibration", "both.json").stdout.splitlines()]
             for question in ("Is it even?", "Is it odd?")]
    surest = [json.loads(line) for line in run(*several, "--calibration", "both.json").stdout.splitlines()]
    ok("the surest of several is calibrated first", len(surest) == 41 and all(
        (o["p_yes"], o["p_raw"], o["question"]) == max((a["p_yes"], a["p_raw"], a["question"]) for a in pair)
        for o, pair in zip(surest[:40], zip(*alone))), surest[:2])
    done = run(*several, "--calibration", "even.json")
    ok("all of them must be known", done.returncode == 2 and "there is one for: even" in done.stderr, done.stderr)
    test_ask(calibration, expected)


def test_ask(calibration, expected):
    write("sheet.toml", 'name = "s"\n[[question]]\nname = "even"\ntext = "Is it even?"\nthreshold = 0.75\n'
                        '[[question]]\nname = "size"\ntext = "How large?"\nkind = "choice"\nlabels = ["small", "large"]\nask_if = "even"\n'
                        '[[question]]\nname = "odd"\ntext = "Is it odd?"\n')
    os.makedirs("some", exist_ok=True)
    for i in range(12):
        write(f"some/{i:02}.txt", f"line {i * 7919}\n")
    ask = ("ask", "--model=" + MODEL, "--memory", "256M", "--sheet", "sheet.toml", "some")

    def rows(*more):
        done = run(*ask, *more)
        ok("ask " + " ".join(more), done.returncode == 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    plain = rows()
    p = sorted(expected(o["even_p"]) for o in plain)
    write("sheet.toml", open("sheet.toml").read().replace("0.75", repr((p[5] + p[6]) / 2)))
    meant = rows("--calibration", "even.json")
    ok("ask calibrates", all(math.isclose(o["even_p"], expected(r["even_p"]), rel_tol=1e-6) for o, r in zip(meant, plain)), meant[:2])
    ok("what has no calibration stays", [o["odd_p"] for o in meant] == [o["odd_p"] for o in plain])
    ok("conditions follow it", all((o["size"] not in (None, "")) == (o["even_p"] >= (p[5] + p[6]) / 2) for o in meant), meant)
    ok("on both sides", {o["size"] in (None, "") for o in meant} == {True, False}, meant)
    write("verdicts.csv", "id,question,verdict\n" + f"{plain[0]['id']},even,accept\n{plain[1]['id']},even,reject\n{plain[2]['id']},even,unsure\n")
    labelled = rows("--review", "verdicts.csv")
    ok("ask --review", [o["even_label"] for o in labelled[:4]] == ["yes", "no", "unsure", None] and "odd_label" not in labelled[0], labelled[:4])
    for name, begins in (("r.html", b"<!DOCTYPE html>"), ("r.sqlite", b"SQLite format 3")):
        done = run(*ask, "-o", name)
        ok(f"ask -o {name}", done.returncode == 0 and open(name, "rb").read().startswith(begins), done.stderr)
        before = open(name, "rb").read()
        os.remove(name)
        ok(f"{name} once more, from the job", run(*ask, "-o", name).returncode == 0 and open(name, "rb").read() == before)
    write("bad.json", json.dumps({"trawl_calibration": 1, "questions": [dict(calibration, name="z", question="z")]}))
    done = run(*ask, "--calibration", "bad.json")
    ok("a calibration of nothing that is asked", done.returncode == 2 and "there is one for: z" in done.stderr, done.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for test in (test_forms, test_joining, test_rows_beside_python, test_refusals, test_printed, test_choices, test_calibration, test_grep):
            test()
        os.chdir("/")
    print(f"eval_test: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
