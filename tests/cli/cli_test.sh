#!/usr/bin/env bash
# The program from outside: help and what is made from the option table, errors and exit statuses, units, HTML, JSON, samples, tokens,
# scores, and output that cannot be written. Answers of the test model are arbitrary, so only what does not depend on them is looked at.
#   TRAWL            the program (default ./trawl)
#   TRAWL_TEST_MODEL a small model with a recognised chat template or, for base models, none
set -u
export LC_ALL=C
TRAWL=$(realpath "${TRAWL:-./trawl}")
if [ -z "${TRAWL_TEST_MODEL:-}" ]; then
    echo "skipped: cli_test: TRAWL_TEST_MODEL names no model"
    exit 77
fi
MODEL=$(realpath "$TRAWL_TEST_MODEL")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
export HOME=$work/home XDG_CONFIG_HOME=$work/config
mkdir -p home config/trawl/models
unset TRAWL_MODEL GREP_COLORS

passed=0
failed=0
ok() { # description, then a command that must succeed
    local what=$1
    shift
    if "$@" >ok.log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        head -5 ok.log
    fi
}
# run EXIT args...: the program must end so; its output is in out and err.
run() {
    local want=$1 got
    shift
    "$TRAWL" "$@" >out 2>err </dev/null
    got=$?
    [ $got = "$want" ] || {
        echo "exit $got, expected $want: $*"
        cat err
        return 1
    }
}
says() { # EXIT text args...: exit status and a part of the message
    local want=$1 text=$2
    shift 2
    run "$want" "$@" && { grep -qF -- "$text" err || { cat err; return 1; }; }
}
prints() { # the exact standard output, then args
    local text=$1
    shift
    run 0 "$@" && { printf '%b' "$text" | cmp -s - out || { printf 'expected:\n%b' "$text"; echo 'got:'; cat out; return 1; }; }
}
json() { # a Python condition on `objects`, the JSON lines of out
    python3 - "$1" <<'P'
import json, math, sys
objects = [json.loads(line, parse_constant=lambda c: sys.exit("not JSON: " + c)) for line in open("out", encoding="utf-8")]
sys.exit(0 if eval(sys.argv[1]) else "false: %s\n%s" % (sys.argv[1], objects[:3]))
P
}
if ! command -v python3 >/dev/null; then
    echo "skipped: what JSON says (no python3)"
    json() { return 0; }
fi
all=(--threshold 0 "--model=$MODEL" --memory 256M)
ask=(grep "${all[@]}")

# ---- Help, manual, completions ----
commands='grep ask batch jobs read tokenize inspect score eval help completions version'
for command in $commands; do
    ok "help of $command" run 0 "$command" --help
    ok "help $command" run 0 help "$command"
    ok "usage of $command" grep -q "^usage: trawl $command" out
done
ok "overview" run 0 --help
for command in $commands; do ok "overview has $command" grep -q "^  $command " out; done
ok "version" prints "trawl $("$TRAWL" version | cut -d' ' -f2)\n" --version
ok "manual" run 0 help --man
cp out trawl.1
for option in threshold memory unit files-with-matches; do
    ok "manual has $option" grep -q -- "\\\\-\\\\-${option//-/\\\\-}" trawl.1
done
if command -v groff >/dev/null; then
    ok "manual renders" bash -c 'groff -man -ww -z trawl.1 2>warnings && [ ! -s warnings ]'
elif man -l trawl.1 2>/dev/null | grep -q THRESHOLD -i; then
    passed=$((passed + 1))
else
    echo "skipped: manual renders (no groff)"
fi
for shell in bash zsh fish; do
    ok "completions for $shell" run 0 completions $shell
    cp out completion.$shell
    if command -v $shell >/dev/null; then
        ok "completions parse in $shell" $shell -n completion.$shell
    else
        echo "skipped: completions parse in $shell (not installed)"
    fi
