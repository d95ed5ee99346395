#!/usr/bin/env bash
# make bench: the kernels, then whole runs of random-weight models beside the measured peaks of the machine.
#
#   bench/run.sh [--quick] [--no-kernels] [--models "1B 8B"] [--types Q4_K] [--rows "16 64 512 2048"]
#
# Prompts are distinct and share nothing. Weights are always read past the page cache. The raw rate of the disk is taken before and after
# every run, with the requests found best at the start; runs bound by the disk are taken three times. --quick: 1B only, once, in under two minutes.
set -euo pipefail
shapes="1B 8B" types=Q4_K batches="16 64 512 2048" quick= kernels=1
source "$(dirname "$0")/common.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 shapes=1B batches="16 64 512" ;;
    --no-kernels) kernels= ;;
    --models) shapes=$2; shift ;;
    --types) types=$2; shift ;;
    --rows) batches=$2; shift ;;
    *) say "bench/run.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done

# Sweeps of a run: the more the shorter they are. A first sweep is never all of it.
n_sweeps() {
    local n
    case $1 in 1B) n=$((4096 / $2)) ;; *) n=$((512 / $2)) ;; esac
    [ -z "$quick" ] || n=$((n / 2))
    [ $n -gt 2 ] || n=2
    [ $n -lt 12 ] || n=12
    echo $n
}

prompt_tokens() { [ "$1" -lt 64 ] && echo "$1" || echo 64; }

row="%-10s %9s %5s %8s %8s %6s %9s %9s %6s %8s %6s %7s\n"

# One run, three when the disk is its bound (disks are shared): then the one whose share of the raw rate is the median. $result and $raw.
run_of_turns() {
    local turns=1 turn=0 seen=
    while [ $turn -lt $turns ]; do
        run_beside_raw "$@" || return 1
        seen+="$(calc "$(echo "$result" | field bytes_per_s) / $raw" %.4f) $raw $result"$'\n'
        [ -n "$quick" ] || [ "$(echo "$result" | field bound)" = compute ] || turns=3
        turn=$((turn + 1))
    done
    read -r _ raw result < <(printf %s "$seen" | sort -n | sed -n "$(((turns + 1) / 2))p")
}

# measure NAME SHAPE MEMORY_NAME MEMORY ROWS: prints a line of the table.
measure() {
    local tokens rate ops
    tokens=$(prompt_tokens "$5")
    if ! run_of_turns "$model" --memory "$4" --rows "$5" --tokens "$tokens" --prompts $(($5 / tokens * $(n_sweeps "$2" "$5"))); then
        echo "$1 at $3, $5 rows: not run: $refusal"
        return
    fi
    # Resident: what a long job sees, without the sweep that read the slices in.
    rate=$(echo "$result" | field rows_per_s) ops=$(echo "$result" | field ops_per_s)
    if [ "$(echo "$result" | field bytes_per_sweep)" = 0 ]; then
        rate=$(echo "$result" | field steady_rows_per_s) ops=$(echo "$result" | field steady_ops_per_s)
    fi
    local seconds read_rate
    seconds=$(echo "$result" | field seconds) read_rate=$(echo "$result" | field bytes_per_s)
    printf "$row" "$1" "$3" "$5" "$(calc "$rate" %.1f)" "$(calc "$ops / 1e9")" "$(calc "$peak ? 100 * $ops / $peak : 0")" \
        "$(calc "$(echo "$result" | field bytes_read) / 1e9" %.2f)" "$(calc "$read_rate / 1e6")" "$(calc "100 * $read_rate / $raw")" \
        "$(echo "$result" | field bound)" "$(calc "100 * $(echo "$result" | field bound_ratio)")" \
        "$(calc "100 * $(echo "$result" | field seconds_waiting) / $seconds")"
    record "$1 $3"
}

echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d)"
if [ -n "$kernels" ]; then
    "$programs/bench_kernels" ${quick:+--seconds 0.05 --level $("$programs/bench_machine" | field cpu)}
    echo
fi
header=
for shape in $shapes; do
    for type in $types; do
        make_model "$shape-$type.gguf" --shape "$shape" --type "$type" || continue
        file_bytes=$(wc -c <"$model")
        measure_machine "$model"
        echo "$shape $type: $(calc "$file_bytes / 1e9" %.2f) GB; int8 peak $(calc "$peak / 1e9") GOP/s; raw disk rate $(calc "$raw / 1e6") MB/s ($requests)"
        [ -n "$header" ] || printf "$row" model memory rows rows/s GOP/s %peak "GB read" MB/s %raw bound %bound %waiting
        header=1
        for rows in $batches; do
            resident=$("$programs/bench_run" -m "$model" --plan --tokens "$(prompt_tokens "$rows")" --rows "$rows" --memory 1000000000000)
            all=$(calc "$(echo "$resident" | field pinned_bytes) + $(echo "$resident" | field process_bytes) + $(echo "$resident" | field model_bytes) + $(echo "$resident" | field rows_bytes) + $(echo "$resident" | field scratch_bytes) + 200e6")
            free=$(awk '/MemAvailable/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)
            if [ "$(calc "$all < $free")" = 1 ]; then
                measure "$shape $type" "$shape" all "$all" "$rows"
            else
                echo "$shape $type at all, $rows rows: not run: needs $(calc "$all / 1e9" %.1f) GB of memory, $(calc "$free / 1e9" %.1f) are free"
            fi
            measure "$shape $type" "$shape" 1/2 $((file_bytes / 2)) "$rows"
            measure "$shape $type" "$shape" 1/4 $((file_bytes / 4)) "$rows"
        done
    done
done
cat <<END
memory: the budget for everything, as a share of the model file; all: every slice stays (rates without the first sweep).
%peak: multiply-adds of the matrices over the int8 peak; attention is not counted. %raw: bytes read a second over the raw rate around the run.
%bound: the larger of disk time and compute time over the time of the run. %waiting: time in which no thread had a slice.
END
