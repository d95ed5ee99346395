#!/usr/bin/env bash
# Runs test programs and scripts, some at a time, and adds up what each says in its last line, "NAME: N passed, N failed[, N skipped]".
# A program that dies or fails without counting is one failure; one that exits 77 without counting is one skipped. The last line of
# all is the sum. `make check` calls it with every test program of build/$BUILD; the scripts are found here.
#   T     only programs and scripts whose names contain it; if there are none, only tests whose names contain it
#   ONLY  only programs and scripts whose names this regular expression matches
#   JOBS  how many at a time (default: cores)
cd "$(dirname "$0")/.." || exit 2
root=$PWD
build=build/${BUILD:-release}

# One test; what it prints, and the summed line's three numbers, go to files.
run_one() {
    local test=$1 name log status counts started=$SECONDS
    name=$(basename "$test")
    log=$LOGS/$name.log
    case $test in */tests/*/test_* | */tests/*/check_*) if [ -x "$test" ] && [ -n "$NAMES" ]; then set -- "$test" "$NAMES"; fi ;; esac
    # Hundreds of small files, written and then read past the page cache: on a disk that takes minutes.
    [[ $name = test_faults && -w /dev/shm ]] && export TMPDIR=/dev/shm
    timeout --kill-after=10 "${TEST_TIMEOUT:-900}" "$@" >"$log" 2>&1 </dev/null
    status=$?
    counts=$(sed -nE 's/^[^:]*: ([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 0\4/p' "$log" | tail -1)
    if [ -z "$counts" ]; then
        case $status in 0) counts="1 0 0" ;; 77) counts="0 0 1" ;; *) counts="0 1 0" ;; esac
    fi
    if [ $status != 0 ] && [ $status != 77 ] && [[ $counts = *" 0 "* ]]; then
        counts="${counts%% *} 1 ${counts##* }"
        echo "FAILED $name: exit $status" >>"$log"
    fi
    echo "$counts" >"$LOGS/$name.counts"
    echo "$((SECONDS - started)) $name" >"$LOGS/$name.seconds"
    flock "$LOGS" cat "$log"
}

if [ "$1" = --one ]; then
    run_one "$2"
    exit 0
fi

LOGS=$(mktemp -d)
trap 'rm -rf "$LOGS"' EXIT
NAMES=
tests=()
add() { [ -f "$1" ] && [ -x "$1" ] && [[ $(basename "$1") = *"${T:-}"* && $(basename "$1") =~ ${ONLY:-.} ]] && tests+=("$root/$1"); }
all=("$@" tests/golden/check_golden.py tests/cli/*.{sh,py})
for longest in tests/cli/job_test.sh tests/cli/power_test.sh "$build/tests/engine/test_sweep" tests/cli/batch_job_test.sh; do # they begin first
    for test in "${all[@]}"; do [ "$test" = "$longest" ] && add "$test"; done
done
for test in "${all[@]}"; do [[ " ${tests[*]} " = *" $root/$test "* ]] || add "$test"; done
if [ ${#tests[@]} = 0 ]; then
    NAMES=$T
    tests=("${@/#/$root/}")
fi

export LOGS NAMES
cp "$build/trawl" "$LOGS/trawl" || exit 2 # building again while tests run must not change the program under them
export TRAWL=$LOGS/trawl TRAWL_BUILD=$root/$build TRAWL_TEST_MODEL=$LOGS/tiny.gguf
export TRAWL_TEST_DATA=${TRAWL_TEST_DATA:-$root/../shared/data}
export ASAN_OPTIONS=${ASAN_OPTIONS:-allocator_may_return_null=1:quarantine_size_mb=16}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1} TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=0}
case ${BUILD:-release} in asan | tsan | cover | debug) export TEST_LIGHT=1 N_RANDOM=${N_RANDOM:-20} ;; esac # slow builds do less
"$build/tests/tools/make_tiny" "$TRAWL_TEST_MODEL" || exit 2
printf '%s\0' "${tests[@]}" | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" "$0" --one

echo "longest, in seconds: $(cat "$LOGS"/*.seconds | sort -rn | head -8 | paste -sd, | sed 's/,/, /g')"
cat "$LOGS"/*.counts | awk '
    { passed += $1; failed += $2; skipped += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed + skipped == 0 }'
