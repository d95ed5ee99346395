#!/usr/bin/env bash
# make bench-airllm: beside AirLLM on this CPU: 32 prompts of 128 tokens through a 1B shape in bf16, cold and with the file cached.
#
#   PYTHON=python3 bench/airllm.sh [--turns 3]
#
# PYTHON is one that has AirLLM (pip install airllm, with PyTorch for the CPU); without it this says so and leaves. Ours rounds bf16 to 8 bits, as it does for every type; cold is the
# whole run with weights past the page cache, cached a sweep with all of them in memory. Theirs computes in bf16, with AMX where the processor has it
# (ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 forbids that); both are one pass of all prompts. In turns, medians.
set -euo pipefail
turns=3
source "$(dirname "$0")/common.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --turns) turns=$2; shift ;;
    *) say "bench/airllm.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done
python=${PYTHON:-python3}
threads=$(nproc)
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# Importing it takes seconds, so it is asked once, for everything.
if ! "$python" -c "import airllm" >"$said" 2>&1; then
    echo "skipped: beside AirLLM: $python says: $(tail -n 1 "$said"); PYTHON names one that has it (pip install airllm)"
    exit 0
fi
median() { sort -g | sed -n "$(((turns + 1) / 2))p"; }

make_model 1B-BF16.gguf --shape 1B --type BF16
ours_cold= ours_cached= theirs_cold= theirs_cached=
for ((turn = 1; turn <= turns; turn++)); do
    result=$("$programs/bench_run" -m "$model" --threads "$threads" --memory 1000000000000 --rows 4096 --tokens 128 --prompts 32)
    ours_cold+=$(echo "$result" | field rows_per_s)$'\n'
    result=$("$programs/bench_run" -m "$model" --threads "$threads" --memory 1000000000000 --rows 4096 --tokens 128 --prompts 64)
    ours_cached+=$(echo "$result" | field steady_rows_per_s)$'\n'
    if ! "$python" "$root/bench/airllm_rate.py" "$models" --threads "$threads" --turns 1 >"$said"; then
        echo "AirLLM did not run"
        exit 2
    fi
    theirs_cold+=$(grep '"cold"' "$said" | field tokens_per_s)$'\n'
    theirs_cached+=$(grep '"cached"' "$said" | field tokens_per_s)$'\n'
done
row="%-8s %10s %14s %6s\n"
echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d); 1B BF16, 32 prompts of 128 tokens, $threads threads, tokens/s, medians of $turns turns"
printf "$row" "" trawl "AirLLM $("$python" -c "from importlib.metadata import version; print(version('airllm'))")" ratio
for cache in cold cached; do
    ours=ours_$cache theirs=theirs_$cache
    ours=$(printf %s "${!ours}" | median) theirs=$(printf %s "${!theirs}" | median)
    printf "$row" $cache "$(calc "$ours" %.1f)" "$(calc "$theirs" %.1f)" "$(calc "$ours / $theirs" %.2f)"
done
