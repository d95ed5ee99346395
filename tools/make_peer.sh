#!/bin/sh
# Builds llama.cpp, the engine that trawl's speed and accuracy are measured against.
#
#   tools/make_peer.sh FOLDER [MORE_TARGETS...]
#
# The source is the copy inside the source package of llama-cpp-python, fetched with pip. Release
# builds without a GPU, which differ only in the instructions that their products may use:
#
#   FOLDER/bin         this machine's own, so that the peer is at its best here
#   FOLDER/no-amx/bin  the same without AMX, which few processors have (on those that do)
#   FOLDER/avx2/bin    AVX2 and nothing newer: what an older machine runs
#
# FOLDER/bin holds llama-bench, llama-batched-bench, llama-server, llama-perplexity, llama-quantize,
# llama-gguf-split, llama-completion, peer-logits and what else was named; the other two what
# bench/peer.sh runs. FOLDER/src is the tree, whose converters tools/make_golden.py runs. A quarter
# of an hour on two cores.
#
# PYTHON (default python3) must have pip; VERSION picks another release of llama-cpp-python, and the
# peer's age is part of every comparison, so FOLDER/VERSION records it. JOBS defaults to 2.
set -eu

VERSION=${VERSION:-0.3.36}
PYTHON=${PYTHON:-python3}
JOBS=${JOBS:-2}

[ $# -ge 1 ] || { echo "usage: tools/make_peer.sh FOLDER [MORE_TARGETS...]" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift

if [ ! -e "$folder/src/CMakeLists.txt" ]; then
    # pip asks the package's own build system for metadata even when it only downloads; an isolated
    # build environment would be fetched whole for that, so its one part is installed here instead.
    tools=$folder/pip
    "$PYTHON" -m pip install --quiet --target "$tools" scikit-build-core
    PYTHONPATH=$tools "$PYTHON" -m pip download --quiet --no-deps --no-build-isolation \
        --no-binary :all: --dest "$folder" "llama-cpp-python==$VERSION"
    tar -xzf "$folder"/llama_cpp_python-*.tar.gz -C "$folder"
    mv "$folder"/llama_cpp_python-*/vendor/llama.cpp "$folder/src"
    rm -rf "$folder"/llama_cpp_python-* "$tools"
    # gcc 12 tells the optimiser that ldtilecfg reads 8 of its 64 bytes: the rest of the tile
    # configuration is never stored, and every product on a CPU with AMX is a segmentation fault.
    sed -i 's/^\( *\)\(_tile_loadconfig(&tc);\)/\1__asm__ volatile("" : : "r"(\&tc) : "memory"); \2/' \
        "$folder/src/ggml/src/ggml-cpu/amx/mmq.cpp"
    echo "llama.cpp of llama-cpp-python $VERSION" > "$folder/VERSION"
fi
# Its options cannot take an instruction set away from the machine's own; this adds one that can.
sed -i 's/(APPEND ARCH_FLAGS -march=native)/(APPEND ARCH_FLAGS -march=native ${PEER_WITHOUT})/' \
    "$folder/src/ggml/src/ggml-cpu/CMakeLists.txt"

# build OPTIONS TARGETS...: all builds share a tree, in which only the products are compiled again.
build() {
    options=$1
    shift
    # shellcheck disable=SC2086
    cmake -S "$folder/src" -B "$folder" -DCMAKE_BUILD_TYPE=Release $options -DBUILD_SHARED_LIBS=OFF \
        -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
        -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF > "$folder/cmake.log" 2>&1
    cmake --build "$folder" -j "$JOBS" --target "$@" > "$folder/build.log" 2>&1
}

# build_beside NAME OPTIONS: what bench/peer.sh runs, in FOLDER/NAME/bin.
build_beside() {
    build "$2" llama-bench llama-batched-bench
    mkdir -p "$folder/$1/bin"
    mv "$folder/bin/llama-bench" "$folder/bin/llama-batched-bench" "$folder/$1/bin"
}

# This machine's own comes last: it is what stays in the tree, for peer-logits to link with.
if [ "$(uname -m)" = x86_64 ]; then
    build_beside avx2 "-DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON \
        -DGGML_F16C=ON -DGGML_BMI2=ON"
    if grep -q amx_int8 /proc/cpuinfo; then
        build_beside no-amx "-DGGML_NATIVE=ON -DPEER_WITHOUT=-mno-amx-tile;-mno-amx-int8;-mno-amx-bf16"
    fi
fi
build "-DGGML_NATIVE=ON -DPEER_WITHOUT=" llama-bench llama-batched-bench llama-server \
    llama-perplexity llama-quantize llama-gguf-split llama-completion "$@"

# Full logits of given ids, which none of the peer's own programs prints.
here=$(cd "$(dirname "$0")" && pwd)
cc -O2 -std=c17 -I "$folder/src/include" -I "$folder/src/ggml/include" \
    -o "$folder/bin/peer-logits" "$here/golden/peer_logits.c" "$folder/src/libllama.a" \
    "$folder/ggml/src/libggml.a" "$folder/ggml/src/libggml-cpu.a" \
    "$folder/ggml/src/libggml-base.a" -lstdc++ -lgomp -lm -lpthread -ldl
echo "built in $folder/bin: $(ls "$folder/bin" | tr '\n' ' ')"