done
ok "bash completes commands" bash -c '. ./completion.bash; COMP_WORDS=(trawl to); COMP_CWORD=1; _trawl; [ "${COMPREPLY[*]}" = tokenize ]'
ok "bash completes options" bash -c '. ./completion.bash; compopt() { :; }; COMP_WORDS=(trawl grep --thres); COMP_CWORD=2; _trawl; [ "${COMPREPLY[*]}" = --threshold= ]'
ok "bash completes values" bash -c '. ./completion.bash; COMP_WORDS=(trawl grep --unit = par); COMP_CWORD=4; _trawl; [ "${COMPREPLY[*]}" = paragraph ]'
# Every option of the help is known to the parser.
for command in grep ask jobs read tokenize inspect score eval; do
    "$TRAWL" $command --help | grep -E '^ +-' | grep -oE -m1000 -- '--[a-z][a-z-]*' | sort -u | while read -r option; do
        "$TRAWL" $command "$option" 2>&1 </dev/null | grep -F 'there is no option' && echo "$option"
    done >unknown
    ok "options of $command are parsed" test ! -s unknown
done

# ---- Errors ----
ok "no command" says 2 'usage:'
ok "unknown command" says 2 "no command 'nets'" nets
ok "unknown option" says 2 "no option '--nets'" grep --nets q
ok "unknown letter" says 2 "no option '-@'" grep -@ q
ok "missing argument" says 2 'needs an argument' grep --memory
ok "argument not wanted" says 2 'takes no argument' grep --count=3 q
ok "ambiguous option" says 2 'may mean' grep --no- q
ok "no question" says 2 'no question' grep -m "$MODEL"
ok "no model" says 2 'make demo' grep q
ok "no such model file" says 2 'nowhere.gguf' grep -m nowhere.gguf q
ok "no such model name" says 2 'no such model' grep -m nobody q
ok "not a model" says 2 'trawl:' grep -m "$TRAWL" q
sed 's/tokenizer.ggml.model/tokenizer.ggml.modem/' "$MODEL" >odd.gguf
ok "a model without a tokenizer" says 2 'tokenizer.ggml.model: missing' tokenize -m odd.gguf
ok "its name once" bash -c '[ $(grep -o odd.gguf err | wc -l) = 1 ]'
ok "bad size" says 2 'not a size' grep -m "$MODEL" --memory lots q
ok "bad unit" says 2 'not one of: line paragraph file' grep -m "$MODEL" --unit word q
ok "bad template" says 2 'not one of' grep -m "$MODEL" --template nonsense q
ok "bad reader" says 2 'not one of' grep -m "$MODEL" --reader paper q
ok "top and count" says 2 '--top' grep -m "$MODEL" --top 3 -c q
ok "small budget" says 2 'trawl:' grep -m "$MODEL" --memory 1K q completion.bash
ok "stats nowhere, before anything is asked" says 2 'no/where' "${ask[@]}" --stats no/where q trawl.1 -m 1

# ---- Where the model comes from ----
printf 'one\ntwo\n' >two
ok "-m FILE" prints 'one\ntwo\n' grep -m "$MODEL" -t0 q two
ok "-m FILE -m NUM" prints 'one\n' grep -m "$MODEL" -m 1 -t0 q two
ok "TRAWL_MODEL" env TRAWL_MODEL="$MODEL" "$TRAWL" grep -t0 q two
printf '# ours\nmodel = %s\n' "$MODEL" >config/trawl/models/ours.conf
ok "-m NAME" prints 'one\ntwo\n' grep -m ours -t0 q two
ok "no file in config" says 2 'make demo' grep q two
printf 'model = ours\n' >config/trawl/config
ok "config file" prints 'one\ntwo\n' grep -t0 q two
printf 'modle = ours\n' >config/trawl/config
ok "config file with an error" says 2 'unknown key' grep -t0 q two
rm config/trawl/config

