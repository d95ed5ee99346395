#!/bin/sh
# Makes the demo's adapter as it is checked in. Arguments: a Python with requirements.txt installed,
# the model (SmolLM2-135M-Instruct.Q4_1.gguf), the file to write.
#
# Three runs: the first was left after 175 of its 350 steps, when it had clearly begun to learn; the
# second goes on from there with other pages and with more weight on what matters most. It was left
# at step 300. The third, on pages of its own and to the end of its schedule, settles what was learned: its best
# average on the dev pages is the checked-in adapter.
set -eu
python=$1 model=$2 out=$3
train=$(dirname "$0")/train.py
common="--batch-pages 8 --warmup 15 --lr 7e-4 --b-lr 2 --question-first 0.08"
"$python" "$train" --model "$model" --out "$out.first" --seed 1 --pages 2800 --stop-step 175 \
    --average 0.97 --save-steps 25 --even-topics $common
"$python" "$train" --model "$model" --out "$out.second" --seed 2 --pages 4640 --start "$out.first" \
    --stop-step 300 --average 0.98 --save-steps 50 $common
"$python" "$train" --model "$model" --out "$out" --seed 5 --pages 1440 --start "$out.second" \
    --average 0.96 --save-steps 30 --wordings "$(dirname "$0")/../../data/demo/questions.tsv" \
    --batch-pages 8 --warmup 8 --lr 5e-4 --b-lr 2 --question-first 0.08
rm "$out.first" "$out.second"
