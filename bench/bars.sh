#!/usr/bin/env bash
# make bench-bars: every bar that trawl's speed and accuracy are held to, measured on this machine, as the table of docs/performance.md.
#
#   bench/bars.sh [--parts "kernels attention runs shares stream disk balance peer server airllm accuracy arm"] [--turns 3] [--types "Q4_K F16"]
#                 [--peer-parts "types 8B exact avx2 capped"] [--table]
#
# Each part appends to bench/results/<machine>-bars.csv; the table is made of the newest figure of every bar, and takes the place of this machine's table in
# docs/performance.md. --table measures nothing. All parts take two hours and a half on two cores, and 60 GB of disk; 8B models of all types are cut to 8 layers.
# What a part compares is said beside its function. Figures are medians of turns; a share of the peak, or of the raw rate of the disk, is of one taken right beside it.
set -euo pipefail
parts="kernels attention runs shares stream disk balance peer server airllm accuracy arm" turns=3 peer_parts="types 8B exact avx2 capped" types="Q4_K Q5_K Q6_K Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 F16 BF16 F32" table_only=
source "$(dirname "$0")/common.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --parts) parts=$2; shift ;;
    --turns) turns=$2; shift ;;
    --types) types=$2; shift ;;
    --peer-parts) peer_parts=$2; shift ;;
    --table) table_only=1 ;;
    *) say "bench/bars.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done

slug=$(machine_slug)
results=$root/bench/results/$slug-bars.csv
all=1000000000000 # a budget in which every slice stays
# The bars differ by the machine on which they were set.
grep -q AuthenticAMD /proc/cpuinfo && zen=1 || zen=
by_machine() { [ -n "$zen" ] && echo "$1" || echo "$2"; }

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
lowest() { sort -g | head -n 1; }

# bar NAME DETAIL SIGN TARGET MEASURED [UNIT]: a line of the results; SIGN is >= or <=.
bar() {
    local met=no
    [ "$(calc "($5 $3 $4)")" = 1 ] && met=yes
    [ -s "$results" ] || echo "date,machine,commit,bar,detail,sign,target,measured,unit,met" >"$results"
    echo "$(date -u +%Y-%m-%dT%H:%MZ),$(machine_name),$(commit_name),${1//,/;},${2//,/;},$3,$4,$5,${6:-},$met" >>"$results"
    printf '%-58s %s %s%s, bar %s %s: %s   %s\n' "$1" "$5" "" "${6:-}" "$3" "$4" "$met" "$2"
}

# run MODEL OPTIONS...: bench_run's JSON in $result; fails with what it said in $refusal.
run() {
    if ! result=$("$programs/bench_run" -m "$@" 2>&1); then
        refusal=${result#bench_run: }
        say "not run: $refusal"
        return 1
    fi
}
value() { echo "$result" | field "$1"; }

# use SHAPE LAYERS TYPE: a model of random weights; LAYERS empty: all of them.
use() { make_model "$1${2:+-$2-layers}-$3.gguf" --shape "$1" ${2:+--layers "$2"} --type "$3"; }

# The int8 GEMM on its own: the lowest share of the peak over all shapes (packed) and the share of every type (with unpacking).
part_kernels() {
    local level out threads rows column target
    level=$("$programs/bench_machine" | field cpu)
    out=$("$programs/bench_kernels" --level "$level")
    for threads in 1 $(nproc); do
        bar "GEMM, packed, rows 512 and 2048, $threads threads" "lowest of K 2048 to 28672" ">=" "$(by_machine 90 80)" \
            "$(echo "$out" | awk -v t="$threads threads" '/GEMM int8/ { on = index($0, t) } /unpacking, weights/ { on = 0 } on && $1 == "K" { sub(/.*[A-Za-z] +/, ""); print $5; print $6 }' | lowest)" %
    done
    for rows in "512 84 75" "2048 88 78" "128 65 65" "64 65 65" "32 35 35" "16 35 35"; do
        set -- $rows
        target=$(by_machine "$2" "$3")
        case $1 in 16) column=4 ;; 32) column=5 ;; 64) column=6 ;; 128) column=7 ;; 512) column=8 ;; *) column=9 ;; esac
        local of_types
        of_types=$(echo "$out" | awk -v t="$(nproc) threads: unpacking" -v c=$column '/weights\/ns/ { on = index($0, t) } /GEMM/ && !/weights\/ns/ { on = 0 } on && $3 == "|" { print $c, $1 }')
        bar "GEMM with unpacking, $1 rows" "$(echo "$of_types" | awk '{ printf "%s%s %s", (NR > 1 ? "; " : ""), $2, $1 }')" ">=" "$target" "$(echo "$of_types" | awk '{ print $1 }' | lowest)" %
    done
}