# ---- Units, directories, HTML ----
mkdir -p pages/b pages/d
printf 'first line\nof one\n\n \nof two\n\n' >pages/a.txt
printf '<!DOCTYPE html><title>The &amp; title</title><script>x</script><style>y</style><p>A  <b>bold</b>\nword<p hidden>no</p><ul><li>one<li>two</ul><table><tr><td>a<td>b</table>' >pages/b.html
printf 'below\n' >pages/b/c.txt
printf 'not \0 text\n' >pages/d/binary
: >pages/empty.txt
ln -s "$work/two" pages/link
ok "a directory: names in order" prints 'pages/a.txt\npages/b/c.txt\npages/b.html\npages/empty.txt\n' "${ask[@]}" q pages
ok "-r without a file" bash -c "cd pages && '$TRAWL' grep ${all[*]@Q} -r q >../out && printf 'a.txt\nb/c.txt\nb.html\nempty.txt\n' | cmp - ../out"
ok "include" prints 'pages/a.txt\npages/b/c.txt\n' "${ask[@]}" q pages --include='*.txt' --exclude=empty*
ok "-l of files" prints 'pages/a.txt\n' "${ask[@]}" -l q pages/a.txt
ok "-Z" prints 'pages/a.txt\0' "${ask[@]}" -lZ q pages/a.txt
ok "-c of files" prints 'pages/a.txt:1\npages/b/c.txt:1\n' "${ask[@]}" -c q pages --include=[ac].txt
ok "a file's text" prints '1:first line\n2:of one\n3:\n4: \n5:of two\n6:\n' "${ask[@]}" --unit file --text -n q pages/a.txt
ok "paragraphs" prints '1:first line\n2:of one\n\n5:of two\n' "${ask[@]}" --unit paragraph -n q pages/a.txt
ok "paragraph count" prints '2\n' "${ask[@]}" --unit paragraph -c q pages/a.txt
ok "HTML" prints 'The & title\n\nA bold word\n\none\ntwo\n\na\tb\n' "${ask[@]}" --unit file --text q pages/b.html
ok "raw HTML" prints '1\n' "${ask[@]}" --raw -c q pages/b.html -m1
ok "binary file is told" says 1 'binary file skipped' "${ask[@]}" q pages/d/binary
ok "binary file with -I" run 1 "${ask[@]}" -I q pages/d/binary
ok "-I is silent" test ! -s err
ok "binary file with -a" prints 'not \0 text\n' "${ask[@]}" -a q pages/d/binary
ok "missing file, others read" says 2 'nowhere: No such file' "${ask[@]}" q nowhere two
ok "others were printed" grep -q two:one out
ok "-v at threshold 0" run 1 "${ask[@]}" -v q two
ok "-e twice" prints 'one\ntwo\n' "${ask[@]}" -e q1 -e q2 two
ok "operands before options" prints '2\n' grep q two "${all[@]}" -c
ok "-p" run 0 "${ask[@]}" -p q two
ok "-p is a number before the line" grep -qE '^[01]\.[0-9]{3} one$' out
ok "unreachable threshold" run 1 "${ask[@]}" --threshold 1.5 q two

