#!/usr/bin/env bash
# make bench-post: the table of the post this project comes from, beside ours. The post (2024) ran a 34B model, bf16, 68 GB, on a 16 GB Mac, layer by layer from disk, one token for N prompts.
# Here: the same shape (60 layers, 7168 wide, feed-forward 20480, 56 heads of 128, 8 for keys and values, vocabulary 64000), Q4_K, random weights, one answer for
# each of N distinct prompts of 64 tokens, under a budget of 4 GB.
#
#   bench/post.sh [--layers N] [--memory BYTES] [--counts "1 2 5 50 500"]
#
# With fewer than 60 layers (default 8: 3 GB on disk and some ten minutes; --layers 60 takes 20 GB and over an hour) the layers that are missing are added at the measured time
# of one of the middle layers, and the memory that holds slices is scaled down with the file.
set -euo pipefail
layers=8 memory=$((4 << 30)) counts="1 2 5 50 500" tokens=64
full_layers=60
source "$(dirname "$0")/common.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --layers) layers=$2; shift ;;
    --memory) memory=$2; shift ;;
    --counts) counts=$2; shift ;;
    *) say "bench/post.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done

post_seconds() {
    case $1 in 1) echo 35.354 ;; 2) echo 40.387 ;; 5) echo 55.527 ;; 50) echo 265.9 ;; 500) echo 2426.11 ;; *) echo 0 ;; esac
}

# Weights of a layer and of the head.
layer_weights=$(calc "2 * 7168 * 7168 + 2 * 7168 * 1024 + 3 * 7168 * 20480")
head_weights=$((7168 * 64000))

# Bytes of one sweep over the shape with $1 layers, Q4_K.
sweep_bytes() { calc "($1 * $layer_weights + $head_weights) * 144 / 256"; }

# The budget of the measured file: with room for slices in proportion.
scaled_memory() {
    local plan pinned other most
    if [ "$layers" = $full_layers ]; then
        echo "$memory"
        return
    fi
    plan=$("$programs/bench_run" -m "$model" --plan --tokens $tokens --memory "$memory")
    other=0
    for key in process_bytes model_bytes scratch_bytes rows_bytes input_bytes; do
        other=$(calc "$other + $(echo "$plan" | field $key)")
    done
    # A plan in which every slice stays needs no ring; the one looked for does.
    other=$(calc "$other + 192 * 1048576")
    pinned=$(calc "$memory - $other")
    most=$(calc "$pinned * $(sweep_bytes "$layers") / $(sweep_bytes $full_layers)")
    calc "$other + $most"
}

make_model "34B-$layers-layers-Q4_K.gguf" --shape 34B --layers "$layers" --type Q4_K
measure_machine "$model"
budget=$(scaled_memory)
bytes_scale=$(calc "$(sweep_bytes $full_layers) / $(sweep_bytes "$layers")" %.4f)
echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d)"
echo "34B shape, Q4_K, $layers of $full_layers layers measured; --memory $(calc "$memory / 1048576") MiB; prompts of $tokens tokens; int8 peak $(calc "$peak / 1e9") GOP/s, raw disk rate $(calc "$raw / 1e6") MB/s"
if [ "$layers" != $full_layers ]; then
    echo "the other $((full_layers - layers)) layers are added at the measured time of a middle layer; measured under $(calc "$budget / 1048576") MiB"
fi
row="%5s | %9s %10s %8s | %9s %10s %8s %8s %8s %9s | %6s\n"
printf "$row" "" "the post" "" "" trawl "" "" "" "" "" ""
printf "$row" N seconds "per prompt" "GB read" seconds "per prompt" "GB read" measured bound "%waiting" faster
for n in $counts; do
    if ! run_beside_raw "$model" --prompts "$n" --tokens $tokens --memory "$budget"; then
        echo "$n prompts: not run: $refusal"
        continue
    fi
    measured=$(echo "$result" | field seconds) bound=$(echo "$result" | field bound)
    seconds=$(calc "$measured + ($full_layers - $layers) * $(echo "$result" | field sweeps) * $(echo "$result" | field layer_seconds)" %.2f)
    theirs=$(post_seconds "$n")
    printf "$row" "$n" "$theirs" "$(calc "$theirs / $n" %.2f)" 68 "$seconds" "$(calc "$seconds / $n" %.3f)" \
        "$(calc "$(echo "$result" | field bytes_read) * $bytes_scale / 1e9" %.1f)" "$measured" "$bound" \
        "$(calc "100 * $(echo "$result" | field seconds_waiting) / $measured")" "$(calc "$theirs / $seconds" %.2fx)"
    record "post $n of $layers layers"
done
echo "the post: bf16 on a 16 GB Mac with a 2.3 GB/s disk and its GPU; its 68 GB are read once for every N"
