#!/usr/bin/env bash
# Every test at every level: `make test`, and what CI runs. Installs what is missing, then runs one step after another and goes on
# after a failure; each step's output is kept in build/test/STEP.log. The last line is the sum of all steps.
#   tools/test_all.sh [STEP...]   only these: layers headers gcc asan tsan clang levels arm64 macos fuzz cgroup flat
cd "$(dirname "$0")/.." || exit 2
logs=build/test
jobs=$(nproc)
passed=0
failed=0
skipped=0
running='the beginning' # the step, "done" after the last
child=

# However it ends, the last line is the count.
closing() {
    local status=$?
    [ "$running" = done ] && return
    [ -z "$child" ] || kill -- "-$child" 2>/dev/null
    echo "FAILED: stopped in $running, exit $status"
    tail -30 "$logs/$running.log" 2>/dev/null
    echo "$passed passed, $((failed + 1)) failed, $skipped skipped"
    exit 1
}
trap closing EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
set -m # a step is a process group: it ends as one
mkdir -p "$logs" || exit 2

# step NAME COMMAND...: the counts of its last line if it has them, else one pass or one failure; exit 77 is a skip.
step() {
    local name=$1 started=$SECONDS log=$logs/$1.log status counts
    shift
    [ ${#only[@]} = 0 ] || [[ " ${only[*]} " = *" $name "* ]] || return
    running=$name
    echo "== $name"
    "$@" >"$log" 2>&1 & # in the background, so that a signal is heard while it runs
    child=$!
    wait $child
    status=$?
    child=
    counts=$(sed -nE 's/^([a-z_]+: )?([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\2 \3 0\5/p' "$log" | tail -1)
    if [ -z "$counts" ]; then
        case $status in 0) counts="1 0 0" ;; 77) counts="0 0 1" ;; *) counts="0 1 0" ;; esac
    fi
    read -r p f s <<<"$counts"
    [ $status = 0 ] || [ $status = 77 ] || [ "$f" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + 10#$s))
    grep -hE 'skipped: |^FAILED|: error: |ERROR: |WARNING: ThreadSanitizer' "$log" | sort -u | head -40
    [ "$f" = 0 ] || tail -30 "$log"
    echo "   $name: $p passed, $f failed, $((10#$s)) skipped in $((SECONDS - started)) s"
}

skip() { # why
    echo "skipped: $1"
    return 77
}

build_and_check() { # VARIANT [ONLY, see run_tests.sh]
    make -j"$jobs" WERROR=1 BUILD="$1" tests && ONLY=${2:-} make --no-print-directory WERROR=1 BUILD="$1" check
}

# Each header by itself, in the compiler and with the instruction set that its folder is for.
headers() {
    local header bad=0 compiler isa
    while read -r header; do
        compiler=cc isa=
        case $header in
        src/kernels/x86/*) [ "$(uname -m)" = x86_64 ] || continue
            isa="-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c" ;;
        src/kernels/arm/*) compiler=aarch64-linux-gnu-gcc isa=-march=armv8.2-a+dotprod
            command -v $compiler >/dev/null || continue ;;
        esac
        $compiler -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-const-variable -fsyntax-only $isa \
            -Isrc -Iinclude -Itests -Icli -x c - <<<"#include \"$header\"" -I. || { echo "FAILED: $header does not compile alone"; bad=1; }
    done < <(find include src cli tests -name '*.h' | grep -v dequant_vectors.h | sort)
    return $bad
}

# The golden answers and grep's contract at each level this machine has.
levels() {
    local level p=0 f=0 wrapper=$PWD/$logs/trawl_at_level tiny=$PWD/$logs/tiny.gguf ids=$PWD/$logs/ids
    make -j"$jobs" trawl tests || return 1
    build/release/tests/tools/make_tiny "$tiny" && echo "1 2 3" >"$ids" || return 1
    for level in c avx2 avxvnni avx512 neon neondot neoni8mm; do
        if ! ./trawl score -m "$tiny" --cpu $level --ids "$ids" >/dev/null 2>&1; then
            echo "this machine has no level $level"
            continue
        fi
        printf '#!/bin/sh\ncase $1 in\ngrep | score) command=$1; shift; exec "%s" "$command" --cpu %s "$@" ;;\nesac\nexec "%s" "$@"\n' \
            "$PWD/trawl" $level "$PWD/trawl" >"$wrapper"
        chmod +x "$wrapper"
        for test in tests/golden/check_golden.py tests/cli/grep_contract.sh; do
            echo "$level: $test"
            if TRAWL=$wrapper TRAWL_TEST_MODEL=$tiny N_RANDOM=10 $test; then p=$((p + 1)); else f=$((f + 1)); fi
        done
    done
    echo "$p passed, $f failed"
}

# ARM64: everything compiles; the tests that need no library but PCRE2 run under qemu, at every level; then, for its processors without
# matrix products and without dot products, those of the choice of a level and of the GEMM.
arm64() {
    local root=$PWD/build/arm64/root run names cpu tests="tests/unit/test_base tests/unit/test_gguf" libs="-lm -pthread" p=0 f=0 s=0
    command -v aarch64-linux-gnu-gcc >/dev/null || { skip "no compiler for ARM64 (gcc-aarch64-linux-gnu)"; return; }
    command -v qemu-aarch64 >/dev/null || { skip "no qemu-aarch64 (qemu-user)"; return; }
    make -j"$jobs" WERROR=1 BUILD=arm64 objects || return 1
    tests="$(cd tests && ls kernels/check_*.c | sed 's/\.c$//; s/^/tests\//') $tests"
    if fetch_arm_pcre2 "$root"; then
        libs="-L$root/usr/lib/aarch64-linux-gnu -l:libpcre2-8.so.0 $libs"
        tests="$tests tests/unit/test_splitter tests/engine/test_sweep tests/engine/test_run"
    else
        echo "skipped: the engine on ARM64 (libpcre2-8-0:arm64 could not be had)"
        s=1
        libs="-static -Wl,--unresolved-symbols=ignore-all $libs" # what the tests share names it, and these do not call it
    fi
    for test in $tests; do
        run=build/arm64/$test
        names=
        case $test in # the others of these take minutes under qemu
        */test_sweep) names="names_the" ;;
        */test_run) names="rows_are dry_run refuses" ;;
        esac
        # shellcheck disable=SC2086
        if make WERROR=1 BUILD=arm64 LIB_LIBS="$libs" "$run" &&
            on_arm max neoni8mm "$run" $names; then
            p=$((p + 1))
        else
            f=$((f + 1))
        fi
    done
    for cpu in "cortex-a76 neondot" "cortex-a72 neon"; do
        for run in "kernels/check_floats levels" "kernels/check_quant gemm" "engine/test_run refuses_levels"; do
            [ -x "build/arm64/tests/${run% *}" ] || continue
            # shellcheck disable=SC2086
            if on_arm $cpu build/arm64/tests/$run; then p=$((p + 1)); else f=$((f + 1)); fi
        done
    done
    echo "$p passed, $f failed, $s skipped"
}

