#!/usr/bin/env bash
# `trawl batch` that is killed: the same command goes on where it was, and both files are byte for byte those of a run that was not, but
# for `created`, which is when the job was begun.
#   KILL_STEP, FULL_STEP, N_RANDOM    every how many changes of a file a run is killed (9), finds the disk full (17); random kills (10)
source "$(dirname "$0")/../support/shell_test.sh"
command -v python3 >/dev/null || skip "no python3"
enter_work
"$build/tests/tools/make_tiny" tiny.gguf context=1024 || exit 2
python3 - >in.jsonl <<'P'
import json
for i in range(60):
    more = [{"temperature": 0}, {"seed": i}, {"top_p": 0.7}, {"n": 3}, {"stop": ["x"]}, {"logit_bias": {str(i): 9}}][i % 6]
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": f"Note {i % 11}: {i * 79 % 101} boats left."}], "logprobs": True,
            "top_logprobs": i % 4, **more}
    print(json.dumps({"custom_id": f"c{i % 57}", "method": "POST", "url": "/v1/chat/completions", "body": body}))
for i in range(8):
    body = {"model": "m", "max_tokens": 1, "prompt": [f"Boat {i}", [i, 7, 9]], "echo": True, "logprobs": i % 3}
    print(json.dumps({"custom_id": f"t{i}", "method": "POST", "url": "/v1/completions", "body": body}))
P
program=("$TRAWL" batch -m tiny.gguf --memory 900M --rows 1024 --threads 2 -i in.jsonl)
same() { cmp -s <(undated "$1.jsonl") <(undated "$2.jsonl") && cmp -s "$1.errors.jsonl" "$2.errors.jsonl"; }
goes_on() { # nothing that is in the job is computed again, and the bytes are those of ref
    local known
    known=$(answers_in out.jsonl.trawl)
    "${program[@]}" -o out.jsonl --stats stats >log 2>&1 || { fail "$1: going on"; return; }
    if ! same out ref; then
        fail "$1: the output differs"
    elif [ "$(answers_in out.jsonl.trawl)" != "$n_answers" ] || [ "$(stat_of recalled)" -lt "$known" ] || [ "$(stat_of sequences)" -gt $((n_choices - known)) ]; then
        fail "$1: of $n_answers answers $known were known, $(stat_of recalled) came from the job, $(stat_of sequences) were run"
    else
        passed=$((passed + 1))
    fi
    [ ! -e out.jsonl.trawl-sweep ] || fail "$1: the suspended sweep was left behind"
}