# One layer's attention over one document of 512 and 2,000 tokens, heads of 64 and 128, 1 to 8 query heads to a key head.
part_attention() {
    bar "attention alone, of the f32 FMA peak" "lowest of heads of 64 and 128; 512 and 2000 tokens" ">=" 60 \
        "$("$programs/bench_attention" --threads "$(nproc)" | awk 'NR > 1 && $5 >= 512 { print $7 }' | lowest)" %
}

# All of the model in memory, documents of 512 tokens that share nothing, 2,048 rows to a sweep: sweeps after the first. What is neither products, unpacking, attention nor waiting for the disk is the rest.
part_runs() {
    local shape layers target type before share rest detail shares rests
    for shape in 8B 1B; do
        layers= target=$(by_machine 66 58)
        [ $shape = 1B ] || { layers=8 target=$(by_machine 75 66); }
        detail= shares= rests=
        for type in $types; do
            use $shape "$layers" "$type" || continue
            before=$(int8_peak)
            run "$model" --memory $all --rows 2048 --tokens 512 --prompts 8 || continue
            share=$(calc "200 * $(value steady_ops_per_s) / ($before + $(int8_peak))" %.1f)
            rest=$(calc "100 * ($(value seconds_compute) - $(value seconds_products) - $(value seconds_unpacking) - $(value seconds_attention)) / $(value seconds)" %.1f)
            detail+="${detail:+; }$type $share"
            shares+=$share$'\n' rests+=$rest$'\n'
            [ "$type" = Q4_K ] || forget_large
        done
        bar "prompt tokens, resident, $shape${layers:+ of $layers layers}, of the int8 peak" "$detail" ">=" "$target" "$(printf %s "$shares" | lowest)" %
        bar "neither products, attention nor waiting, $shape${layers:+ of $layers layers}" "median of all types" "<=" 8 "$(printf %s "$rests" | median)" %
    done
}
int8_peak() { "$programs/bench_machine" | field int8_per_s; }
# Files that no other part needs, where they are large.
forget_large() { [ "$(wc -c <"$model")" -lt 2500000000 ] || rm -f "$model"; }

# Attention's share of a run over documents of 2,000 tokens.
part_shares() {
    local shape layers target
    for shape in "70B 4 10" "8B 8 17"; do
        set -- $shape
        use "$1" "$2" Q4_K || continue
        run "$model" --memory $all --rows 2000 --tokens 2000 --prompts 2 || continue
        bar "attention's share, documents of 2000 tokens, $1 of $2 layers" "" "<=" "$3" "$(calc "100 * $(value seconds_attention) / $(value seconds)" %.1f)" %
    done
}

# 8B Q4_K under a quarter of its file, cold, beside the same run resident, 1,024 rows to a sweep, in turns: sweeps after the first.
part_stream() {
    local turn resident streamed ratios= file_bytes
    use 8B "" Q4_K || return 0
    file_bytes=$(wc -c <"$model")
    for ((turn = 0; turn < turns; turn++)); do
        run "$model" --memory $all --rows 1024 --tokens 512 --prompts 4 || return 0
        resident=$(value steady_rows_per_s)
        run "$model" --memory $((file_bytes / 4)) --rows 1024 --tokens 512 --prompts 4 || return 0
        streamed=$(value steady_rows_per_s)
        ratios+=$(calc "100 * $streamed / $resident" %.1f)$'\n'
    done
    bar "8B Q4_K under 1/4 of its file, of the resident rate" "1024 rows; last turn $streamed and $resident tokens/s" ">=" 95 "$(printf %s "$ratios" | median)" %
}

# Few rows: bytes read in whole runs over the raw rate around them; beside it over the rate of reads of which a core reads every byte, which is all that a run can have.
part_disk() {
    local case turn shares of_used detail= low=
    for case in "8B Q4_K 1/4" "1B Q8_0 1/4" "1B Q8_0 1/2" "1B F16 1/4"; do
        set -- $case
        use "$1" "" "$2" || continue
        measure_machine "$model"
        shares= of_used=
        for ((turn = 0; turn < turns; turn++)); do
            run_beside_raw "$model" --memory "$(calc "$(wc -c <"$model") * $3")" --rows 16 --tokens 16 --prompts "$([ "$1" = 8B ] && echo 4 || echo 12)" || continue 2
            shares+=$(calc "100 * $(value bytes_per_s) / $raw" %.1f)$'\n'
            of_used+=$(calc "100 * $(value bytes_per_s) / $used" %.1f)$'\n'
        done
        low+=$(printf %s "$shares" | median)$'\n'
        detail+="${detail:+; }$1 $2 at $3: $(printf %s "$shares" | median) ($(printf %s "$of_used" | median) of used reads)"
    done
    [ -z "$low" ] || bar "disk-bound, 16 rows, cold, of the raw rate" "$detail" ">=" 95 "$(printf %s "$low" | lowest)" %
}

