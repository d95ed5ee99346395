#!/usr/bin/env bash
# 002: does a kernel thread that polls for submissions (IORING_SETUP_SQPOLL) make streaming faster? 002-sqpoll.md has the question and what came out.
#
#   lab/002-sqpoll.sh [--turns 3]
#
# Builds bench_run of the commit checked out three times, as it is and with 002-sqpoll.patch (the thread sleeps after 1 or 50 ms without work), and runs it in turns with the readers uring and pread.
# Models as in bench/: 1.2 and 1.6 GB on disk, made once; some ten minutes on two cores.
set -euo pipefail
turns=3
source "$(dirname "$0")/../bench/common.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --turns) turns=$2; shift ;;
    *) say "lab/002-sqpoll.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { make -s -C "$work/$1" -j"$(nproc)" build/release/bench/bench_run build/release/bench/bench_make_model >/dev/null; }
say "building"
mkdir "$work/plain"
git -C "$root" archive HEAD Makefile src include cli tests bench | tar -x -C "$work/plain"
build plain
for idle_ms in 1 50; do
    cp -a "$work/plain" "$work/polled-$idle_ms"
    sed "s/SQ_IDLE_MS/$idle_ms/" "$root/lab/002-sqpoll.patch" | patch -s -p1 -d "$work/polled-$idle_ms"
    build polled-$idle_ms
done
programs=$work/plain/build/release/bench

# A run's value of a key: the median of the turns.
median() { sort -g | sed -n "$(((turns + 1) / 2))p"; }

# compare NAME OPTIONS...: all ways in turns, a line each.
compare() {
    local name=$1 turn way result
    shift
    for ((turn = 0; turn < turns; turn++)); do
        for way in "plain pread" "plain uring" "polled-1 uring" "polled-50 uring"; do
            result=$("$work/${way% *}/build/release/bench/bench_run" -m "$model" --reader "${way#* }" "$@")
            echo "$result" >>"$work/${way/ /-}.json"
        done
    done
    for way in "plain pread" "plain uring" "polled-1 uring" "polled-50 uring"; do
        result=$work/${way/ /-}.json
        printf "$row" "$name" "$way" "$(field rows_per_s <"$result" | median)" "$(calc "$(field bytes_per_s <"$result" | median) / 1e6")" \
            "$(field seconds_compute <"$result" | median)" "$(field seconds_waiting <"$result" | median)"
        rm "$result"
    done
}

row="%-14s %-16s %9s %7s %10s %10s\n"
echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d); medians of $turns turns"
printf "$row" run "build, reader" rows/s MB/s "compute s" "waiting s"
make_model 1B-Q8_0.gguf --shape 1B --type Q8_0
compare "disk-bound" --memory $(($(wc -c <"$model") / 4)) --rows 16 --tokens 16 --prompts 12
make_model 8B-8-layers-Q4_K.gguf --shape 8B --layers 8 --type Q4_K
compare "compute-bound" --memory $(($(wc -c <"$model") / 2)) --rows 1024 --tokens 512 --prompts 6
