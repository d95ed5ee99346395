#!/bin/sh
# Makes the demo's adapter as it is checked in. Arguments: a Python with requirements.txt installed,
# the model (SmolLM2-135M-Instruct.Q4_1.gguf), the file to write.
#
# Three runs on pages put together from sentences, by the generator as it was in commit ec769c2: the first was left after
# 175 of its 350 steps, when it had clearly begun to learn; the second went on with other pages and with more weight on
# what matters most; the third settled what was learned. A fourth run learned from the drafts, whole pages; it answers
# better about events and worse about some attributes. What is checked in lies between the third and the fourth.
set -eu
python=$1 model=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git -C "$here" archive ec769c2 . | tar x -C "$before"
mkdir "$before/drafts"
git -C "$here" archive a48e240 . | tar x -C "$before/drafts" # the fourth run, as it was
wordings="$here/../../data/demo/questions.tsv"
common="--batch-pages 8 --b-lr 2 --question-first 0.08"
"$python" "$before/train.py" --model "$model" --out "$out.1" --seed 1 --pages 2800 --stop-step 175 \
    --average 0.97 --save-steps 25 --even-topics --warmup 15 --lr 7e-4 $common
"$python" "$before/train.py" --model "$model" --out "$out.2" --seed 2 --pages 4640 --start "$out.1" \
    --stop-step 300 --average 0.98 --save-steps 50 --warmup 15 --lr 7e-4 $common
"$python" "$before/train.py" --model "$model" --out "$out.3" --seed 5 --pages 1440 --start "$out.2" \
    --average 0.96 --save-steps 30 --wordings "$wordings" --warmup 8 --lr 5e-4 $common
"$python" "$before/drafts/train.py" --model "$model" --out "$out.4" --seed 6 --pages 4800 --start "$out.3" \
    --stop-step 500 --average 0.98 --save-steps 50 --wordings "$wordings" --warmup 12 --lr 6e-4 $common
"$python" "$here/mix.py" "$out.3" "$out.4" 0.35 "$out"
rm "$out.1" "$out.2" "$out.3" "$out.4"
