#!/usr/bin/env bash
# Instructions that each ARM64 level executes, counted under qemu-aarch64: the int8 GEMM, unpacking, rounding of activations, attention.
# Counts are exact and repeat on any machine; they are not times. The tables are those of docs/performance.md.
#   bench/arm_counts.sh     wants gcc-aarch64-linux-gnu and qemu-user
set -e
cd "$(dirname "$0")/.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "there is no $tool (tools/install_packages.sh test)" >&2; exit 1; }
done
make --no-print-directory BUILD=arm64 build/arm64/bench/arm_counts >&2

inputs=4096 outputs=8 # of arm_counts.c; a panel of every ARM64 level
levels="neon neondot neoni8mm"
types="Q4_K Q5_K Q6_K Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 F16 BF16 F32"
all_rows="8 16 32 64"

# count LEVEL WORK: instructions between the two marks. qemu writes a line for each, which ends with the symbol that it belongs to.
count() {
    # shellcheck disable=SC2086
    qemu-aarch64 -cpu max -singlestep -d exec,nochain -D /dev/stdout build/arm64/bench/arm_counts $1 $2 |
        awk '/ counting_mark$/ { marks++; next } marks == 1 { n++ } END { if (marks != 2) exit 1; printf "%d", n }'
}

# calc EXPRESSION FORMAT
calc() { awk "BEGIN { printf \"$2\", ($1) }"; }

# Designed, for a group of 256 inputs of a tile and a panel (16,384 multiply-adds): turns of the loop x (products + loads + 2), and 85 around
# it: 16 sums to begin, 16 conversions, 16 scales, 16 multiply-adds to c in 8 pairs of loads and of stores, 5 loads of scales. Without dot
# products there are twice the sums, added in pairs; squares of matrix products are put into rows.
declare -A designed=(
    [neon]="(128 * (32 + 2 + 2) + 85 + 16 + 16) / 16384"
    [neondot]="(32 * (32 + 2 + 2) + 85) / 16384"
    [neoni8mm]="(32 * (16 + 2 + 2) + 85 + 16) / 16384"
)
declare -A gemm unpack
for level in $levels; do
    for rows in $all_rows; do gemm[$level $rows]=$(count "$level" "gemm $rows"); done
    for type in $types; do unpack[$level $type]=$(count "$level" "unpack $type"); done
done

echo "Instructions a multiply-add, K $inputs:"
echo
echo "| | designed | packed, 64 rows | of the level before | with unpacking of Q4_K, rows ${all_rows// / | } |"
echo "|---|---|---|---|$(for rows in $all_rows; do printf -- '---|'; done)"
before=
for level in $levels; do
    printf '| %s | %s | %s | %s |' "$level" "$(calc "${designed[$level]}" %.4f)" \
        "$(calc "${gemm[$level 64]} / ($inputs * $outputs * 64)" %.4f)" \
        "$([ -z "$before" ] || calc "100 * ${gemm[$level 64]} / ${gemm[$before 64]}" '%.0f %%')"
    for rows in $all_rows; do
        printf ' %s |' "$(calc "(${gemm[$level $rows]} + ${unpack[$level Q4_K]}) / ($inputs * $outputs * $rows)" %.3f)"
    done
    echo
    before=$level
done

echo
echo "Instructions a weight, unpacking:"
echo
echo "| | ${types// / | } |"
echo "|---|$(for type in $types; do printf -- '---|'; done)"
for level in neon neoni8mm; do
    printf '| %s |' "${level/%neon/neon, neondot}"
    for type in $types; do printf ' %s |' "$(calc "${unpack[$level $type]} / ($inputs * $outputs)" %.2f)"; done
    echo
done

echo
echo "Other instructions:"
echo
echo "| | rounding and packing an activation | attention: a query, a block of 64 keys, heads of 128 | packing a rounded value |"
echo "|---|---|---|---|"
for level in $levels; do
    printf '| %s | %s | %s | %s |\n' "$level" "$(calc "$(count "$level" 'round 8') / ($inputs * 8)" %.2f)" \
        "$(calc "$(count "$level" 'attention 48') / 48" %.0f)" "$(calc "$(count "$level" 'values 8') / (64 * 128)" %.2f)"
done