# ---- Samples, the best, JSON, statistics ----
seq 1 300 >numbers
ok "sample" run 0 "${ask[@]}" --sample 20 q numbers
ok "sample has 20 lines in order" bash -c '[ $(wc -l <out) = 20 ] && sort -nc out'
cp out sample
ok "sample again" run 0 "${ask[@]}" --sample 20 q numbers
ok "the same sample" cmp out sample
ok "another seed" run 0 "${ask[@]}" --sample 20 --seed 7 q numbers
ok "another sample" bash -c '! cmp -s out sample'
ok "sample of all" run 0 "${ask[@]}" --sample 1000 q numbers
ok "all of them" cmp out numbers
ok "sample of files: only theirs are counted" run 0 "${ask[@]}" --sample 3 -c q two numbers pages/empty.txt
ok "three in all" awk -F: '{ n += $2 } /empty/ { exit 1 } END { exit n != 3 }' out
ok "sample tells of files" says 2 'nowhere: No such file' "${ask[@]}" --sample 3 q nowhere two
ok "sample estimates" run 0 "${ask[@]}" --sample 20 --progress q numbers
ok "for all documents" grep -q '^estimate    of all 300 documents 100% match (8[0-9]% to 100%)$' err
printf '%060000d\n' $(seq 1 40) >heavy
"$TRAWL" inspect --json "$MODEL" >inspected
least=$(($(sed 's/.*"least_memory_bytes": \([0-9]*\).*/\1/' inspected) + (4 << 20)))
{ echo before && head -c 3000000 heavy | tr '\n' x && printf '\nbehind\n\nnext\n'; } >lengthy
ok "a line too long for the memory" says 2 'lengthy: line 2: a document of more than' grep -t0 "--model=$MODEL" --memory "$least" --unit line q lengthy
ok "the others are read" bash -c "printf 'before\nbehind\n\nnext\n' | cmp - out"
ok "a paragraph too long for the memory" says 2 'lengthy: line 1: a document of more than' grep -t0 "--model=$MODEL" --memory "$least" --unit paragraph q lengthy
ok "the other is read" bash -c "printf 'next\n' | cmp - out"
{ echo; echo; seq 1 400000; } >tall && printf '\nnext\n' >>tall
ok "a paragraph of many lines" says 2 'tall: line 3: a paragraph of more than' grep -t0 "--model=$MODEL" --memory "$least" --unit paragraph q tall
ok "the other is read as well" bash -c "printf 'next\n' | cmp - out"
ok "a sample that does not fit" says 2 '--sample: the documents to be kept' grep -t0 "--model=$MODEL" --memory "$least" --sample 30 q heavy
ok "best ones that do not fit" says 2 '--top: the documents to be kept' grep -t0 "--model=$MODEL" --memory "$least" --long head --top 30 q heavy
ok "top" run 0 grep "--model=$MODEL" --memory 256M --top 5 --json q numbers
ok "top is sorted" json 'len(objects) == 5 and all(a["p_yes"] >= b["p_yes"] for a, b in zip(objects, objects[1:]))'
ok "json" run 0 "${ask[@]}" --json -h q pages numbers --unit line --stats stats.json
ok "json keys" json 'all({"file", "line", "answer", "p_yes", "p_other", "unsure", "tokens", "text"} <= set(o) for o in objects)'
ok "json order" json '[o["text"] for o in objects if o["file"] == "numbers"] == [str(i + 1) for i in range(300)]'
ok "json blank line" json '[(o["p_yes"], o["answer"]) for o in objects if o["text"].strip() == ""][0] == (0, "yes")'
ok "json without text" run 0 "${ask[@]}" --json --no-text q two
ok "no text" json 'all("text" not in o for o in objects)'
printf 'caf\351\n' >latin
ok "json of bytes" run 0 "${ask[@]}" --json q latin
ok "base64" json 'objects[0]["text"] == {"bytes": "Y2Fm6Q=="}'
cp stats.json out
ok "stats" json '{"documents", "yes", "no", "unsure", "skipped", "prompt_tokens", "rows", "shared_tokens", "sweeps", "bytes_read", "seconds", "seconds_compute", "seconds_waiting", "prompt_tokens_per_s", "peak_memory_bytes", "memory_bytes", "bound", "bound_ratio", "threads", "cpu", "numerics"} <= set(objects[0])'
ok "stats count" json 'objects[0]["documents"] == objects[0]["yes"] and objects[0]["binary"] == 1'
ok "stats of a run that cannot select" run 1 "${ask[@]}" -m 0 --stats none.json q two
ok "stats of another" run 1 "${ask[@]}" -v --stats none2.json q two
cat none.json none2.json >out
ok "they count nothing" json 'len(objects) == 2 and all(o["documents"] == o["sweeps"] == 0 and o["bound"] is None for o in objects)'
ok "dry run" run 0 "${ask[@]}" --dry-run q numbers
ok "dry run says sweeps" grep -q '^sweeps' out
ok "dry run as JSON" run 0 "${ask[@]}" --dry-run --json --stats dry.json q numbers
ok "it says how long, and of what" json 'objects[0]["estimate"]["rates"] == "probe" and objects[0]["estimate"]["seconds"] >= objects[0]["estimate"]["seconds_compute"] > 0 and objects[0]["estimate"]["bound"] in ("disk", "compute") and objects[0]["estimate"]["advice"]'
cat dry.json >>out
ok "--stats has the same" json 'len(objects) == 2 and objects[0] == objects[1]'
ok "a dry run keeps nothing" bash -c '[ ! -e "$HOME/.cache/trawl/rates" ]'
ok "dry run says how long" bash -c "'$TRAWL' grep ${all[*]@Q} --dry-run q numbers | grep -E '^(time  *about|rates .*probed just now|advice  *(compute|disk)-bound)' | wc -l | grep -qx 3"
ok "show prompt" run 0 "${ask[@]}" --show-prompt 'Is it zebra-like?' two
ok "the prompt has question and document" bash -c 'grep -q zebra-like out && grep -q one out'
ok "same answers whatever the batch" bash -c "'$TRAWL' grep ${all[*]@Q} --json q numbers >a && '$TRAWL' grep ${all[*]@Q} --threads 1 --reader pread --json q numbers >b && cmp a b"

