#!/usr/bin/env bash
# What a run writes beside one table: several outputs at once, and the job's own results, which `trawl jobs export` gives without the
# input.
source "$(dirname "$0")/../support/shell_test.sh"
command -v python3 >/dev/null && "$TRAWL" help jobs >/dev/null || skip "no python3"
enter_work
"$build/tests/tools/make_tiny" tiny.gguf context=1024 || exit 2

ask() { "$TRAWL" ask -m tiny.gguf --memory 200M --threads 2 "$@" 2>err; }
mkdir docs
for i in 1 2 3 4 5 6; do echo "Note $i: $((i * 37 % 101)) boats." >docs/$i.txt; done
cp docs/1.txt docs/same.txt
: >docs/empty.txt
cat >sheet.toml <<'T2'
[[question]]
name = "sea"
text = "Is it about the sea?"
threshold = 0.6
[[question]]
name = "again"
text = "Does it repeat?"
ask_if = "sea"
[[question]]
name = "amount"
text = "How many?"
kind = "choice"
labels = ["one", "so \"many\", ü", "none"]
[[question]]
name = "weird"
text = "How weird is it?"
kind = "score"
scale = [1, 3]
T2
ok "a first run" ask --sheet sheet.toml docs -o first.jsonl
median=$(python3 -c 'import json; print(sorted(o["sea_p"] for o in map(json.loads, open("first.jsonl")) if o["sea_p"])[3])')
sed -i "s/threshold = .*/threshold = $median/" sheet.toml
sheet=(--sheet sheet.toml docs)

# ---- Several outputs ----
ok "a table" ask "${sheet[@]}" -o one.csv
ok "a report" ask "${sheet[@]}" -o one.html
ok "both at once, with the same rows, and a database" ask "${sheet[@]}" -o two.csv -o two.html -o two.sqlite
ok "the same table" cmp one.csv two.csv
ok "the same report" cmp one.html two.html
ok "with one job" bash -c "[ -e two.csv.trawl ] && [ ! -e two.html.trawl ]"
ok "and standard output" bash -c "'$TRAWL' ask -m tiny.gguf ${sheet[*]} --no-job >plain.jsonl && '$TRAWL' ask -m tiny.gguf ${sheet[*]} -o three.csv -o - --no-job | cmp - plain.jsonl && cmp three.csv one.csv"
ok "one more, of what is recorded" ask "${sheet[@]}" -o two.md --job two.csv.trawl --stats stats
ok "runs nothing" test "$(stat_of sequences)" = 0
ok "outputs are not read as input" ask -q 'Odd?' . --include '[1-6].txt' --include two.csv --include two.html -o two.csv -o two.html
ok "and have no rows" bash -c "! grep -q 'two\.' two.csv && [ \$(wc -l <two.csv) = 7 ]"
ok "the same twice is refused" bash -c "! '$TRAWL' ask -m tiny.gguf ${sheet[*]} -o a.csv -o a.csv 2>err && grep -q 'given twice' err && [ ! -e a.csv ]"
ok "so is one format for several" bash -c "! '$TRAWL' ask -m tiny.gguf ${sheet[*]} -o a -o b --format csv 2>err && grep -q 'for one -o' err"
echo kept >a.csv
ok "a folder that is not there is told, and nothing is lost" bash -c "! '$TRAWL' ask -m tiny.gguf ${sheet[*]} -o a.csv -o gone/b.csv 2>err && grep -q gone/b.csv err && grep -qx kept a.csv"

