#!/usr/bin/env bash
# Runs that are killed: the same command goes on where it was and its output is byte for byte that of a run that was not. Answers of
# the test model are arbitrary; that they are the same is what counts.
#   N_RANDOM         kills at random moments (default 20)
#   KILL_STEP, FULL_STEP, POWER_STEP   1: killed, the disk full, the power lost at every change of a file (default 3, 11, 23)
#   N_SEEDS          how often by chance some of what was not synced survives the power loss (default 1)
source "$(dirname "$0")/../support/shell_test.sh"
command -v python3 >/dev/null || skip "no python3"
enter_work
"$build/tests/tools/make_tiny" tiny.gguf context=1024 || exit 2
mkdir docs
for i in $(seq -w 1 30); do printf 'Note %s: %d boats left, %d came back.\n' "$i" $((10#$i * 79 % 101)) $((10#$i % 7)); done |
    split -l 1 -a 2 - docs/
cp docs/aa docs/zz # the same document twice
cat >sheet.toml <<'T'
[[question]]
name = "sea"
text = "Is it about the sea?"
threshold = 0.72
[[question]]
name = "again"
text = "Does it repeat?"
ask_if = "sea"
[[question]]
name = "amount"
text = "How many?"
kind = "choice"
labels = ["one", "some", "none"]
[[question]]
name = "weird"
text = "How weird is it?"
kind = "score"
scale = [1, 3]
T

program=("$TRAWL" ask -m tiny.gguf --memory 900M --rows 1100 --threads 2)
ask() { "${program[@]}" "$@"; }
sheet=(--sheet sheet.toml docs)
# Goes on with out.$1: nothing that is in the job is computed again, and the bytes are those of ref.$1.
goes_on() {
    local known
    known=$(answers_in "out.$1.trawl")
    ask "${sheet[@]}" -o "out.$1" --stats stats >log 2>&1 || { fail "$2: going on"; return; }
    local end again
    end=$(answers_in "out.$1.trawl")
    again=$(($(stat_of sequences) - (end - known))) # the document that is there twice may be in one batch twice: four prompts
    if ! cmp -s "out.$1" "ref.$1"; then
        fail "$2: the output differs"
    elif [ "$end" -gt "$n_answers" ] || [ $again -lt 0 ] || [ $again -gt 4 ]; then
        fail "$2: of $n_answers answers $known were known and $end are now, with $(stat_of sequences) prompts run"
    else
        passed=$((passed + 1))
    fi
    [ ! -e "out.$1.trawl-sweep" ] || fail "$2: the suspended sweep was left behind"
}

# ---- Without any accident ----
ask "${sheet[@]}" >first.jsonl 2>log || fail "a first run"
median=$(python3 -c 'import json; print(sorted(json.loads(line)["sea_p"] for line in open("first.jsonl"))[15])')
sed -i "s/threshold = .*/threshold = $median/" sheet.toml
for format in jsonl csv tsv md; do
    ok "a run to $format" ask "${sheet[@]}" -o ref.$format --stats stats
done
n_answers=$(answers_in ref.csv.trawl)
ok "sheets have some of each" python3 - <<'P'
import csv, json
rows = list(csv.DictReader(open("ref.csv", newline="")))
objects = [json.loads(line) for line in open("ref.jsonl")]
tabs = [line.rstrip("\n").split("\t") for line in open("ref.tsv")]
assert len(rows) == len(objects) == len(tabs) - 1 == 31, len(rows)
assert [r["id"] for r in rows] == sorted(r["id"] for r in rows)
assert 3 < sum(r["again"] == "" for r in rows) < 28, "a threshold that tells nothing"
for row, o, t in zip(rows, objects, tabs[1:]):
    assert list(row) == list(o) == tabs[0]
    assert (row["again_p"] == "") == (o["again"] is None) == (row["again"] == "")
    assert abs(sum(p for _, p in o["weird_distribution"]) - 1) < 1e-6 and 1 <= o["weird"] <= 3
    assert row["sea_p"] == t[tabs[0].index("sea_p")] and float(row["sea_p"]) == o["sea_p"]
P
ok "markdown has a line a row" test "$(wc -l <ref.md)" = 33
ok "the same on standard output" bash -c "cmp ref.jsonl <('$TRAWL' ask -m tiny.gguf --memory 900M --sheet sheet.toml docs)"
ok "whatever the batch" bash -c "cmp ref.csv <('$TRAWL' ask -m tiny.gguf --memory 900M --threads 1 --format csv --sheet sheet.toml docs)"
ok "no job was made for it" test ! -e .trawl
# A sweep was suspended where there was more memory.
{ printf 'trawlswp\1\0\0\0\0\0\0\100'; head -c 80 /dev/zero; } >less.csv.trawl-sweep # of 2^30 rows
ok "less memory than before" "$TRAWL" ask -m tiny.gguf --memory 900M --sheet sheet.toml docs -o less.csv
ok "is no other answer" cmp less.csv ref.csv
ok "and the sweep is gone" test ! -e less.csv.trawl-sweep
ok "the same rows in any order" bash -c "cmp <(sort ref.csv) <('$TRAWL' ask -m tiny.gguf --memory 900M --unordered --format csv --sheet sheet.toml docs | sort)"

# ---- What is asked again ----
cp ref.csv.trawl out.csv.trawl
again() { # what, prompts that are run, then the command
    local what=$1 want=$2
    shift 2
    ok "$what" ask "$@" -o out.csv --stats stats
    local n
    n=$(stat_of sequences) # one less or more: the document that is there twice; a condition
    ok "$what: only that" test "$n" -le "$want" -a "$n" -ge $((want - (want > 0)))
}
again "a finished run" 0 "${sheet[@]}"
ok "a finished run is the same" cmp out.csv ref.csv
sed 's/How many?/How many boats?/' sheet.toml >other.toml
again "another question" 31 --sheet other.toml docs
again "back again" 0 "${sheet[@]}"
cp docs/bb kept && echo 'The pier is closed.' >>docs/bb
again "another document" 4 "${sheet[@]}"
mv kept docs/bb && cp docs/aa docs/zzz
again "one that is known by another name" 0 "${sheet[@]}"
rm docs/zzz
ok "a dry run tells what is left" bash -c "'$TRAWL' ask -m tiny.gguf --memory 900M --sheet other.toml docs -o none.csv --dry-run && [ ! -e none.csv ] && [ ! -e none.csv.trawl ]"
ok "other numerics are refused" bash -c "! '$TRAWL' ask -m tiny.gguf --memory 900M --exact ${sheet[*]} -o out.csv 2>err && grep -q 'without --exact' err"
again "after that" 0 "${sheet[@]}"
ok "nothing was lost" cmp out.csv ref.csv
echo nonsense >bad.csv.trawl
ok "no job of ours" bash -c "! '$TRAWL' ask -m tiny.gguf ${sheet[*]} -o bad.csv 2>err && grep -q 'is no job of trawl' err && [ ! -e bad.csv ]"
python3 -c 'import sqlite3; sqlite3.connect("theirs.db").execute("CREATE TABLE t(x)")'
cp theirs.db before.db
ok "nor is any database" bash -c "! '$TRAWL' ask -m tiny.gguf ${sheet[*]} -o bad.csv --job theirs.db 2>err && grep -q 'is no job of trawl' err && cmp theirs.db before.db"
ok "not recorded" bash -c "'$TRAWL' ask -m tiny.gguf --memory 900M ${sheet[*]} -o plain.csv --no-job && cmp plain.csv ref.csv && [ ! -e plain.csv.trawl ]"

# ---- Shards, and jobs from outside ----
for i in 1 2 3; do ok "a shard" ask "${sheet[@]}" -o part$i.csv --shard $i/3; done
ok "shards are all documents, once" bash -c "cmp <(sort ref.csv) <(sort -u part?.csv)"
ok "they are merged" "$TRAWL" jobs merge all.trawl part1.csv.trawl part2.csv.trawl part3.csv.trawl
ok "and have the answers" test "$(answers_in all.trawl)" -le "$n_answers"
ok "none is computed again" ask "${sheet[@]}" -o all.csv --job all.trawl --stats stats
ok "to the same table" cmp all.csv ref.csv
ok "nothing was run" test "$(stat_of sweeps)" = 0
ok "no such shard" bash -c "! '$TRAWL' ask -q q --shard 4/3 docs 2>err && grep -q 'is not I/N' err"
ok "jobs are listed" bash -c "'$TRAWL' jobs list | grep -q '^all.trawl: 4 runs, 30 documents, '"
ok "and told of" bash -c "'$TRAWL' jobs show --json all.trawl | python3 -c 'import json, sys; o = json.loads(list(sys.stdin)[-1]); assert o[\"state\"] == \"done\" and o[\"recalled\"] > 0 and o[\"documents\"] == 31'"
ok "a job that is not there is not made" bash -c "! '$TRAWL' jobs show nothing.trawl 2>err && [ ! -e nothing.trawl ]"
ok "what is no job is not merged" bash -c "! '$TRAWL' jobs merge all.trawl theirs.db 2>err && grep -q 'is no job' err"
ok "nor removed" bash -c "! '$TRAWL' jobs rm theirs.db 2>err && [ -e theirs.db ]"
ok "a job is" bash -c "'$TRAWL' jobs rm part1.csv.trawl part2.csv.trawl && [ ! -e part1.csv.trawl ] && [ ! -e part2.csv.trawl ]"

# ---- Killed at every change of a file; the disk full from each on ----
rm -f out.*
if [ -e "$build/tests/tools/kill_at.so" ]; then
    n=0
    n_resumed=0
    TRAWL_COUNT_TO=count LD_PRELOAD=$build/tests/tools/kill_at.so ask "${sheet[@]}" -o out.csv --checkpoint 0 >log 2>&1
    n_changes=$(cat count)
    while [ $n -lt "$n_changes" ]; do
        rm -f out.csv*
        TRAWL_KILL_AT=$n LD_PRELOAD=$build/tests/tools/kill_at.so ask "${sheet[@]}" -o out.csv --checkpoint 0 >log 2>&1
        goes_on csv "killed at change $n of $n_changes"
        n_resumed=$((n_resumed + $(stat_of resumed_layers)))
        n=$((n + ${KILL_STEP:-3}))
    done
    ok "some sweeps went on in the middle" test $n_resumed -gt 0
    n=0
    while [ $n -lt "$n_changes" ]; do
        rm -f out.csv*
        TRAWL_FULL_AT=$n LD_PRELOAD=$build/tests/tools/kill_at.so ask "${sheet[@]}" -o out.csv --checkpoint 0 >log 2>&1
        case $? in
        2) ;;
        0) # all that was asked is there: what failed only tidied up
            cmp -s out.csv ref.csv && [ "$(answers_in out.csv.trawl)" = "$n_answers" ] || fail "a disk full from change $n on was not noticed"
            ;;
        *) fail "a disk full from change $n on: $(tail -1 log)" ;;
        esac
        goes_on csv "disk full at change $n"
        n=$((n + ${FULL_STEP:-11}))
    done

    # ---- The power fails at every change of a file ----
    # What was seen (here on standard output) is on the disk, the job is sound, and going on gives the same file.
    was_seen() {
        local ids
        ids=$(python3 -c 'import json, sys
for line in open("seen"):
    if line.endswith("\n"):
        print(json.loads(line)["id"])')
        [ -z "$ids" ] && return
        n_seen=$((n_seen + 1))
        "${program[@]}" --sheet sheet.toml $ids -o out.csv --dry-run --stats stats >log 2>&1 || fail "$1: a dry run"
        [ "$(stat_of sequences)" = 0 ] || fail "$1: of what was seen, $(stat_of sequences) answers are lost"
    }
    lost_at() { # a change, a seed
        rm -f out.*
        TRAWL_KILL_AT=$1 TRAWL_LOSE_IN=. TRAWL_LOSE_SEED=$2 LD_PRELOAD=$build/tests/tools/kill_at.so \
            ask "${sheet[@]}" -o out.csv -o - --checkpoint 0 >seen 2>log
        was_seen "power lost at change $1 of $n_changes (seed $2)"
        goes_on csv "power lost at change $1 of $n_changes (seed $2)"
        [ "$2" = 0 ] && n_resumed=$((n_resumed + $(stat_of resumed_layers)))
    }
    n=0
    n_seen=0
    n_resumed=0
    while [ $n -le "$n_changes" ]; do
        lost_at $n 0
        for seed in $(seq "${N_SEEDS:-1}"); do lost_at $n $((n * 1000 + seed)); done
        n=$((n + ${POWER_STEP:-23}))
    done
    ok "rows were seen before the power failed" test $n_seen -gt 0
    ok "some suspended sweeps were on the disk" test $n_resumed -gt 0
    rm -f out.*
    TRAWL_LOSE_IN=. LD_PRELOAD=$build/tests/tools/kill_at.so ask "${sheet[@]}" -o out.csv -o out.jsonl -o out.db >log 2>&1
    ok "what a run has finished is on the disk" cmp out.csv ref.csv
    ok "each of its tables" cmp out.jsonl ref.jsonl
    ok "a database too" python3 -c 'import sqlite3; assert sqlite3.connect("out.db").execute("SELECT count(*) FROM answers").fetchone() == (31,)'
    ok "and its job" bash -c "'$TRAWL' jobs show --json out.csv.trawl | grep -q '\"state\": \"done\"'"
    rm -f out.*
    TRAWL_LOSE_IN=. LD_PRELOAD=$build/tests/tools/kill_at.so ask "${sheet[@]}" -o out.csv --no-job >log 2>&1
    ok "so it is without a job" cmp out.csv ref.csv
else
    echo "skipped: kills at every change of a file (no kill_at.so: not Linux, or a sanitizer)"
fi

# ---- Killed at random moments, several times a run ----
start=$(date +%s%N)
rm -f out.*
ask "${sheet[@]}" -o out.jsonl >log 2>&1
took_us=$((($(date +%s%N) - start) / 1000 + 1))
RANDOM=${SEED:-$(($(date +%s) % 32768))}
echo "seed: SEED=$RANDOM"
formats=(jsonl csv tsv md)
for i in $(seq "${N_RANDOM:-20}"); do
    format=${formats[i % 4]}
    [ $((i % 3)) = 0 ] || rm -f out.$format* # every third is killed once more
    "${program[@]}" "${sheet[@]}" -o out.$format >log 2>&1 &
    sleep "$(printf '0.%06d' $((RANDOM * 32768 + RANDOM)) | head -c 8 | awk -v t=$took_us '{ print $1 * t / 1000000 }')"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    goes_on $format "killed at a random moment"
done

# ---- Signals and locks ----
for i in $(seq 1 3000); do echo "Line $i of many: $((i * 7919 % 10007))"; done >lines
mkdir many && split -l 1 -a 4 lines many/
"$build/tests/tools/make_tiny" slow.gguf dim=256 layers=8 heads=8 context=1024
slow=("$TRAWL" ask -m slow.gguf --memory 900M --rows 1100 --threads 2 -q "Is it odd?" many -o slow.jsonl)
"${slow[@]}" >log 2>slow.err &
pid=$!
for _ in $(seq 300); do [ -s slow.jsonl ] && break; sleep 0.1; done
ok "a second run is refused" bash -c "! ${slow[*]@Q} 2>err && grep -q 'in use' err"
kill -USR1 $pid
sleep 0.5
start=$(date +%s)
kill -TERM $pid
wait $pid
ok "SIGTERM ends it by the signal" test $? = 143
ok "at once" test $(($(date +%s) - start)) -le 5
ok "and it says how to go on" grep -q 'the same command goes on' slow.err
ok "SIGUSR1 told of progress" grep -q 'documents so far' slow.err
known=$(answers_in slow.jsonl.trawl)
ok "something was recorded" test "$known" -gt 0
ok "a dry run reads it" "${slow[@]}" --dry-run --stats stats
ok "the rest is left" test "$(stat_of recalled sequences)" = "$known $((3000 - known))"

finish
