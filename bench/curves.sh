#!/usr/bin/env bash
# make bench-curves: prompt tokens a second against the rows of a batch, and against the budget, for bench-plot to draw.
#
#   bench/curves.sh [--shape 8B] [--type Q4_K] [--rows "8 16 32 64 128 256 512 1024 2048"] [--budgets "1/4 1/2 3/4 all"] [--turns 3]
#
# Rows: under a quarter of the file. Budgets: at 64 and 512 rows. Rates are those of the sweeps after the first, which a long job consists of; the raw rate of the disk is taken
# around every run; a run that shares its disk with others is repeated, and the median kept. Points go to bench/results/<machine>-curves.csv.
set -euo pipefail
shape=8B type=Q4_K batches="8 16 32 64 128 256 512 1024 2048" budgets="1/4 1/2 3/4 all" turns=3
source "$(dirname "$0")/common.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --shape) shape=$2; shift ;;
    --type) type=$2; shift ;;
    --rows) batches=$2; shift ;;
    --budgets) budgets=$2; shift ;;
    --turns) turns=$2; shift ;;
    *) say "bench/curves.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done

file=$root/bench/results/$(machine_slug)-curves.csv
header="date,machine,commit,command,model,file_bytes,curve,budget,memory_bytes,rows,rows_per_s,bytes_per_sweep,raw_bytes_per_s,int8_peak,ops_per_row"
row="%-7s %8s %6s %9s %12s %9s\n"

# The budget's bytes; "all" is more than any model.
bytes_of() { [ "$1" = all ] && echo 1000000000000 || calc "$file_bytes * $1"; }

# point CURVE BUDGET ROWS: the median of the turns, printed and recorded. Long runs are bound by the cores, and repeat by themselves.
point() {
    local n_tokens sweeps=3 turn seen= rate
    n_tokens=$(($3 < 64 ? $3 : 64))
    [ "$3" -lt 512 ] || sweeps=2
    for ((turn = 1; turn <= ($3 < 512 ? turns : 1); turn++)); do
        if ! run_beside_raw "$model" --memory "$(bytes_of "$2")" --rows "$3" --tokens "$n_tokens" --prompts $(($3 / n_tokens * sweeps)); then
            echo "$1: $2, $3 rows: not run: $refusal"
            return
        fi
        seen+="$(echo "$result" | field steady_rows_per_s) $raw"$'\n'
    done
    read -r rate raw < <(printf %s "$seen" | sort -g | sed -n "$((turn / 2))p")
    printf "$row" "$1" "$2" "$3" "$(calc "$rate" %.2f)" "$(calc "$(echo "$result" | field bytes_per_sweep) / 1e6")" "$(calc "$raw / 1e6")"
    echo "$(date -u +%Y-%m-%dT%H:%MZ),$(machine_name),$(commit_name),${command_line//,/;},$shape $type,$file_bytes,$1,$2,$(bytes_of "$2"),$3,$rate,$(echo "$result" |
        field bytes_per_sweep),$raw,$peak,$(calc "$(echo "$result" | field steady_ops_per_s) / $(echo "$result" | field steady_rows_per_s)")" >>"$file"
}

make_model "$shape-$type.gguf" --shape "$shape" --type "$type"
measure_machine "$model"
file_bytes=$(wc -c <"$model")
mkdir -p "$root/bench/results"
[ -s "$file" ] || echo "$header" >"$file"
echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d); $shape $type, $(calc "$file_bytes / 1e9" %.2f) GB; int8 peak $(calc "$peak / 1e9") GOP/s"
printf "$row" curve memory rows rows/s "MB a sweep" "raw MB/s"
for rows in $batches; do point rows 1/4 "$rows"; done
for budget in $budgets; do
    for rows in 64 512; do point budget "$budget" "$rows"; done
done
