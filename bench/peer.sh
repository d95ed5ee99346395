#!/usr/bin/env bash
# make bench-peer: prompt tokens a second beside llama.cpp's, on the same files, with the same threads, in turns.
#
#   TRAWL_BENCH_LLAMA=FOLDER bench/peer.sh [--turns 3] [--parts "types 8B exact avx2 capped"] [--types "Q4_K Q8_0"] [--layers N]
#
# FOLDER is what tools/make_peer.sh made. Prompts of 512 distinct random tokens, one answer each; medians of the turns. Ours: batches of 2,048 rows (8B: 1,024), all of the model in
# memory, sweeps after the first. Theirs: its own llama-batched-bench at its best setting for the file and build, found by trying: --repack on and off, then four prompts in a
# micro-batch of 2,048 instead of one in 512; reading the file and repacking it are not counted. All parts take about half an hour on two cores; --layers cuts the models short
# (8: a third of the time, and ratios some percent above those of whole models, for the last layer, cheap for ours, weighs more; the capped model stays whole).
#
#   types   types as a 1B shape       8B      Q4_K as an 8B shape       exact   --exact beside its F16
#   avx2    --cpu avx2 beside a build for AVX2 only
#   capped  8B Q4_K, cold, in a memory cgroup of a quarter of the file and 64 MB: mapped, not repacked, micro-batch 2,048 against --memory of that quarter; whole runs of ours
set -euo pipefail
turns=3 parts="types 8B exact avx2 capped" types="Q4_0 Q8_0 Q4_K Q5_K Q6_K BF16 F16" avx2_types="Q4_K Q8_0" layers= tokens=512
source "$(dirname "$0")/common.sh"
source "$root/bench/cgroup.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --turns) turns=$2; shift ;;
    --parts) parts=$2; shift ;;
    --types) types=$2; shift ;;
    --layers) layers=$2; shift ;;
    *) say "bench/peer.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done
find_peer "llama.cpp" llama-batched-bench
threads=$(nproc)
refused=$(mktemp)
group= inside=
trap 'remove_group; rm -f "$refused"' EXIT

# use_model SHAPE TYPE: its path in $model, what to call it in $name.
use_model() {
    name="$1${layers:+ of $layers layers} $2"
    make_model "$1${layers:+-$layers-layers}-$2.gguf" --shape "$1" ${layers:+--layers "$layers"} --type "$2"
}

# What is asked of the ratio, by type.
bar_of() {
    case $1 in *_K) echo 1.5 ;; Q8_0) echo 3 ;; Q4_0 | BF16) echo 2.4 ;; F16) echo 3.8 ;; *) echo - ;; esac
}

median() { sort -g | sed -n "$(((turns + 1) / 2))p"; }

# ours OPTIONS...: tokens a second of the sweeps after the first, of the whole run where there is one sweep.
ours() {
    local result rate
    result=$($inside "$programs/bench_run" -m "$model" --tokens $tokens --threads "$threads" "$@" 2>"$refused") || return 1
    rate=$(echo "$result" | field steady_rows_per_s)
    [ -n "$rate" ] && [ -z "$inside" ] || rate=$(echo "$result" | field rows_per_s)
    echo "$rate"
}

# theirs BUILD "repack|no-repack MICRO_BATCH": tokens a second.
theirs() {
    local build=$1 prompts
    set -- $2
    prompts=$(($2 / tokens))
    # One prompt alone is run twice, for its first run takes new memory page by page.
    $inside "$peer/$build/llama-batched-bench" -m "$model" -t "$threads" -c $((prompts * tokens)) -b 2048 -ub "$2" -ntg 0 \
        -npp "$tokens$([ $prompts -gt 1 ] || echo ",$tokens")" -npl $prompts "--$1" --output-format jsonl 2>"$refused" </dev/null |
        field speed_pp | sort -g | tail -n 1 || true
}

# best_setting BUILD: the setting in $setting and what it reached in $best.
best_setting() {
    local candidate rate
    best=0 setting=
    for candidate in "repack 512" "no-repack 512" 2048; do
        [ "$candidate" != 2048 ] || candidate="${setting%% *} 2048"
        rate=$(theirs "$1" "$candidate")
        [ -n "$rate" ] && [ "$(calc "($rate > $best)")" = 1 ] || continue
        best=$rate setting=$candidate
    done
    [ -n "$setting" ]
}

row="%-21s %-8s %8s   %-8s %-17s %8s %6s %5s\n"
results=$root/bench/results/$(machine_slug)-peer.csv

