#!/usr/bin/env bash
# An 8B-shaped Q4_K model (random weights) answers 64 distinct prompts of 128 tokens under --memory 1G, inside a memory cgroup whose limit is the budget and 64 MB; beside it the same run with the
# whole model in memory.
#
#   bench/capped.sh [--shape 8B] [--prompts 64] [--tokens 128] [--memory BYTES] [--resident BYTES] [--skip-resident]
#
# The cgroup (v1 or v2) wants root; where it cannot be made the run is not capped by the kernel, and the table says so.
set -euo pipefail
shape=8B prompts=64 tokens=128 memory=$((1 << 30)) resident=$((8 << 30)) both=1
source "$(dirname "$0")/common.sh"
source "$root/bench/cgroup.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --shape) shape=$2; shift ;;
    --prompts) prompts=$2; shift ;;
    --tokens) tokens=$2; shift ;;
    --memory) memory=$2; shift ;;
    --resident) resident=$2; shift ;;
    --skip-resident) both= ;;
    *) say "bench/capped.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done

row="%-22s %9s %9s %9s %9s %8s %7s %6s %8s %7s %9s\n"

show() {
    local seconds
    seconds=$(echo "$result" | field seconds)
    printf "$row" "$1" "$(calc "$(echo "$result" | field memory_bytes) / 1048576")" \
        "$(calc "$(echo "$result" | field peak_memory_bytes) / 1048576")" "$seconds" \
        "$(calc "$(echo "$result" | field prompt_tokens) / $seconds" %.2f)" \
        "$(calc "100 * $(echo "$result" | field ops_per_s) / $peak")" "$(echo "$result" | field sweeps)" \
        "$(calc "$(echo "$result" | field bytes_read) / 1e9" %.1f)" "$(echo "$result" | field bound)" \
        "$(calc "100 * $(echo "$result" | field bound_ratio)")" "$(calc "100 * $(echo "$result" | field seconds_waiting) / $seconds")"
    record "capped: $1"
}

make_model "$shape-Q4_K.gguf" --shape "$shape" --type Q4_K
measure_machine "$model"
echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d)"
echo "$shape Q4_K, $(calc "$(wc -c <"$model") / 1e9" %.2f) GB; $prompts prompts of $tokens tokens that share nothing; int8 peak $(calc "$peak / 1e9") GOP/s, raw disk rate $(calc "$raw / 1e6") MB/s"
printf "$row" run "MiB" "peak MiB" seconds "tokens/s" %peak sweeps "GB" bound %bound %waiting

make_group $((memory + 64000000))
trap remove_group EXIT
name="capped by the kernel"
if [ -n "$group" ]; then
    result=$(in_group "$programs/bench_run" -m "$model" --prompts "$prompts" --tokens "$tokens" --memory "$memory")
else
    name="budget only"
    say "no memory cgroup can be made here: the kernel does not cap this run"
    result=$("$programs/bench_run" -m "$model" --prompts "$prompts" --tokens "$tokens" --memory "$memory")
fi
show "$name"
if [ -n "$both" ]; then
    result=$("$programs/bench_run" -m "$model" --prompts "$prompts" --tokens "$tokens" --memory "$resident")
    show resident
fi
