#!/usr/bin/env bash
# Power and time from outside: priorities, parts of the day, stopping after a time, what keeps the machine awake, who is told at the
# end. The local clock is put where a test wants it by TZ. (Batteries, and memory in a pause: test_power.c.)
source "$(dirname "$0")/../support/shell_test.sh"
[[ $build = */tsan ]] && skip "runs that are timed by the clock, in a build so slow (test_power looks for races)"
enter_work
"$build/tests/tools/make_tiny" slow.gguf dim=256 layers=8 heads=8 context=1024 || exit 2
"$build/tests/tools/make_tiny" tiny.gguf || exit 2
mkdir notes
for i in $(seq 1 400); do echo "Note $i of many: $((i * 7919 % 10007)) boats."; done | split -l 1 -a 3 - notes/

# Waits until a command succeeds; for two minutes at most.
waits() {
    for _ in $(seq 1200); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    return 1
}
# A time zone in which it is now H:MM:SS.
zone() {
    local wanted=$((10#$1 * 3600 + 10#$2 * 60 + 10#$3)) now
    now=$(($(date +%s) % 86400))
    local west=$((now - wanted)) sign=
    [ $west -lt 0 ] && sign=- && west=$((-west))
    printf 'XXX%s%d:%02d:%02d\n' "$sign" $((west / 3600)) $((west / 60 % 60)) $((west % 60))
}
ask=("$TRAWL" ask -m slow.gguf --memory 900M --rows 1100 --threads 2 -q "Is it odd?" notes)
grep_tiny=("$TRAWL" grep -m tiny.gguf --memory 900M --threads 2 -t 0 "Is it odd?" notes)
"${ask[@]}" -o ref.csv --no-job >log 2>&1 || echo "FAILED: a plain run" "$(cat log)"
"${grep_tiny[@]}" >ref.txt 2>log || echo "FAILED: a plain grep" "$(cat log)"
for i in $(seq 40); do
    echo "{\"custom_id\": \"$i\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": {\"model\": \"m\", \"max_tokens\": 1, \"prompt\": \"Note $i\"}}"
done >requests.jsonl
batch=("$TRAWL" batch -m tiny.gguf --memory 900M --threads 2 -i requests.jsonl -o out.jsonl)
"${batch[@]}" --no-job >log 2>&1 || echo "FAILED: a plain batch" "$(cat log)"
undated out.jsonl >ref.jsonl
rm -f out.*

# ---- A part of the day ----
TZ=$(zone 22 59 57) "${ask[@]}" -o out.csv --between 23:00-07:00 --progress >log 2>err
ok "a run waits for its part of the day" grep -q 'paused until 23:00' err
ok "and is then as any other" cmp out.csv ref.csv
rm -f out.csv*
TZ=$(zone 22 59 58) "${grep_tiny[@]}" --between 23:00-07:00 --progress >out.txt 2>err
ok "grep waits too" grep -q 'paused until 23:00' err
ok "and finds the same" cmp out.txt ref.txt
TZ=$(zone 22 59 58) "${batch[@]}" --between 23:00-07:00 --progress >log 2>err
ok "batch waits too" grep -q 'paused until 23:00' err
ok "and answers the same" cmp <(undated out.jsonl) ref.jsonl
rm -f out.*
TZ=$(zone 12 0 0) "${grep_tiny[@]}" --between 11:59-12:10 --progress >out.txt 2>err
ok "it does not wait within it" bash -c "! grep -q paused err && cmp out.txt ref.txt"

# It ends in the middle of a sweep: the process is stopped there while the hour goes by. The sweep is written down, a signal is heard
# at once, and the rest is done later.
"$build/tests/tools/make_tiny" long.gguf dim=512 layers=12 heads=8 context=1024 type=8 || exit 2
long=("$TRAWL" ask -m long.gguf --memory 900M --rows 30000 --threads 1 -q "Is it odd?" notes)
"${long[@]}" -o long.csv --no-job >log 2>&1 || echo "FAILED: a plain run of a longer model" "$(cat log)"
begun=$(date +%s)
rm -f err # of the run before
TZ=$(zone 6 59 48) "${long[@]}" -o out.csv --between 23:00-07:00 --progress >log 2>err &
pid=$!
waits grep -q 'rows/s' err
until grep -qE 'rows/s  sweep 1 layer [1-9]|paused' err || ! kill -USR1 $pid 2>/dev/null; do sleep 0.02; done
kill -STOP $pid 2>/dev/null
while [ $(($(date +%s) - begun)) -lt 13 ]; do sleep 0.2; done
kill -CONT $pid 2>/dev/null
waits bash -c "grep -q 'paused until 23:00' err || ! kill -0 $pid"
if grep -qE 'paused until 23:00  sweep 1 layer [1-9]' err; then
    ok "a sweep that pauses is written down" test -s out.csv.trawl-sweep
    told=$(grep -c 'paused until 23:00' err)
    kill -USR1 $pid
    ok "SIGUSR1 tells of the pause" waits bash -c "[ \$(grep -c 'paused until 23:00' err) -gt $told ]"
    kill -TERM $pid
    wait $pid
    ok "SIGTERM in a pause ends it by the signal" test $? = 143
    ok "and it says how to go on" grep -q 'the same command goes on' err
    ok "the sweep is still there" test -s out.csv.trawl-sweep
    "${long[@]}" -o out.csv --stats stats >log 2>&1
    ok "it goes on in the middle" grep -q '"resumed_layers": [1-9]' stats
    ok "and ends as an undisturbed run" cmp out.csv long.csv
else # it began too late, or was over too soon
    kill $pid 2>/dev/null
    wait $pid
    echo "skipped: the end of a window in the middle of a sweep"
fi
rm -f out.csv*

# grep tells of its progress likewise.
rm -f err # of the run before
"$TRAWL" grep -m long.gguf --memory 900M --rows 1100 --threads 1 --progress "Is it odd?" notes >log 2>err &
pid=$!
waits grep -q 'rows/s' err # the first line; the next would come after ten seconds
told=$(grep -c 'rows/s' err)
kill -USR1 $pid 2>/dev/null && waits bash -c "[ \$(grep -c 'rows/s' err) -gt $told ] || ! kill -0 $pid"
ok "SIGUSR1 tells of grep's progress" test "$(grep -c 'rows/s' err)" -gt "$told"
kill $pid
wait $pid 2>/dev/null
rm -f long.gguf

# ---- For so long ----
TZ=$(zone 12 0 0) "${ask[@]}" -o out.csv --between 13:00-14:00 --stop-after 500ms >log 2>err
ok "units are s, m, h, d" test $? = 2
TZ=$(zone 12 0 0) "${ask[@]}" -o out.csv --between 13:00-14:00 --stop-after 1s >log 2>err
ok "--stop-after counts pauses: exit status 124" test $? = 124
ok "and says how to go on" grep -q 'stopped: 0 documents are done; the same command goes on from what is in out.csv.trawl' err
ok "the same command without it goes on" "${ask[@]}" -o out.csv
ok "to the same end" cmp out.csv ref.csv
TZ=$(zone 12 0 0) "${grep_tiny[@]}" --between 13:00-14:00 --stop-after 1s >out.txt 2>err
ok "grep stops likewise" test $? = 124
ok "and says what it can not" grep -q 'grep does not go on from there' err
TZ=$(zone 12 0 0) "${batch[@]}" --between 13:00-14:00 --stop-after 1s >log 2>err
ok "batch stops likewise" test $? = 124
ok "and says how to go on" grep -q 'stopped: 0 requests are done; the same command goes on from what is in out.jsonl.trawl' err
ok "the same command without it goes on" "${batch[@]}"
ok "to the same end" cmp <(undated out.jsonl) ref.jsonl
rm -f out.*

# batch tells of its progress likewise, and ends by a signal in a pause.
rm -f err # of the run before
TZ=$(zone 12 0 0) "${batch[@]}" --between 13:00-14:00 --progress >log 2>err &
pid=$!
waits grep -q 'paused until' err
kill -USR1 $pid
ok "SIGUSR1 tells of batch's pause" waits bash -c "[ \$(grep -c 'requests.*paused until 13:00' err) -gt 1 ]"
kill -TERM $pid
wait $pid
ok "SIGTERM in a pause ends batch by the signal" test $? = 143
ok "which says how to go on" grep -q 'the same command goes on' err
rm -f out.*

# ---- The last in line ----
rm -f err # of the run before
TZ=$(zone 12 0 0) "${ask[@]}" -o out.csv --between 13:00-14:00 --nice --threads 3 --progress >log 2>err &
pid=$!
waits grep -q 'paused until' err
if [ -r /proc/$pid/stat ]; then
    ok "every thread is nice" bash -c "cat /proc/$pid/task/*/stat | sed 's/.*) //' | awk '{ n++; bad += \$17 != 19 } END { exit n < 3 || bad > 0 }'"
    command -v ionice >/dev/null && ok "and reads last" bash -c "ionice -p $pid | grep -qE '^(idle|best-effort: prio 7)'"
fi
kill $pid
wait $pid 2>/dev/null
rm -f out.csv*

# ---- Awake ----
mkdir bin
cat >bin/systemd-inhibit <<'T'
#!/bin/sh
echo "$@" >>"$HOME/inhibited"
while [ "${1#--}" != "$1" ]; do shift; done
"$@"
echo over >>"$HOME/inhibited"
T
chmod +x bin/systemd-inhibit
PATH=$work/bin:$PATH "${grep_tiny[@]}" --keep-awake >out.txt 2>err
ok "a run that holds the machine awake" cmp out.txt ref.txt
ok "it asked for it" grep -q -- '--what=sleep:idle' inhibited
ok "and let go" waits grep -q over inhibited
ok "and said nothing" test ! -s err
rm -f inhibited
rm -f err # of the run before
PATH=$work/bin:$PATH TZ=$(zone 12 0 0) "${grep_tiny[@]}" --keep-awake --between 13:00-14:00 --progress >out.txt 2>err &
pid=$!
ok "a killed run" waits grep -q 'paused until' err
ok "holds on while it waits for the hour" bash -c "! grep -q over inhibited"
kill -9 $pid
wait $pid 2>/dev/null
ok "leaves nothing behind" waits grep -q over inhibited
printf '#!/bin/sh\nexit 1\n' >bin/systemd-inhibit
PATH=$work/bin:$PATH "${grep_tiny[@]}" --keep-awake >out.txt 2>err
ok "where it is refused the run goes on" cmp out.txt ref.txt
ok "and it is said" grep -q 'does not hold sleep back here' err
mkdir empty
PATH=$work/empty "${grep_tiny[@]}" --keep-awake >out.txt 2>err
ok "where there is nothing it is said" grep -q 'neither systemd-inhibit nor caffeinate' err

# ---- Told at the end ----
tell='echo "$TRAWL_COMMAND|$TRAWL_STATUS|$TRAWL_EXIT|$TRAWL_OUTPUT|$TRAWL_DOCUMENTS|$TRAWL_SUMMARY" >told; echo noise'
"${grep_tiny[@]}" --notify "$tell" >out.txt 2>err
ok "--notify: done" grep -qE '^grep\|done\|0\|\|400\|400 documents, 400 prompts run, ' told
ok "what the command prints is no result" cmp out.txt ref.txt
ok "it is on standard error" grep -q noise err
"$TRAWL" ask -m tiny.gguf -q "Is it odd?" notes -o out.csv --notify "[ -s out.csv ] && $tell" >log 2>&1
ok "--notify comes when the table is there" grep -qE '^ask\|done\|0\|out.csv\|400\|' told
"${batch[@]}" --notify "[ -s out.jsonl ] && $tell" >log 2>&1
ok "--notify of requests" grep -qE '^batch\|done\|0\|out.jsonl\|40\|40 requests, 40 prompts run, ' told
"$TRAWL" ask -m nothing.gguf -q "Is it odd?" notes -o out.csv --notify "$tell" >log 2>&1
ok "--notify: failed" grep -qE '^ask\|failed\|2\|out.csv\|0\|.*nothing.gguf' told
TZ=$(zone 12 0 0) "${grep_tiny[@]}" --between 13:00-14:00 --stop-after 1s --notify "$tell" >out.txt 2>err
ok "--notify: stopped" grep -qE '^grep\|stopped\|124\|\|0\|stopped: ' told
rm told
rm -f err # of the run before
TZ=$(zone 12 0 0) "${grep_tiny[@]}" --between 13:00-14:00 --progress --notify "$tell" >out.txt 2>err &
pid=$!
waits grep -q 'paused until' err
kill -TERM $pid
wait $pid
ok "--notify: by a signal" test $? = 143
ok "that is told" grep -qE '^grep\|stopped\|143\|' told
"${grep_tiny[@]}" --notify 'exit 7' >out.txt 2>err
ok "a command that fails changes nothing" test $? = 0
ok "but is told of" grep -q "the command's exit status is 7" err

finish
