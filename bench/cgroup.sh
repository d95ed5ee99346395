# A memory cgroup for runs that the kernel shall cap, v1 or v2; sourced. Making one wants root.

# Makes a cgroup of [$1] bytes: its folder in $group, empty where that is not allowed.
make_group() {
    group=/sys/fs/cgroup/memory/trawl-bench-$$
    if [ -d /sys/fs/cgroup/memory ] && mkdir "$group" 2>/dev/null; then
        echo "$1" >"$group/memory.limit_in_bytes"
        return
    fi
    group=/sys/fs/cgroup/trawl-bench-$$
    if mkdir "$group" 2>/dev/null && [ -w "$group/memory.max" ]; then
        echo "$1" >"$group/memory.max"
        echo 0 >"$group/memory.swap.max" 2>/dev/null || true
        return
    fi
    rmdir "$group" 2>/dev/null || true
    group=
}

# in_group COMMAND...: only the command is inside; what the script itself holds must not count.
in_group() { sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$group" "$@"; }

remove_group() { [ -z "$group" ] || rmdir "$group" 2>/dev/null || true; }
