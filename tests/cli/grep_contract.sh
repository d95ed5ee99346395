#!/usr/bin/env bash
# `trawl grep --unit line --threshold 0 QUESTION` prints, byte for byte and with its exit status, what `grep -a ''` prints over the same
# files: every option alone, all pairs, and random sets of them, over every kind of file.
#   TRAWL            the program (default ./trawl)
#   TRAWL_TEST_MODEL any small model; the answers do not matter, so its weights are not even read
#   SEED, N_RANDOM   of the random sets
set -u
export LC_ALL=C
TRAWL=$(realpath "${TRAWL:-./trawl}")
if [ -z "${TRAWL_TEST_MODEL:-}" ]; then
    echo "skipped: grep_contract: TRAWL_TEST_MODEL names no model"
    exit 77
fi
MODEL=$(realpath "$TRAWL_TEST_MODEL")
SEED=${SEED:-1}
N_RANDOM=${N_RANDOM:-60}
RANDOM=$SEED
unset GREP_COLORS GREP_COLOR TRAWL_MODEL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2

printf 'one\ntwo\nthree\nfour\nfive\n' >lines
printf 'no end\nof the last' >open
printf 'dos\r\n\r\nline\r\n' >crlf
: >empty
printf '\n' >blank
printf '\n\n  \n\nx\n\n' >blanks
printf 'a\0b\0c\nd\0' >nul
printf 'caf\351 \377\376\n\200\n' >latin
printf -- '-n\n-- \n:x\n' >-dash
printf 'name: with colon\n' >'a:b c'
for i in $(seq 1 40); do echo "line $i"; done >many
mkdir sub && printf 'below\n' >sub/below
seq 1 30 | tr '\n' '\0' >zeros
printf 'same\n' >same
printf '\0' >one_nul
printf 'x\0' >last_nul
{ head -c 200000 /dev/zero | tr '\0' x && printf '\nshort\n\n'; } >long

passed=0
failed=0
args_trawl=(--threshold 0 --unit line "--model=$MODEL" --memory 64M --threads 1 --reader null -a 'Is it?')

compare() { # options ... -- operands ...; standard input is $stdin
    grep -a "$@" >want 2>want.err <"$stdin"
    local want=$?
    "$TRAWL" grep "${args_trawl[@]}" "${trawl_options[@]}" >got 2>got.err <"$stdin"
    local got=$?
    if [ $want = $got ] && cmp -s want got; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED (grep: exit $want, trawl: exit $got): ${trawl_options[*]}"
        cmp want got
        head -3 got.err
    fi
}

# try "options" "operands": as many words as they have.
try() {
    local -a options operands
    eval "options=($1)"
    eval "operands=($2)"
    trawl_options=("${options[@]}" -- "${operands[@]}")
    # grep takes its pattern as the first operand, trawl its question, which stands before these.
    compare "${options[@]}" -- '' "${operands[@]}"
}

stdin=lines
singles=(-c -l -L -n -H -h -q -s -Z -z -v '-m 1' '-m 0' '-m -1' '-A 1' -B1 '-C 2' -2 '-A 0' --color=always)
aliases=(--colour=always --color=never --line-buffered --null --null-data --count --text -m2 --max-count=3
    --after-context=1 --before-context=1 --context=1 --with-filename --no-filename --quiet --silent --line-number
    --files-with-matches --files-without-match --invert-match --no-messages)
files='lines open crlf empty blank blanks nul latin ./-dash "a:b c" sub/below same same'

for option in '' "${singles[@]}"; do
    try "$option" "$files"
    try "$option" lines
    try "$option" 'missing lines'
    try "$option" 'empty'
    try "$option" ''
    [[ $option = -m* || $option = --max* ]] || try "$option" '- lines -'
done
for option in "${aliases[@]}"; do try "$option" 'lines open missing nul'; done
try -n 'lines many many zeros'
try '-z -n' 'zeros nul lines empty'
for binary in '-I' '-I -a' '--text -I' '-I --text' '-a --text -I -c'; do try "$binary" 'nul lines one_nul'; done

pairs=(-c -l -L -n -H -h -q -Z -z -v '-m 1' '-A 1' '-B 1' '-C 1' --color=always)
for ((i = 0; i < ${#pairs[@]}; i++)); do
    for ((j = i + 1; j < ${#pairs[@]}; j++)); do
        try "${pairs[i]} ${pairs[j]}" 'lines open blanks nul empty'
    done
done
for option in -q '-q -s' -l -L -c -s '-c -s' '-q -v' '-L -v' '-c -v' '-L -m 0' '-n -v'; do
    try "$option" 'missing'
    try "$option" 'missing lines'
    try "$option" 'lines missing'
    try "$option" 'empty missing empty'
done
for wrong in '-A -1' '-A x' '-m x' '--unknown'; do
    try "$wrong" lines
done

pool=(-c -l -L -n -H -h -q -s -Z -z -v '-m 1' '-m 2' '-m 5' '-m 0' '-m -3' '-A 1' '-A 3' '-A 0' '-B 1' '-B 9' '-B 0' '-C 1' '-C 0'
    -1 -12 -nH -hn -lc -lv -Lv -ql -sq -zZ -zc -zn -cZ -nZ -nA2 --color=always --colour --line-buffered --null --text
    --no-filename --max-count=1 --context=2 --before-context=2 --files-without-match)
operands=(lines open crlf empty blank blanks nul latin ./-dash '"a:b c"' many missing - zeros sub/below gone/ one_nul last_nul long)
for ((n = 0; n < N_RANDOM; n++)); do
    options=''
    names=''
    for ((k = RANDOM % 5; k >= 0; k--)); do options+=" ${pool[RANDOM % ${#pool[@]}]}"; done
    for ((k = RANDOM % 4; k >= 0; k--)); do names+=" ${operands[RANDOM % ${#operands[@]}]}"; done
    # grep gives back what -m did not need of its standard input, for the next `-` to read.
    [[ $options = *-m* && $names = *" - "*" -"* ]] && continue
    stdin=${operands[RANDOM % 4]}
    try "$options" "$names"
done

echo "grep_contract (seed $SEED): $passed passed, $failed failed"
[ $failed = 0 ]