# ---- Without any accident ----
ok "a run" "${program[@]}" -o ref.jsonl --stats stats
n_answers=$(answers_in ref.jsonl.trawl)
n_choices=$(stat_of sequences)
ok "several sweeps" test "$(stat_of sweeps)" -gt 1
ok "some were served, some not" test "$(wc -l <ref.jsonl) $(wc -l <ref.errors.jsonl)" = "56 12"
cp ref.jsonl before.jsonl && cp ref.errors.jsonl before.errors.jsonl
ok "again" "${program[@]}" -o ref.jsonl --stats stats
ok "nothing was run" test "$(stat_of sequences sweeps recalled)" = "0 0 $n_choices"
ok "to the last byte the same" bash -c "cmp ref.jsonl before.jsonl && cmp ref.errors.jsonl before.errors.jsonl"
ok "created when the job was" python3 - <<'P'
import datetime, json, sqlite3
started = sqlite3.connect("ref.jsonl.trawl").execute("SELECT min(started) FROM runs").fetchone()[0]
seconds = datetime.datetime.strptime(started, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
assert {json.loads(line)["response"]["body"]["created"] for line in open("ref.jsonl")} == {seconds}
P
ok "whatever the batch" "$TRAWL" batch -m tiny.gguf --memory 900M --threads 1 -i in.jsonl -o other.jsonl --no-job
ok "the same bytes" same other ref
# A sweep was suspended where there was more memory.
{ printf 'trawlswp\1\0\0\0\0\0\0\100'; head -c 80 /dev/zero; } >less.jsonl.trawl-sweep # of 2^30 rows
ok "less memory than before" "$TRAWL" batch -m tiny.gguf --memory 900M --threads 1 -i in.jsonl -o less.jsonl
ok "is no other answer" same less ref
ok "and the sweep is gone" test ! -e less.jsonl.trawl-sweep
ok "a job beside" "${program[@]}" -o other.jsonl --job one.trawl
ok "which another output may use" "${program[@]}" -o third.jsonl --job one.trawl --stats stats
ok "and nothing is run" test "$(stat_of sequences)" = 0
ok "the job tells of it" bash -c "'$TRAWL' jobs show one.trawl | grep -q 'trawl batch'"
ok "other numerics are refused" bash -c "! ${program[*]@Q} -o ref.jsonl --exact 2>err && grep -q 'without --exact' err && cmp ref.jsonl before.jsonl"

# ---- Killed at changes of files; the disk full from each on ----
if [ -e "$build/tests/tools/kill_at.so" ]; then
    n=0
    n_resumed=0
    TRAWL_COUNT_TO=count LD_PRELOAD=$build/tests/tools/kill_at.so "${program[@]}" -o out.jsonl --checkpoint 0 >log 2>&1
    n_changes=$(cat count)
    while [ $n -lt "$n_changes" ]; do
        rm -f out.*
        { TRAWL_KILL_AT=$n LD_PRELOAD=$build/tests/tools/kill_at.so "${program[@]}" -o out.jsonl --checkpoint 0 >log 2>&1; } 2>/dev/null
        goes_on "killed at change $n of $n_changes"
        n_resumed=$((n_resumed + $(stat_of resumed_layers)))
        n=$((n + ${KILL_STEP:-9}))
    done
    ok "some sweeps went on in the middle" test $n_resumed -gt 0
    n=0
    while [ $n -lt "$n_changes" ]; do
        rm -f out.*
        TRAWL_FULL_AT=$n LD_PRELOAD=$build/tests/tools/kill_at.so "${program[@]}" -o out.jsonl --checkpoint 0 >log 2>&1
        case $? in
        2) ;;
        0) # all that was asked is there: what failed only tidied up
            same out ref && [ "$(answers_in out.jsonl.trawl)" = "$n_answers" ] || fail "a disk full from change $n on was not noticed"
            ;;
        *) fail "a disk full from change $n on: $(tail -1 log)" ;;
        esac
        goes_on "disk full at change $n"
        n=$((n + ${FULL_STEP:-17}))
    done
else
    echo "skipped: kills at changes of a file (no kill_at.so: not Linux, or a sanitizer)"
fi

# ---- Killed at random moments, a third of the runs twice ----
rm -f out.*
start=$(date +%s%N)
"${program[@]}" -o out.jsonl >log 2>&1
took_us=$((($(date +%s%N) - start) / 1000 + 1))
RANDOM=${SEED:-$(($(date +%s) % 32768))}
echo "seed: SEED=$RANDOM"
for i in $(seq "${N_RANDOM:-10}"); do
    [ $((i % 3)) = 0 ] || rm -f out.*
    "${program[@]}" -o out.jsonl >log 2>&1 &
    sleep "$(awk -v t=$took_us -v r=$RANDOM 'BEGIN { print r / 32768 * t / 1000000 }')"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    goes_on "killed at a random moment"
done

# ---- Asked to stop ----
python3 -c '
import json
for i in range(3000):
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": f"Line {i} of many: {i * 7919 % 10007}"}]}
    print(json.dumps({"custom_id": str(i), "method": "POST", "url": "/v1/chat/completions", "body": body}))' >many.jsonl
"$build/tests/tools/make_tiny" slow.gguf dim=256 layers=8 heads=8 context=1024
slow=("$TRAWL" batch -m slow.gguf --memory 900M --rows 1100 --threads 2 -i many.jsonl -o slow.jsonl)
"${slow[@]}" >log 2>slow.err &
pid=$!
for _ in $(seq 300); do [ -s slow.jsonl ] && break; sleep 0.1; done
ok "a second run is refused" bash -c "! ${slow[*]@Q} 2>err && grep -q 'in use' err"
kill -TERM $pid
wait $pid
ok "SIGTERM ends it by the signal" test $? = 143
ok "and it says how to go on" grep -q 'the same command goes on' slow.err
known=$(answers_in slow.jsonl.trawl)
ok "something was recorded" test "$known" -gt 0
ok "a dry run reads it" "${slow[@]}" --dry-run --stats stats
ok "the rest is left" test "$(stat_of recalled sequences)" = "$known $((3000 - known))"

finish
