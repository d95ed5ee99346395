#!/usr/bin/env bash
# trawl ask and documents that are empty, binary, too long or cannot be read: told and counted, never in the way of the others; what
# could not be read is not tried again in vain.
source "$(dirname "$0")/../support/shell_test.sh"
command -v python3 >/dev/null || skip "no python3"
enter_work
server=
trap 'rm -rf "$work"; [ -z "$server" ] || kill "$server"' EXIT
"$build/tests/tools/make_tiny" tiny.gguf context=1024 || exit 2

ask() { "$TRAWL" ask -m tiny.gguf --memory 100M --threads 2 -q "Is it odd?" "$@" 2>err; }
exits() { # the exit status, then the command
    local wanted=$1 got=0
    shift
    "$@" || got=$?
    [ $got = "$wanted" ]
}

# ---- Empty and binary ----
mkdir odd
echo 'A boat.' >odd/a.txt
: >odd/empty.txt
printf ' \n\n' >odd/blank.txt
printf 'not \0 text\n' >odd/nul.txt
head -c 5000 /dev/zero >odd/zeros
ok "odd documents are no errors" exits 0 ask odd -o odd.csv
ok "they are told" bash -c "grep -q 'odd/zeros: binary' err && grep -q 'odd/nul.txt: binary' err && grep -q 'no text in 2 of the documents' err"
ok "without text the cells are empty" cmp odd.csv <(ask odd/a.txt --format csv | tr -d '\r' |
    awk '{ print $0 "\r" } NR == 2 { print "odd/blank.txt,,\r"; print "odd/empty.txt,,\r" }')
ok "and silent under -s" bash -c "'$TRAWL' ask -m tiny.gguf -s -q q odd 2>&1 >/dev/null | cmp - /dev/null"
ok "a sheet with fields has nothing to ask of them" exits 0 ask -q 'Is it {title}?' odd/empty.txt
ok "grep counts an empty file as no" exits 1 "$TRAWL" grep -m tiny.gguf -l -t 0.99999 q odd/empty.txt
ok "and names it where no is wanted" bash -c "'$TRAWL' grep -m tiny.gguf -L -t 0.99999 q odd/empty.txt | grep -qx odd/empty.txt"
ok "read gives it without text" bash -c "'$TRAWL' read odd/empty.txt | grep -q '\"text\": \"\"'"
ok "what is missing is an error" exits 2 ask odd/a.txt nowhere.txt -o missing.csv
ok "and the rest is there" test "$(wc -l <missing.csv)" = 2

# ---- A field called as the column of names is ----
printf 'id,text\na,A boat.\n,A sail.\n' >rows.csv
ok "is another column" exits 0 ask rows.csv -o named.csv
ok "with another name" bash -c "cut -d, -f1,2 named.csv | cmp - <(printf 'id,input_id\nrows.csv:1,a\nrows.csv:2,\n')"
ok "unless it names the documents" exits 0 ask --id id rows.csv -o named.csv
ok "once" bash -c "cut -d, -f1,2 named.csv | cmp - <(printf 'id,text\na,A boat.\nrows.csv:2,A sail.\n')"
ok "also among --fields" bash -c "'$TRAWL' ask -m tiny.gguf -q q --id id --fields text,id rows.csv --format csv | head -1 | tr -d '\r' | grep -q '^id,text,[^,]*,[^,]*$'"
printf '{"id": "a", "text": "A boat."}\n{"text": "A sail.", "more": "b"}\n' >rows.jsonl
ok "what is left out" exits 0 ask --id id rows.jsonl -o named.csv
ok "is still told" grep -q "1 documents have fields that the first does not have, such as 'more'" err
ok "and nothing" exits 0 ask --id id rows.csv -o named.csv
ok "that is there" bash -c "! grep -q 'the first does not have' err"

# ---- Larger than there is room for ----
mkdir long
echo 'Short.' >long/a.txt
python3 - <<'P'
with open("long/b.txt", "w", encoding="utf-8") as file:
    file.write("x" + "üö " * 1500000)
with open("start.txt", "w", encoding="utf-8") as file:
    file.write("x" + "üö " * 3000)
with open("long/c.html", "w", encoding="utf-8") as file:
    file.write("<html><title>T</title><body>" + "<p>words in a page</p>" * 300000)
