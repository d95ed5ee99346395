#!/usr/bin/env bash
# make bench-server: a sheet of twelve yes/no questions about 64 pages of 300 tokens, beside llama.cpp's server. 8B shape, Q4_K, 4.5 GB, both in a memory cgroup of 2 GiB, cold.
#
#   TRAWL_BENCH_LLAMA=FOLDER bench/server.sh [--pages 64] [--server-pages 16] [--one-by-one-pages 2] [--settings "16,unified,f16"] [--memory BYTES] [--layers N]
#
# FOLDER is what tools/make_peer.sh made. The server is asked in two ways, which bench/server_rate.py explains: page first, its best, and one question at a time. It is slower, so it gets
# the first --server-pages of the pages (enough to fill its micro-batches) and rates are compared: answers a second, and rows, the tokens that each computes. A quarter of an hour on two cores;
# --server-pages 62 asks it about all that it is not asked about one by one, a quarter of an hour more. Ours is the whole run, from the start of the program to the table and its job; theirs
# begins with the model loaded. A setting of the server is SLOTS,CACHE,TYPE: one cache for all slots (unified) or one each (split), keys and values of TYPE; of several the best counts.
# Both are given the same tokens, which is checked.
#
# Pages are the demo's texts, cut to length; words need a real tokenizer, so the model of random weights takes that of TRAWL_BENCH_TOKENIZER, by default of the model that `make demo` fetched.
# With --layers the model is cut short and the cgroup with it: a quick look, not the bar.
set -euo pipefail
pages=64 server_pages=16 one_by_one_pages=2 settings="16,unified,f16" memory= layers= tokens=300
source "$(dirname "$0")/common.sh"
source "$root/bench/cgroup.sh"
while [ $# -gt 0 ]; do
    case $1 in
    --pages) pages=$2; shift ;;
    --server-pages) server_pages=$2; shift ;;
    --one-by-one-pages) one_by_one_pages=$2; shift ;;
    --settings) settings=$2; shift ;;
    --memory) memory=$2; shift ;;
    --layers) layers=$2; shift ;;
    *) say "bench/server.sh: no such option: $1"; exit 2 ;;
    esac
    shift
done
find_peer "llama.cpp's server" llama-server
tokenizer=${TRAWL_BENCH_TOKENIZER:-${XDG_CACHE_HOME:-$HOME/.cache}/trawl/SmolLM2-135M-Instruct.Q4_1.gguf}
if [ ! -s "$tokenizer" ]; then
    echo "skipped: beside llama.cpp's server: $tokenizer is not there: make demo fetches it, or TRAWL_BENCH_TOKENIZER names another model"
    exit 0
fi
if [ $((server_pages + one_by_one_pages)) -gt "$pages" ]; then
    # The first way must not have left the second one's pages in the cache.
    one_by_one_pages=$((pages - server_pages))
    [ $one_by_one_pages -gt 0 ] || { say "bench/server.sh: --server-pages leaves no page for asking one by one: at most $((pages - 1)) of $pages"; exit 2; }
fi
trawl=$root/build/${BUILD:-release}/trawl questions=$root/bench/server_questions.txt threads=$(nproc)
results=$root/bench/results/$(machine_slug)-server.csv
group=
work=$(mktemp -d)
trap 'remove_group; rm -rf "$work"' EXIT

# tell WAY SETTING PAGES ANSWERS PROMPT_TOKENS ROWS SECONDS: a line of the table, and of the file of results. Ours is first, and the others are compared with it.
row="%-28s %-18s %5s %7s %8s %8s %9s %8s %8s %8s\n"
ours=
tell() {
    local answers_per_s rows_per_s ratio_answers= ratio_rows=
    answers_per_s=$(calc "$4 / $7" %.4f) rows_per_s=$(calc "$6 / $7" %.2f)
    if [ -z "$ours" ]; then
        ours="$answers_per_s $rows_per_s"
    else
        ratio_answers=$(calc "${ours% *} / $answers_per_s" %.2f) ratio_rows=$(calc "${ours#* } / $rows_per_s" %.2f)
    fi
    printf "$row" "$1" "$2" "$3" "$4" "$6" "$(calc "$7" %.1f)" "$(calc "$answers_per_s" %.3f)" "$(calc "$rows_per_s" %.1f)" "$ratio_answers" "$ratio_rows"
    [ -s "$results" ] || echo "date,machine,commit,command,model,memory_bytes,peer,way,setting,pages,answers,prompt_tokens,rows,seconds,answers_per_s,rows_per_s,ratio_answers,ratio_rows" >"$results"
    echo "$(date -u +%Y-%m-%dT%H:%MZ),$(machine_name),$(commit_name),${command_line//,/ },$(basename "$model"),$memory,$(cat "$peer/VERSION"),${1//,/},${2//,/ },$3,$4,$5,$6,$7,$answers_per_s,$rows_per_s,$ratio_answers,$ratio_rows" >>"$results"
}

