#!/usr/bin/env bash
# A file of src/ includes headers of its own folder and of folders before it in this order, the public header from "plan" on; the
# program includes the public header, base/ and its own folders. Prints each include that does not, and fails.
cd "$(dirname "$0")/.." || exit 2
order="base formats kernels model text batch stream sweep answer plan engine"
grep -rnE --include='*.[ch]' '^ *# *include *"' src cli include | awk -F: -v order="$order" '
    BEGIN { n = split(order, folder, " "); for (i = 1; i <= n; i++) rank[folder[i]] = i }
    {
        split($1, path, "/"); split($3, quoted, "\""); split(quoted[2], part, "/")
        layer = quoted[2] == "trawl.h" ? "plan" : part[1]
        if (path[1] == "src")
            ok = quoted[2] !~ /\// && layer != "plan" || layer in rank && rank[layer] <= rank[path[2]]
        else
            ok = layer == "base" || quoted[2] == "trawl.h" || path[1] == "cli" && !(layer in rank)
        if (!ok) { print $1 ":" $2 ": includes " quoted[2]; bad = 1 }
    }
    END { exit bad }'
