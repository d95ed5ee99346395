# What shell tests of the program share; sourced first. A folder of its own ($work) to be in, configuration and cache inside it, and checks
# that are counted.
#   TRAWL        the program (default ./trawl)
#   TRAWL_BUILD  where tests/tools/ is (default build/release)
set -u
export LC_ALL=C
test_name=$(basename "$0" .sh)
TRAWL=$(realpath "${TRAWL:-./trawl}")
build=$(realpath "${TRAWL_BUILD:-build/release}")
passed=0
failed=0

skip() { # why
    echo "skipped: $test_name: $1"
    exit 77
}

enter_work() {
    [ -w /dev/shm ] && export TMPDIR=/dev/shm # hundreds of synced writes: on a disk that takes minutes
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work" || exit 2
    export HOME=$work XDG_CONFIG_HOME=$work XDG_CACHE_HOME=$work/cache
}

fail() { # what; with the beginning of what was said, in log and err
    failed=$((failed + 1))
    echo "FAILED: $1"
    cat log err 2>/dev/null | head -10
}
ok() { # description, then a command that must succeed
    local what=$1
    shift
    if "$@" >log 2>&1; then passed=$((passed + 1)); else fail "$what"; fi
}

# Values of the object in the file stats.
stat_of() { python3 -c 'import json, sys; o = json.load(open("stats")); print(*(o[k] for k in sys.argv[1:]))' "$@"; }

# How many answers a job holds that may not be there yet, as SQLite sees it; what is wrong with it if it is not sound.
answers_in() {
    python3 - "$1" <<'P'
import os, sqlite3, sys
if not os.path.exists(sys.argv[1]):
    sys.exit(print(0))
db = sqlite3.connect(sys.argv[1])
sound = db.execute("PRAGMA integrity_check").fetchone()[0]
there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'answers'").fetchone()[0]
print(db.execute("SELECT count(*) FROM answers").fetchone()[0] if there else 0 if sound == "ok" else sound)
P
}

# Responses without the second at which their job was begun.
undated() { sed 's/"created": [0-9]*/"created": 0/' "$1"; }

finish() {
    echo "$test_name: $passed passed, $failed failed"
    [ $failed = 0 ]
}