# Rows of 0.5, 1 and 2 T*: the time of a sweep under a quarter of the file over max(resident sweep, unpinned bytes at the raw rate).
part_balance() {
    local rows scale turn resident limit ratios detail= high= file_bytes tokens
    use 8B "" Q4_K || return 0
    file_bytes=$(wc -c <"$model")
    measure_machine "$model"
    for scale in 0.5 1 2; do
        rows=$(calc "$scale * $peak * 0.5625 / (2 * $raw)")
        tokens=$((rows / 4)) rows=$((rows / 4 * 4))
        ratios=
        for ((turn = 0; turn < turns; turn++)); do
            run "$model" --memory $all --rows "$rows" --tokens "$tokens" --prompts 12 || return 0
            resident=$(calc "$rows / $(value steady_rows_per_s)" %.4f)
            run_beside_raw "$model" --memory $((file_bytes / 4)) --rows "$rows" --tokens "$tokens" --prompts 12 || return 0
            limit=$(calc "$(value bytes_per_sweep) / $raw" %.4f)
            ratios+=$(calc "$rows / $(value steady_rows_per_s) / ($resident > $limit ? $resident : $limit)" %.3f)$'\n'
        done
        high+=$(printf %s "$ratios" | median)$'\n'
        detail+="${detail:+; }$rows rows ($scale T*): $(printf %s "$ratios" | median)"
    done
    bar "a sweep over max(resident; disk) at 0.5 to 2 T*" "$detail" "<=" 1.11 "$(printf %s "$high" | sort -gr | head -n 1)" ""
}

# llama.cpp, in turns: see peer.sh.
part_peer() {
    local line
    [ -n "${TRAWL_BENCH_LLAMA:-}" ] || { say "skipped: beside llama.cpp: TRAWL_BENCH_LLAMA=FOLDER names a build of it"; return 0; }
    local file=$root/bench/results/$slug-peer.csv before
    before=$(cat "$file" 2>/dev/null | wc -l)
    "$root/bench/peer.sh" --parts "$peer_parts" --turns "$turns"
    peer_bars "$file" "$before"
}

# peer_bars FILE N: the newest ratio of every model, options and build that came after its first N lines.
peer_bars() {
    local model options build setting ratio target ours theirs
    while IFS=, read -r model options build setting ratio target ours theirs; do
        [ "$target" = - ] && continue
        bar "beside llama.cpp: $model${options:+, $options}, $build" "$(calc "$ours" %.1f) and $(calc "$theirs" %.1f) tokens/s ($setting)" ">=" "$target" "$ratio" x
    done < <(awk -F, -v before="$2" 'NR > 1 && NR > before { k = $5 FS $6 FS $9; if (!(k in row)) order[++n] = k; row[k] = $5 FS $6 FS $9 FS $10 FS $12 FS $13 FS $7 FS $11 } END { for (i = 1; i <= n; i++) print row[order[i]] }' "$1")
}

# A sheet about pages beside llama.cpp's server: see server.sh.
part_server() {
    local out way target answers rows theirs rows_theirs
    out=$(mktemp)
    "$root/bench/server.sh" | tee "$out"
    if grep -q "^llama.cpp's server, one by one" "$out"; then
        # The two newest lines; our rates are theirs times the ratios.
        tail -n 2 "$root/bench/results/$slug-server.csv" | cut -d, -f8,9,15- | while IFS=, read -r way setting theirs rows_theirs answers rows; do
            case $way in *"page first") target=2 ;; *) target=5 ;; esac
            bar "beside $way, 12 questions about pages, answers" "$(calc "$answers * $theirs" %.2f) and $(calc "$theirs" %.2f) answers/s ($setting)" ">=" $target "$answers" x
            bar "beside $way, 12 questions about pages, rows" "$(calc "$rows * $rows_theirs" %.1f) and $(calc "$rows_theirs" %.1f) rows/s ($setting)" ">=" $target "$rows" x
        done
    fi
    rm -f "$out"
}

part_airllm() {
    local out
    out=$("$root/bench/airllm.sh" --turns "$turns")
    echo "$out"
    echo "$out" | awk '$1 == "cold" || $1 == "cached" { print $1, $4, $2 " and " $3 " tokens/s" }' | while read -r cache ratio detail; do
        bar "beside AirLLM: 32 prompts of 128 tokens, 1B BF16, $cache" "$detail" ">=" 1 "$ratio" x
    done
}