# ask_trawl: the whole sheet; its prompt tokens in $ours_tokens.
ask_trawl() {
    local started seconds
    forget_model
    started=$EPOCHREALTIME
    # What is not the budget is for the kernel's own pages of the process.
    if ! in_group "$trawl" ask -m "$model" --questions "$questions" --memory $((memory - 64000000)) --threads "$threads" --no-progress \
        --stats "$work/stats.json" -o "$work/table.csv" "$work/pages" 2>"$work/said"; then
        say "bench/server.sh: trawl did not run: $(tail -n 1 "$work/said")"
        exit 2
    fi
    seconds=$(calc "$EPOCHREALTIME - $started" %.2f)
    result=$(cat "$work/stats.json")
    ours_tokens=$(echo "$result" | field prompt_tokens)
    tell trawl "$(echo "$result" | field sweeps) sweeps" "$pages" "$(echo "$result" | field sequences)" "$ours_tokens" "$(echo "$result" | field rows)" "$seconds"
}

# ask_server SLOTS CACHE TYPE: the lines of both ways in $work/rates.
ask_server() {
    local unified=
    [ "$2" = split ] || unified=--unified
    forget_model
    python3 "$root/bench/server_rate.py" "$peer/bin/llama-server" "$trawl" "$model" "$questions" "$work/pages" --group "$group" --threads "$threads" \
        --pages "$server_pages" --pages-one-by-one "$one_by_one_pages" --slots "$1" $unified --cache-type "$3" >"$work/rates" 2>"$work/said"
}

# Of one way in $work/rates: a value, by its key.
rate_of() { grep "\"$1\"" "$work/rates" | field "$2"; }

make_model "8B${layers:+-$layers-layers}-words-Q4_K.gguf" --shape 8B ${layers:+--layers "$layers"} --type Q4_K --tokenizer "$tokenizer"
[ -n "$memory" ] || memory=$(calc "2147483648 * $("$programs/bench_make_model" --shape 8B ${layers:+--layers "$layers"} --type Q4_K --bytes) / $("$programs/bench_make_model" --shape 8B --type Q4_K --bytes)")
make_group "$memory"
if [ -z "$group" ]; then
    echo "beside llama.cpp's server: not run: no memory cgroup can be made here"
    exit 0
fi
mkdir "$work/pages"
python3 "$root/bench/cut_pages.py" "$trawl" "$model" "$root/data/demo/pages" "$work/pages" --pages "$pages" --tokens $tokens
echo "$(machine_name); commit $(commit_name); $(date -u +%Y-%m-%d); $threads threads; beside $(cat "$peer/VERSION"); 8B${layers:+ of $layers layers} Q4_K, both in $(calc "$memory / 1048576") MiB; $(wc -l <"$questions") questions about $pages pages of $tokens tokens"
printf "$row" "" "" pages answers rows seconds answers/s rows/s "ratio of" "and rows"
ask_trawl
best=0
for setting in $settings; do
    if ! ask_server ${setting//,/ }; then
        echo "llama.cpp's server with $setting did not run: $(tail -n 1 "$work/said")"
        continue
    fi
    theirs_tokens=$(rate_of "page first" sheet_prompt_tokens)
    if [ "$theirs_tokens" != "$ours_tokens" ]; then
        say "bench/server.sh: the sheet has $ours_tokens tokens for trawl and $theirs_tokens for the server: not the same prompts"
        exit 2
    fi
    rate=$(calc "$(rate_of "page first" answers) / $(rate_of "page first" seconds)" %.4f)
    if [ "$(calc "$rate > $best")" = 1 ]; then
        best=$rate best_setting=$setting
        cp "$work/rates" "$work/best"
    fi
    [ "$settings" = "$setting" ] || echo "tried: $setting: $rate answers/s"
done
[ "$best" != 0 ] || exit 2
cp "$work/best" "$work/rates"
for way in "page first" "one by one"; do
    [ "$way" = "page first" ] && asked=$server_pages || asked=$one_by_one_pages
    tell "llama.cpp's server, $way" "$best_setting" "$asked" "$(rate_of "$way" answers)" "$(rate_of "$way" prompt_tokens)" "$(rate_of "$way" rows)" "$(rate_of "$way" seconds)"
done