# ---- Export ----
cat >same.py <<'P'
"""same.py TABLE.jsonl EXPORT.jsonl: whether every cell of the table is a line of the export."""
import json, sys
rows, lines = ([json.loads(line) for line in open(name)] for name in sys.argv[1:3])
names = ["sea", "again", "amount", "weird"]
assert len(lines) == len(rows) * len(names), (len(lines), len(rows))
for i, line in enumerate(lines):
    row, name = rows[i // len(names)], names[i % len(names)]
    assert (line["id"], line["question"]) == (row["id"], name), line
    assert line["answer"] == row[name] and line["p"] == row[name + "_p"], (line, row)
    if name == "weird":
        assert line["distribution"] == row["weird_distribution"], line
    if name == "amount" and line["answer"]:
        labels = dict(line["distribution"])
        assert list(labels) == ["one", "so \"many\", ü", "none"] and abs(sum(labels.values()) - 1) < 1e-6, labels
        assert line["answer"] == "unsure" or labels[line["answer"]] == line["p"]
    assert line["model"] == "tiny.gguf" and line["numerics"] and line["run"].endswith("Z") and line["error"] is None
assert any(line["answer"] is None for line in lines) and any(line["answer"] for line in lines)
P
ok "rows and their job" ask "${sheet[@]}" -o out.jsonl
mv docs away
ok "exported without the documents" "$TRAWL" jobs export out.jsonl.trawl -o all.jsonl
ok "every cell is there" python3 same.py out.jsonl all.jsonl
ok "to standard output, as JSON lines" bash -c "'$TRAWL' jobs export out.jsonl.trawl | cmp - all.jsonl"
for format in csv tsv md db; do
    ok "as $format" "$TRAWL" jobs export out.jsonl.trawl -o all.$format
done
ok "CSV says the same" python3 - <<'P'
import csv, json
rows = list(csv.DictReader(open("all.csv", newline="", encoding="utf-8")))
lines = [json.loads(line) for line in open("all.jsonl")]
assert len(rows) == len(lines) == 32
for row, line in zip(rows, lines):
    assert list(row) == list(line)
    assert row["id"] == line["id"] and row["text"] == line["text"] and float(row["p"] or 0) == (line["p"] or 0)
P
ok "SQL does too" python3 - <<'P'
import sqlite3
assert sqlite3.connect("all.db").execute("SELECT count(*), count(p) FROM answers").fetchone()[0] == 32
results = sqlite3.connect("out.jsonl.trawl").execute("SELECT id, question, answer FROM results").fetchall()
assert len(results) == 32 and results[0][:2] == ("docs/1.txt", "sea")
P
ok "not into itself" bash -c "! '$TRAWL' jobs export out.jsonl.trawl -o out.jsonl.trawl --format csv 2>err && grep -q 'the job itself' err"
ok "not as a report" bash -c "! '$TRAWL' jobs export out.jsonl.trawl -o all.html 2>err && grep -q 'row per document' err && [ ! -e all.html ]"
ok "not what is no job" bash -c "! '$TRAWL' jobs export all.db -o x.csv 2>err && grep -q 'is no job' err && [ ! -e x.csv ]"
mv away docs

# ---- What changes ----
sed 's/How many?/How many boats?/' sheet.toml >other.toml
ok "another question" ask --sheet other.toml docs -o out.jsonl
ok "is another column, beside what was asked before" bash -c "'$TRAWL' jobs export out.jsonl.trawl | grep -c '\"question\": \"amount\"' | grep -qx 16"
sed -i 's/threshold = .*/threshold = 0.001/' other.toml
ok "another threshold" ask --sheet other.toml docs -o out.jsonl
ok "is none" bash -c "'$TRAWL' jobs export out.jsonl.trawl | grep -c '\"question\": \"sea\"' | grep -qx 8"
printf 'id,city,text\na,Bonn,x y\na,Rome,x y\n' >rows.csv
ok "fields in questions" ask -q 'Is it in {city}?' --id id rows.csv -o rows.jsonl
ok "make two rows of one document" bash -c "'$TRAWL' jobs export rows.jsonl.trawl | grep -c '\"id\": \"a\"' | grep -qx 2"

# ---- Shards, and jobs of an older trawl ----
ok "a table" ask "${sheet[@]}" -o whole.jsonl
for i in 1 2; do ok "a shard" ask "${sheet[@]}" -o part$i.jsonl --shard $i/2; done
ok "merged" "$TRAWL" jobs merge both.trawl part1.jsonl.trawl part2.jsonl.trawl
ok "with their runs" bash -c "'$TRAWL' jobs list | grep -q '^both.trawl: 2 runs'"
"$TRAWL" jobs export both.trawl -o both.jsonl
ok "all cells are there" python3 - <<'P'
import json
whole, parts = [json.loads(line) for line in open("whole.jsonl")], [json.loads(line) for line in open("both.jsonl")]
found = {(line["id"], line["question"]): line["p"] for line in parts}
assert len(found) == len(parts) == 32 and all(line["run"] for line in parts)
assert all(found[row["id"], name] == row[name + "_p"] for row in whole for name in ("sea", "again", "amount", "weird"))
P
ok "merged twice, once" bash -c "'$TRAWL' jobs merge both.trawl part1.jsonl.trawl && '$TRAWL' jobs export both.trawl | cmp - both.jsonl"
python3 - <<'P'
import shutil, sqlite3
shutil.copy("whole.jsonl.trawl", "old.jsonl.trawl")
db = sqlite3.connect("old.jsonl.trawl")
db.executescript("DROP VIEW results; DROP TABLE cells; DROP TABLE records; DROP TABLE questions; DROP TABLE labels; DROP TABLE troubles; PRAGMA user_version = 1")
P
ok "an old job is opened" bash -c "'$TRAWL' jobs export old.jsonl.trawl 2>err | cmp - /dev/null && grep -q 'run again, completes' err"
ok "and goes on" ask "${sheet[@]}" -o old.jsonl --stats stats
ok "with nothing to run" test "$(stat_of sequences)" = 0
ok "and then has its rows" bash -c "'$TRAWL' jobs export old.jsonl.trawl -o o.jsonl && python3 same.py old.jsonl o.jsonl"
python3 -c 'import sqlite3; sqlite3.connect("old.jsonl.trawl").execute("PRAGMA user_version = 3")'
ok "one of a newer trawl is refused" bash -c "! '$TRAWL' jobs export old.jsonl.trawl 2>err && grep -q 'newer trawl' err"

finish