# ---- Tokens ----
printf 'Hello <b>world</b>\n  caf\303\251 \360\237\220\237 \377\n' >text
ok "tokenize" run 0 tokenize -m "$MODEL" --no-bos text
cp out ids
ok "ids and a newline" grep -qE '^[0-9]+( [0-9]+)*$' ids
ok "decode" run 0 tokenize -m "$MODEL" --decode ids
cp out decoded
ok "pieces" run 0 tokenize -m "$MODEL" --no-bos --pieces text
ok "a piece per id" bash -c '[ "$(cut -f1 out | xargs)" = "$(cat ids)" ]'
cut -f2- out >pieces && cp pieces out
ok "pieces are JSON strings" json 'all(isinstance(o, str) for o in objects)'
ok "not an id" says 2 "'x1' is not a token id" tokenize -m "$MODEL" --decode <(echo 5 x1)
ok "id outside" says 2 trawl: tokenize -m "$MODEL" --decode <(echo 2000000000)

# ---- Scores ----
printf '1 2 3 4\n\n5 6\n7\n' >seqs
ok "score --ids" run 0 score "--model=$MODEL" --memory 256M --ids --json --top 3 seqs
ok "an object per sequence" json '[o["ids"] for o in objects] == [[1, 2, 3, 4], [5, 6], [7]]'
ok "logprobs" json 'all(len(o["logprobs"]) == len(o["ids"]) and o["logprobs"][0] is None and all(p <= 0 for p in o["logprobs"][1:]) for o in objects)'
ok "top" json 'all(len(o["top"]) == len(o["ids"]) and all(len(t) == 3 and t[0][1] >= t[1][1] >= t[2][1] for t in o["top"]) for o in objects)'
ok "score names the line" says 2 'line 2' score "--model=$MODEL" --ids <(printf '1\n2000000\n')
ok "score without ids" says 2 'no token ids' score "--model=$MODEL" --ids /dev/null
for i in $(seq 1 60); do echo "the quick brown fox $i jumps over"; done >long
ok "score of a text" run 0 score "--model=$MODEL" --memory 256M --context 16 long
ok "perplexity" grep -qE '^perplexity [0-9.]+ \+/- [0-9.]+ over [0-9]+ tokens$' out
ok "second halves" bash -c '[ "$(cut -f2 out | grep -v perpl | sort -un | xargs)" = "9 10 11 12 13 14 15" ]'
ok "short text" says 2 'less than one chunk' score "--model=$MODEL" --context 16 <(echo hi)
ok "inspect" run 0 inspect "$MODEL"
ok "inspect --json" run 0 inspect --json "$MODEL" --memory 256M
ok "inspect keys" json '{"architecture", "layers", "types", "bytes_per_sweep", "least_memory_bytes", "plan"} <= set(objects[0])'

# ---- Many files ----
mkdir -p crowd/d && (cd crowd/d && seq -f '%05.0f' 1 9000 | xargs touch && seq -f '%05.0f' 20001 29000 | xargs touch)
printf 'first\n' >crowd/a
(cd crowd && printf '%s\n' a d/*) | sed 's/^/crowd\//' >names
ok "a crowded directory, in order" run 0 "${ask[@]}" --unit line -c q crowd
ok "every name once" bash -c 'cut -d: -f1 out | cmp - names'

# ---- Output that cannot be written ----
seq 1 20000 >big
ok "closed standard input" bash -c "'$TRAWL' grep ${all[*]@Q} q <&- 2>closed.err; [ \$? = 2 ] && grep -q 'Bad file descriptor' closed.err"
ok "closed standard output" bash -c "'$TRAWL' grep ${all[*]@Q} q two >&- 2>closed.err; [ \$? = 2 ] && grep -q 'write error' closed.err"
ok "closed pipe is quiet" bash -c "'$TRAWL' help --man 2>pipe.err | head -1 >/dev/null; [ ! -s pipe.err ]"
ok "closed pipe in grep" bash -c "'$TRAWL' grep ${all[*]@Q} --line-buffered q numbers 2>pipe.err | head -1 >/dev/null; s=\${PIPESTATUS[0]}; [ ! -s pipe.err ] && [ \$s != 2 ]"
if [ -e /dev/full ]; then
    for args in 'help --man' 'completions bash' "tokenize -m $MODEL big" "grep ${all[*]} q two" \
        "score --model=$MODEL --ids seqs" "inspect $MODEL"; do
        ok "full disk: $args" bash -c "'$TRAWL' $args >/dev/full 2>full.err; [ \$? = 2 ] && grep -q 'No space left' full.err"
    done
else
    echo "skipped: full disk (no /dev/full)"
fi

echo "cli_test: $passed passed, $failed failed"
[ $failed = 0 ]