# The int8 arithmetic beside llama.cpp's on real weights, TRAWL_BENCH_MODEL=FILE.gguf (of architecture llama, and of a type with blocks of 32) and
# TRAWL_BENCH_TEXT=FILE: the highest ratio of mean KL to the float forward of the same weights. llama.cpp rounds activations in groups of 32 for types with
# blocks of 32, and of 256 for K-quants; for those the model is padded, so that all its matrices can be K-quants. $PYTHON needs what tools/kl_table.py does.
part_accuracy() {
    local peer folder=$models/accuracy padded
    if [ -z "${TRAWL_BENCH_LLAMA:-}" ] || [ -z "${TRAWL_BENCH_MODEL:-}" ] || [ -z "${TRAWL_BENCH_TEXT:-}" ]; then
        say "skipped: accuracy beside llama.cpp: TRAWL_BENCH_LLAMA=FOLDER names a build of it, TRAWL_BENCH_MODEL a GGUF file and TRAWL_BENCH_TEXT a text"
        return 0
    fi
    peer=${TRAWL_BENCH_LLAMA%/} peer=${peer%/bin}
    mkdir -p "$folder"
    padded=$folder/$(basename "$TRAWL_BENCH_MODEL" .gguf).padded.gguf
    kl_bar "32-block types" 1.5 "$TRAWL_BENCH_MODEL" shipped Q8_0 Q4_0 Q5_1
    [ -s "$padded" ] || "${PYTHON:-python3}" "$root/tools/pad_model.py" "$TRAWL_BENCH_MODEL" "$padded" || return 0
    kl_bar "K-quants, padded" 0.5 "$padded" Q4_K Q5_K Q6_K
}

# kl_bar WHAT TARGET MODEL TYPES...: the highest ratio of tools/kl_table.py's table.
kl_bar() {
    local what=$1 target=$2 model=$3 rows
    shift 3
    rows=$("${PYTHON:-python3}" "$root/tools/kl_table.py" --peer "$peer" --trawl "$root/trawl" --model "$model" --text "$TRAWL_BENCH_TEXT" --work "$folder" --pure \
        --types "$@" | tail -n +3) || { say "not run: accuracy beside llama.cpp, $what"; return 0; }
    bar "mean KL beside llama.cpp, $what" "$(echo "$rows" | awk -F ' *[|] *' '{ printf "%s%s %s and %s", (NR > 1 ? "; " : ""), $2, $3, $5 }')" "<=" "$target" \
        "$(echo "$rows" | awk -F ' *[|] *' '{ print $7 }' | sort -gr | head -n 1)" x
}

# Instructions of the ARM64 kernels beside what their loops were meant to need: see arm_counts.sh.
part_arm() {
    local rows
    if ! rows=$("$root/bench/arm_counts.sh" | awk -F ' *[|] *' '/^$/ && n { exit } $2 ~ /^neon/ { n++; printf "%s %s of %s %.3f\n", $2, $4, $3, $4 / $3 }') || [ -z "$rows" ]; then
        say "skipped: instructions of the ARM64 kernels"
        return 0
    fi
    bar "ARM64, counted: instructions a multiply-add over those designed" "$(echo "$rows" | awk '{ printf "%s%s %s %s %s", (NR > 1 ? "; " : ""), $1, $2, $3, $4 }')" "<=" 1.1 \
        "$(echo "$rows" | awk '{ print $5 }' | sort -gr | head -n 1)" x
}

# The newest figure of every bar, as Markdown; into docs/performance.md between this machine's marks.
table() {
    local page=$root/docs/performance.md begin="<!-- bars: $slug -->" end="<!-- end of bars: $slug -->" made
    made=$(mktemp)
    {
        echo "$begin"
        echo "| bar | asked | measured | met | detail | commit |"
        echo "|---|---|---|---|---|---|"
        awk -F, 'NR > 1 { if (!($4 in row)) order[++n] = $4
            unit = $9 == "%" ? " %" : $9
            row[$4] = "| " $4 " | " $6 " " $7 unit " | " $8 unit " | " $10 " | " $5 " | " $3 " |" }
            END { for (i = 1; i <= n; i++) print row[order[i]] }' "$results"
        echo "$end"
    } >"$made"
    cat "$made"
    if grep -qF "$begin" "$page"; then
        awk -v begin="$begin" -v end="$end" -v made="$made" '$0 == begin { while ((getline line < made) > 0) print line; skip = 1 } !skip { print } $0 == end { skip = 0 }' "$page" >"$page.new"
        mv "$page.new" "$page"
    fi
    rm -f "$made"
}

if [ -z "$table_only" ]; then
    [ "$parts" = accuracy ] || keep_pages # nothing of that is timed
    echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d); $(nproc) threads"
    for part in $parts; do
        declare -F "part_$part" >/dev/null || { say "bench/bars.sh: no such part: $part"; exit 2; }
        "part_$part"
    done
fi
table
