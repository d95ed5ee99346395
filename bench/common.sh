# What the benchmark scripts share; sourced. Models lie in $TRAWL_BENCH_DIR and are made once.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=$root/build/${BUILD:-release}/bench
models=${TRAWL_BENCH_DIR:-$HOME/.cache/trawl-bench}
command_line="$(basename "$0") $*"

# field NAME: the value of a key of the flat JSON object on standard input; nothing when it has none.
field() { sed -n "s/.*\"$1\": \"\{0,1\}\([^,}\"]*\).*/\1/p"; }

# calc EXPRESSION [FORMAT]
calc() { awk "BEGIN { printf \"${2:-%.0f}\", ($1) }"; }

say() { echo "$*" >&2; }

machine_name() {
    local name
    name=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    [ -n "$name" ] || name=$(uname -m)
    echo "$name $(nproc) cores"
}

# The machine as a file name: the processor's model and the number of cores, nothing that tells the host.
machine_slug() { machine_name | tr 'A-Z' 'a-z' | sed 's/(r)\|(tm)//g; s/[^a-z0-9]\{1,\}/-/g; s/^-//; s/-$//'; }

commit_name() {
    local name
    name=$(git -C "$root" rev-parse --short HEAD 2>/dev/null) || name=unknown
    git -C "$root" diff --quiet HEAD -- src 2>/dev/null || name=$name+changes
    echo "$name"
}

# make_model FILE OPTIONS...: the model's path in $model; fails, saying so, where the disk has no room for it.
make_model() {
    model=$models/$1
    shift
    mkdir -p "$models"
    [ -s "$model" ] && return 0
    local wanted free
    wanted=$("$programs/bench_make_model" "$@" --bytes)
    free=$(df -Pk "$models" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
    if [ "$(calc "$wanted + 2e9 > $free")" = 1 ]; then
        say "skipped: $(basename "$model") needs $(calc "$wanted / 1e9" %.1f) GB and 2 GB to spare; $models has $(calc "$free / 1e9" %.1f) GB (TRAWL_BENCH_DIR names another folder)"
        return 1
    fi
    say "making $model ($(calc "$wanted / 1e9" %.1f) GB)"
    "$programs/bench_make_model" "$@" "$model.part" && sync "$model.part" && mv "$model.part" "$model"
}

# Drops the pages of [model] from the page cache.
forget_model() { dd if="$model" iflag=nocache count=0 status=none; }

# Measures the machine beside [model]: int8 peak, and the best size and number of direct reads; $machine, $peak, $raw, $requests.
measure_machine() {
    machine=$("$programs/bench_machine" "$1") || exit 2
    peak=$(echo "$machine" | field int8_per_s)
    raw=$(echo "$machine" | field raw_bytes_per_s)
    requests="--request $(echo "$machine" | field request_bytes) --in-flight $(echo "$machine" | field in_flight)"
    [ -n "$peak" ] || peak=0
}

# A virtual machine may give free memory back to its host within seconds, and a page that is then taken again costs some 10 us, 50 times what clearing it does: a
# model that moves into memory pays for it once in the first sweep, and bare machines never. So where this kernel may be told (as root), nothing goes back while a
# script runs, and the host has pages for most of what is free beforehand.
reporting=/sys/module/page_reporting/parameters/page_reporting_order
keep_pages() {
    local before
    before=$(cat $reporting 2>/dev/null) || return 0
    if ! (echo 11 >$reporting) 2>/dev/null; then
        say "free memory goes back to this machine's host while this runs (root could stop it): first sweeps cost more than elsewhere"
        return 0
    fi
    trap "echo $before >$reporting" EXIT
    "$programs/bench_machine" --back "$(awk '/^MemFree:/ { printf "%.0f", $2 * 1024 * 0.9 }' /proc/meminfo)"
}

# The raw rate of [model]'s disk now, with the requests found best: taken before and after what it is compared with.
raw_rate() { "$programs/bench_machine" $requests --seconds 1 "$1"; }

# run_beside_raw MODEL OPTIONS...: the run's JSON in $result, the mean raw rate around it in $raw, and in $used that of the same reads when a core reads what came; fails with the
# reason in $refusal.
run_beside_raw() {
    local before after said
    before=$(raw_rate "$1")
    said=$("$programs/bench_run" -m "$@" 2>&1) || {
        refusal=${said#bench_run: }
        return 1
    }
    result=$said
    after=$(raw_rate "$1")
    raw=$(calc "($(echo "$before" | field raw_bytes_per_s) + $(echo "$after" | field raw_bytes_per_s)) / 2")
    used=$(calc "($(echo "$before" | field used_bytes_per_s) + $(echo "$after" | field used_bytes_per_s)) / 2")
}

# find_peer WHAT PROGRAM: the folder of a build of llama.cpp in $peer; leaves, saying so, where there is none or it has no PROGRAM.
find_peer() {
    peer=${TRAWL_BENCH_LLAMA:-}
    if [ -z "$peer" ]; then
        echo "skipped: beside $1: TRAWL_BENCH_LLAMA=FOLDER names a build of it, and tools/make_peer.sh FOLDER makes one"
        exit 0
    fi
    peer=${peer%/} peer=${peer%/bin}
    if [ ! -x "$peer/bin/$2" ]; then
        say "$(basename "$0"): $peer/bin has no $2: tools/make_peer.sh $peer makes it"
        exit 2
    fi
}

results_header="date,machine,commit,command,run,memory_bytes,rows_per_batch,tokens,prompts,sweeps,seconds,rows_per_s,ops_per_s,int8_peak,bytes_read,bytes_per_s,raw_bytes_per_s,bound,bound_ratio,seconds_waiting,peak_memory_bytes,threads,cpu,reader"

# record NAME: appends $result to this machine's file of results.
record() {
    local file=$root/bench/results/$(machine_slug).csv key line
    mkdir -p "$root/bench/results"
    [ -s "$file" ] || echo "$results_header" >"$file"
    line="$(date -u +%Y-%m-%dT%H:%MZ),$(machine_name),$(commit_name),${command_line//,/;},$1"
    for key in memory_bytes rows_per_batch tokens prompts sweeps seconds rows_per_s ops_per_s; do
        line=$line,$(echo "$result" | field $key)
    done
    line=$line,$peak
    for key in bytes_read bytes_per_s; do line=$line,$(echo "$result" | field $key); done
    line=$line,$raw
    for key in bound bound_ratio seconds_waiting peak_memory_bytes threads cpu reader; do
        line=$line,$(echo "$result" | field $key)
    done
    echo "$line" >>"$file"
}
