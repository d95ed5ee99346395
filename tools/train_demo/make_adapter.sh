#!/bin/sh
# Makes the demo's adapter as it is checked in, and the bag of words it is compared with. Arguments: a Python with
# requirements.txt installed, the model (SmolLM2-135M-Instruct.Q4_1.gguf), the file to write; baseline.tsv goes beside it.
#
# Three runs on pages put together from sentences, by the generator as it was in commit ec769c2: the first was left after
# 175 of its 350 steps, when it had clearly begun to learn; the second went on with other pages and with more weight on
# what matters most; the third settled what was learned. A fourth run learned from the drafts, whole pages, as of commit
# a48e240; it answers better about events and worse about some attributes, so the next began between the third and the
# fourth. Two runs side by side then learned from pairs of opposite pages, with yes weighing twice; a run of
# 120 steps went on from their average, and the middle between that average and where it arrived is checked in.
set -eu
python=$(cd "$(dirname "$(command -v "$1")")" && pwd)/$(basename "$1")
model=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
demo="$here/../../data/demo"
wordings="$demo/questions.tsv"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for commit in ec769c2 a48e240; do
    mkdir "$work/$commit"
    git -C "$here" archive "$commit" . | tar x -C "$work/$commit"
done
first="$work/ec769c2" fourth="$work/a48e240" step="$work/step"

train() { # FOLDER OPTION...
    folder=$1
    shift
    "$python" "$folder/train.py" --model "$model" --batch-pages 8 --b-lr 2 "$@"
}

train "$first" --out "$step.1" --seed 1 --pages 2800 --stop-step 175 --average 0.97 --save-steps 25 \
    --even-topics --question-first 0.08 --warmup 15 --lr 7e-4
train "$first" --out "$step.2" --start "$step.1" --seed 2 --pages 4640 --stop-step 300 --average 0.98 --save-steps 50 \
    --question-first 0.08 --warmup 15 --lr 7e-4
train "$first" --out "$step.3" --start "$step.2" --seed 5 --pages 1440 --average 0.96 --save-steps 30 \
    --wordings "$wordings" --question-first 0.08 --warmup 8 --lr 5e-4
train "$fourth" --out "$step.4" --start "$step.3" --seed 6 --pages 4800 --stop-step 500 --average 0.98 --save-steps 50 \
    --wordings "$wordings" --question-first 0.08 --warmup 12 --lr 6e-4
"$python" "$here/mix.py" "$step.3" "$step.4" 0.35 "$step.5"
for seed in 23 24; do
    train "$here" --out "$step.$seed" --start "$step.5" --seed "$seed" --pages 8000 --stop-step 20 --keep-steps 20 \
        --workers 1 --average 0.96 --save-steps 1000 --wordings "$wordings" --question-first 0.04 --warmup 10 --lr 4e-4 \
        --frozen-layers 10 --yes-weight 2 --page-questions 5 --part-tokens 4096
done
"$python" "$here/mix.py" "$step.23.20" "$step.24.20" 0.5 "$step.6"
train "$here" --out "$step.31" --start "$step.6" --seed 31 --pages 2560 --stop-step 120 --keep-steps 120 --average 0.97 --save-steps 1000 \
    --wordings "$wordings" --question-first 0.04 --warmup 10 --lr 4e-4 --frozen-layers 10 --yes-weight 1.5 --page-questions 5 \
    --part-tokens 4096
"$python" "$here/mix.py" "$step.6" "$step.31.120" 0.5 "$out"

see() { # FOLDER SEED NUMBER: the pages that a run has seen
    (cd "$1" && "$python" -m pages --seed "$2" --n "$3") >"$work/$2.jsonl"
}

see "$first" 1 1400
see "$first" 2 2400
see "$first" 5 1440
see "$fourth" 6 4000
see "$here" 23 160
see "$here" 24 160
see "$here" 31 960
"$python" "$here/bow.py" --labels "$demo/labels.tsv" --documents "$demo/pages" --out "$(dirname "$out")/baseline.tsv" \
    --pages "$work/1.jsonl" --pages "$work/2.jsonl" --pages "$work/5.jsonl" --pages "$work/6.jsonl" \
    --pages "$work/23.jsonl" --pages "$work/24.jsonl" --pages "$work/31.jsonl"
