#!/usr/bin/env bash
# 100,000 documents take no more memory than 1,000: asking two questions with a job, going on with all of it remembered, and exporting
# the job. Part of `make test`; half a minute on two cores.
#   TRAWL, TRAWL_BUILD  the program and the folder with tests/tools/make_tiny
#   N_DOCUMENTS         default 100000
#   MORE_KB             how much more is allowed, default 2048
set -u
cd "$(dirname "$0")/../.." || exit 2
TRAWL=$(realpath "${TRAWL:-trawl}")
build=$(realpath "${TRAWL_BUILD:-build/release}")
case $build in *san) echo "skipped: a sanitizer's own memory is beyond any bound"; exit 77 ;; esac
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
[ -w /dev/shm ] && export TMPDIR=/dev/shm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
"$build/tests/tools/make_tiny" tiny.gguf context=1024 || exit 2
passed=0
failed=0
ok() {
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED: $what"; fi
}

# The most that a run had resident, in KB, after its exit status 0.
peak() {
    python3 - "$TRAWL" "$@" <<'P'
import os, sys
child = os.posix_spawn(sys.argv[1], ["trawl", *sys.argv[2:]], os.environ)
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1) if status == 0 else 1 << 40)
P
}
measure() { # how many documents: three peaks
    seq "$1" | awk '{ print "Line " $1 " of many: " $1 * 7919 % 10007 }' >"in.$1"
    local ask=(ask -m tiny.gguf --memory 100M --threads 2 --no-progress --from lines -q "Is it odd?" -q "Is it even?" "in.$1" -o "out.$1.csv")
    echo "$(peak "${ask[@]}") $(peak "${ask[@]}") $(peak jobs export "out.$1.csv.trawl" -o "all.$1.csv")"
}
n=${N_DOCUMENTS:-100000}
read -ra few <<<"$(measure 1000)"
read -ra many <<<"$(measure "$n")"
i=0
for what in asking "going on" "the export"; do
    echo "$what: ${few[i]} KB for 1000 documents, ${many[i]} KB for $n"
    ok "$what in flat memory" test $((many[i] - few[i])) -le "${MORE_KB:-2048}"
    i=$((i + 1))
done
ok "all documents have rows" test "$(wc -l <"out.$n.csv")" = $((n + 1))
ok "and the job has them" test "$(wc -l <"all.$n.csv")" = $((2 * n + 1))
echo "test_flat: $passed passed, $failed failed"
[ $failed = 0 ]
