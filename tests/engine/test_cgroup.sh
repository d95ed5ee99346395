#!/usr/bin/env bash
# A model ten times the budget runs to the end in a memory control group whose limit is the budget + 64 MB, and the peak stays below
# the budget. Skipped where no group can be made.
#   TRAWL, TRAWL_BUILD  the program and the folder with tests/tools/make_tiny
#   BUDGET_MB           default 48
set -u
cd "$(dirname "$0")/../.." || exit 2
TRAWL=${TRAWL:-$PWD/trawl}
TRAWL_BUILD=${TRAWL_BUILD:-$PWD/build/release}
budget_mb=${BUDGET_MB:-48}
case $TRAWL_BUILD in *san) echo "skipped: a sanitizer's own memory is beyond any budget"; exit 77 ;; esac

group=
work=$(mktemp -d)
leave() {
    [ -n "$group" ] && rmdir "$group" 2>/dev/null
    rm -rf "$work"
}
trap leave EXIT

# The folder of a new group below this process's own, v1 or v2; the limit is set by the caller.
make_group() {
    local own
    own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup 2>/dev/null)
    for parent in "/sys/fs/cgroup/memory$own" /sys/fs/cgroup/memory; do
        if [ -n "$own" ] && mkdir "$parent/trawl-test-$$" 2>/dev/null; then
            group=$parent/trawl-test-$$
            echo $(((budget_mb + 64) << 20)) >"$group/memory.limit_in_bytes" 2>/dev/null && return 0
            rmdir "$group"
            group=
        fi
    done
    own=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
    for parent in "/sys/fs/cgroup$own" /sys/fs/cgroup; do
        if grep -qw memory "$parent/cgroup.subtree_control" 2>/dev/null && mkdir "$parent/trawl-test-$$" 2>/dev/null; then
            group=$parent/trawl-test-$$
            echo $(((budget_mb + 64) << 20)) >"$group/memory.max" 2>/dev/null && echo 0 >"$group/memory.swap.max" 2>/dev/null
            [ "$(cat "$group/memory.max" 2>/dev/null)" = $(((budget_mb + 64) << 20)) ] && return 0
            rmdir "$group"
            group=
        fi
    done
    return 1
}

if ! make_group; then
    echo "skipped: no memory control group can be made here"
    exit 77
fi

passed=0
failed=0
check() { # description, condition as a command
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED: $what"
        cat "$work/err" 2>/dev/null
    fi
}
number() { # key of the stats
    sed -nE "s/.*\"$1\": *([0-9.]+).*/\1/p" "$work/stats" | head -1 | cut -d. -f1
}
in_group() {
    sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

model=$work/model.gguf
# Ten times the budget, Q8_0: two layers of 24 matrices' worth each; the dimensions only have to add up.
"$TRAWL_BUILD/tests/tools/make_tiny" "$model" type=8 dim=1024 heads=8 kv_heads=2 ffn=8192 layers=$((budget_mb * 10 / 28 + 1)) || exit 2
check "the model is ten times the budget" test "$(stat -c %s "$model")" -ge $((budget_mb * 10 << 20))
for i in $(seq 1 20); do seq $((i * 3)) $((i * 3 + 20)) | tr '\n' ' '; echo; done >"$work/ids"
sync "$model" # nothing of it waits to be written while the group is measured

for numerics in "" --exact; do
    in_group "$TRAWL" score -m "$model" --ids --json $numerics --memory "${budget_mb}M" --stats "$work/stats" "$work/ids" >"$work/out" 2>"$work/err"
    check "it runs to the end ($numerics)" test $? = 0
    check "20 sequences are answered ($numerics)" test "$(wc -l <"$work/out")" = 20
    check "the peak is within the budget ($numerics): $(number peak_memory_bytes)" test "$(number peak_memory_bytes)" -le $((budget_mb << 20))
    check "the model is streamed ($numerics)" test "$(number bytes_read)" -ge $((budget_mb * 9 << 20))
done
in_group "$TRAWL" grep -m "$model" --memory "${budget_mb}M" --window 64 --threshold 0 --no-progress --stats "$work/stats" -c 'Is it late?' - <<<"The boat left.
It came back." >"$work/out" 2>"$work/err"
check "grep runs to the end" test "$(cat "$work/out")" = 2
check "the peak is within the budget (grep): $(number peak_memory_bytes)" test "$(number peak_memory_bytes)" -le $((budget_mb << 20))

echo "test_cgroup: $passed passed, $failed failed"
[ $failed = 0 ]