P
ok "too long for its memory" exits 2 ask long -o windows.csv
ok "and it is said what reads it" grep -q -- '--long head' err
ok "the others are asked" grep -q '^long/a.txt,' windows.csv
ok "of the long ones the beginning" exits 0 ask long --long head --fields '' -o head.csv
ok "all are there" test "$(cut -d, -f1 head.csv | tr -d '\r' | tr '\n' ' ')" = "id long/a.txt long/b.txt long/c.html "
beginning=$(ask start.txt --long head --format csv | tail -1 | cut -d, -f2-)
ok "it is its beginning" grep -qF "long/b.txt,$beginning" head.csv
whole_characters() { # wherever it is cut, it is UTF-8 still
    local size
    for size in 20000 20004 20008 20012; do
        ask long/b.txt --long head --max-size $size --format csv | grep -qF "long/b.txt,$beginning" || return 1
    done
}
ok "a character is not cut" whole_characters
ok "or they are skipped" exits 0 ask long --long skip --fields '' -o skip.csv --stats stats
ok "with empty cells" test "$(grep -c ',,' skip.csv)" = 2
ok "and counted" python3 -c 'import json; assert json.load(open("stats"))["too_long"] == 2'
grep_long() { "$TRAWL" grep -m tiny.gguf --memory 100M --threads 2 --json --no-text "Is it odd?" long --long "$1" 2>err; }
ok "grep's too" bash -c "$(declare -f grep_long); TRAWL=$TRAWL; grep_long head | wc -l | grep -qx 3"
ok "and it skips them" bash -c "$(declare -f grep_long); TRAWL=$TRAWL; grep_long skip | wc -l | grep -qx 3"

# ---- What could not be read is not tried again in vain ----
mkdir pile
for i in 1 2 3; do echo "Page $i of the pile" >pile/$i.txt; done
echo 'This one is bad' >pile/bad.txt
(cd pile && tar -cf packed.tar bad.txt 1.txt)
filter='echo "$TRAWL_FILE" >>tried; text=$(cat); case $text in *bad*) echo "no good" >&2; exit 3 ;; esac; echo "$text"'
tried() { # how often, of what
    local n
    n=$(grep -cx "$2" tried)
    [ "$n" = "$1" ]
}
again() { # then more options
    rm -f tried
    exits 2 ask pile --filter "$filter" -o pile.csv "$@"
}
ok "a filter that fails" again
cp pile.csv first.csv
ok "is an error of that file" bash -c "grep -q 'pile/bad.txt: --filter: exit status 3: no good' err && grep -q 'pile/packed.tar/bad.txt: ' err"
ok "the others have rows" test "$(wc -l <pile.csv)" = 5
ok "the same once more" again
ok "it was not run again" tried 0 pile/bad.txt
ok "nor in an archive" tried 0 pile/packed.tar/bad.txt
ok "the others were read" tried 1 pile/packed.tar/1.txt
ok "it is told again" bash -c "grep -q 'pile/bad.txt: --filter: exit status 3: no good' err && grep -q '2 inputs could not be read before.*--retry-errors' err"
ok "to the same table" cmp pile.csv first.csv
ok "a dry run does not try" again --dry-run
ok "at all" tried 0 pile/bad.txt
ok "on demand" again --retry-errors
ok "it is tried" bash -c "grep -qx pile/bad.txt tried && grep -qx pile/packed.tar/bad.txt tried"
ok "to the same table again" cmp pile.csv first.csv
ok "and remembered again" again
ok "as before" tried 0 pile/bad.txt
touch -d '2001-02-03' pile/bad.txt
ok "a file with another time" again
ok "is tried" tried 1 pile/bad.txt
filter="$filter "
ok "another command" again
ok "tries it" tried 1 pile/bad.txt
echo 'All is good' >pile/bad.txt
ok "a file that was mended" again
ok "has its row" grep -q '^pile/bad.txt,' pile.csv
ok "only the other is still told of" bash -c "'$TRAWL' jobs export pile.csv.trawl | grep -c '\"error\": \"' | grep -qx 1"

# ---- Nor is an address that failed ----
cat >serve.py <<'P'
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("asked", "a") as file:
            print(self.path, file=file)
        self.send_response(200 if self.path == "/good" else 404)
        self.end_headers()
        self.wfile.write(b"<html><p>A page.")
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("port.part", "w") as file:
    print(server.server_port, file=file)
import os
os.rename("port.part", "port")
server.serve_forever()
P
if "$TRAWL" read --fetch http://127.0.0.1:1/ 2>&1 | grep -q libcurl; then
    echo "skipped: addresses (built without libcurl)"
else
    python3 serve.py &
    server=$!
    for _ in $(seq 100); do [ -e port ] && break; sleep 0.1; done
    host=http://127.0.0.1:$(cat port)
    fetch() { exits 2 ask --fetch --fetch-delay 0 "$host/good" "$host/gone" --fields '' -o net.csv "$@"; }
    ok "an address that is not there" fetch
    ok "and one that is" grep -q "^$host/good," net.csv
    ok "again" fetch
    ok "was not asked for again" test "$(grep -cx /gone asked)" = 1
    ok "on demand" fetch --retry-errors
    ok "it is" test "$(grep -cx /gone asked)" = 2
fi

finish