# show NAME OPTIONS BAR OURS BUILD SETTING THEIRS: a line of the table, and of the file of results.
show() {
    local ratio
    ratio=$(calc "$4 / $7" %.2f)
    printf "$row" "$1" "$2" "$(calc "$4" %.1f)" "$(label "$5")" "${6/ /, }" "$(calc "$7" %.1f)" "$ratio" "$3"
    [ -s "$results" ] || echo "date,machine,commit,command,model,options,ours_tokens_per_s,peer,build,setting,peer_tokens_per_s,ratio,bar,turns" >"$results"
    echo "$(date -u +%Y-%m-%dT%H:%MZ),$(machine_name),$(commit_name),${command_line//,/;},$1,$2,$4,$(cat "$peer/VERSION"),$5,$6,$7,$ratio,$3,$turns" >>"$results"
}

# What a build may use, in a word.
label() {
    case $1 in no-amx/bin) echo "no AMX" ;; avx2/bin) echo AVX2 ;; *) grep -q amx_int8 /proc/cpuinfo && echo AMX || echo native ;; esac
}

# compare NAME OPTIONS BAR BUILDS OPTIONS_OF_OURS...: turns of ours and of every build, medians.
compare() {
    local name=$1 options=$2 bar=$3 builds=$4 ours_seen= rate turn build
    local -A settings=() seen=()
    shift 4
    for ((turn = 1; turn <= turns; turn++)); do
        if ! rate=$(ours "$@"); then
            echo "$name $options: not run: $(tail -n 1 "$refused")"
            return
        fi
        ours_seen+=$rate$'\n'
        for build in $builds; do
            if [ $turn -gt 1 ]; then
                seen[$build]+=$'\n'$(theirs "$build" "${settings[$build]}")
            elif best_setting "$build"; then
                # Its best while trying is its first turn.
                settings[$build]=$setting seen[$build]=$best
            else
                echo "$name $options: not run: llama.cpp ($build) says: $(tail -n 1 "$refused")"
                return
            fi
        done
    done
    for build in $builds; do
        show "$name" "$options" "$bar" "$(printf %s "$ours_seen" | median)" "$build" "${settings[$build]}" "$(echo "${seen[$build]}" | median)"
    done
}

# compare_capped NAME: both in a cgroup of a quarter of the file and 64 MB, cold. llama.cpp's repacked weights would not fit, so there is one setting.
compare_capped() {
    local budget rate turn ours_seen= theirs_seen= setting="no-repack 2048"
    budget=$(($(wc -c <"$model") / 4))
    make_group $((budget + 64000000))
    if [ -z "$group" ]; then
        echo "$1 capped: not run: no memory cgroup can be made here"
        return
    fi
    inside=in_group
    for ((turn = 1; turn <= turns; turn++)); do
        forget_model
        if ! rate=$(ours --memory "$budget" --prompts 4); then
            echo "$1 capped: not run: $(tail -n 1 "$refused")"
            break
        fi
        ours_seen+=$rate$'\n'
        forget_model
        rate=$(theirs bin "$setting")
        if [ -z "$rate" ]; then
            echo "$1 capped: llama.cpp did not run in $(calc "$budget / 1e6") MB and 64: $(tail -n 1 "$refused")"
            break
        fi
        theirs_seen+=$rate$'\n'
    done
    inside=
    remove_group
    group=
    [ $turn -le "$turns" ] || show "$1" capped 2.1 "$(printf %s "$ours_seen" | median)" bin "$setting" "$(printf %s "$theirs_seen" | median)"
}

all=1000000000000 # a budget in which every slice stays
native=bin
[ ! -x "$peer/no-amx/bin/llama-batched-bench" ] || native="bin no-amx/bin"

echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d); $threads threads; beside $(cat "$peer/VERSION"); medians of $turns turns"
printf "$row" model ours tokens/s build "its best setting" tokens/s ratio bar
for part in $parts; do
    inside=
    case $part in
    types)
        for type in $types; do
            use_model 1B "$type" || continue
            compare "$name" "" "$(bar_of "$type")" "$native" --memory $all --rows 2048 --prompts 8
        done
        ;;
    8B)
        use_model 8B Q4_K || continue
        compare "$name" "" "$(bar_of Q4_K)" "$native" --memory $all --rows 1024 --prompts 4
        ;;
    exact)
        use_model 1B F16 || continue
        compare "$name" --exact 1 "$native" --exact --memory $all --rows 1024 --prompts 4
        ;;
    avx2)
        for type in $avx2_types; do
            use_model 1B "$type" || continue
            compare "$name" "avx2" 1.3 avx2/bin --cpu avx2 --memory $all --rows 1024 --prompts 4
        done
        ;;
    capped)
        layers= use_model 8B Q4_K || continue
        compare_capped "$name"
        ;;
    *) say "bench/peer.sh: no such part: $part"; exit 2 ;;
    esac
done