# on_arm CPU LEVEL TEST [NAME...]: a test on one of qemu's processors, whose best level is LEVEL.
on_arm() {
    TEST_LIGHT=1 TEST_BEST_LEVEL=$2 timeout 300 qemu-aarch64 -cpu "$1" -L /usr/aarch64-linux-gnu \
        -E LD_LIBRARY_PATH="$PWD/build/arm64/root/usr/lib/aarch64-linux-gnu" "${@:3}"
}

fetch_arm_pcre2() { # FOLDER: unpacked there, not installed
    [ -e "$1/usr/lib/aarch64-linux-gnu/libpcre2-8.so.0" ] && return
    command -v apt-get >/dev/null || return 1
    local state=$1/apt
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    set -- "$1" -qq -oAPT::Architecture=arm64 -oAPT::Architectures=arm64 -oDir::State::Lists="$state/lists" -oDir::Cache="$state/cache"
    (apt-get "${@:2}" update && cd "$1" && apt-get "${@:2}" download libpcre2-8-0 && dpkg -x libpcre2-8-0_*_arm64.deb .)
}

# macOS: compiles, with the compiler and the headers that the pip package ziglang brings.
macos() {
    local zig=$PWD/build/zig headers=$PWD/build/zig/headers file isa bad=0
    if [ ! -d "$zig/ziglang" ] && ! python3 -m pip install -q --target "$zig" ziglang >/dev/null 2>&1; then
        skip "macOS (pip cannot get ziglang)"
        return
    fi
    mkdir -p "$headers"
    cp -r /usr/include/pcre2.h /usr/include/libxml2/libxml "$headers/"
    sed -i /LIBXML_ICU_ENABLED/d "$headers/libxml/xmlversion.h" # Debian's build choice
    make build/gen/html_page.h || return 1
    for file in src/*/*.c src/kernels/c/*.c src/kernels/arm/*.c cli/*.c cli/*/*.c; do
        isa=
        case $file in *_neoni8mm.c) isa=-mcpu=apple_m1+i8mm ;; esac
        # shellcheck disable=SC2086
        "$zig/ziglang/zig" cc -target aarch64-macos $isa -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -ffp-contract=off \
            -Isrc -Iinclude -Ibuild/gen -I"$headers" -c "$file" -o build/zig/out.o || { echo "FAILED: $file for macOS"; bad=1; }
    done
    return $bad
}

# Each fuzz target for a while, from its corpus.
fuzz() {
    local source name p=0 f=0
    command -v clang >/dev/null || { skip "no clang, so no fuzzing"; return; }
    make -j"$jobs" BUILD=fuzz fuzzers || return 1
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        mkdir -p "build/fuzz/new/${name#fuzz_}"
        if "build/fuzz/tests/fuzz/$name" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
            "build/fuzz/new/${name#fuzz_}" "tests/fuzz/corpus/${name#fuzz_}"; then p=$((p + 1)); else f=$((f + 1)); fi
    done
    echo "$p passed, $f failed"
}

only=("$@")
tools/install_packages.sh
for tool in make cc pkg-config; do
    command -v $tool >/dev/null || { echo "there is no $tool, and it could not be installed"; exit 1; }
done
# The types of OpenAI's client, for tests/cli/batch_test.py, which says so where they are not to be had.
[ -d build/openai/openai ] || python3 -m pip install -q --target build/openai openai >/dev/null 2>&1
step layers tools/check_layers.sh
step headers headers
step gcc build_and_check release
step asan build_and_check asan
# What has threads; and, of another compiler, what it could compile differently.
step tsan build_and_check tsan '^(test_(base|stream|sweep|run|ask|draw|sheet|faults)|check_golden|grep_contract|cli_test|job_test)'
step clang build_and_check clang '^(test_|check_|grep_contract|cli_test)'
step levels levels
step arm64 arm64
step macos macos
step fuzz fuzz
step cgroup env TRAWL="$PWD/trawl" TRAWL_BUILD="$PWD/build/release" tests/engine/test_cgroup.sh
step flat env TRAWL="$PWD/trawl" TRAWL_BUILD="$PWD/build/release" tests/engine/test_flat.sh
running=done
echo "in $((SECONDS / 60)) min $((SECONDS % 60)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
