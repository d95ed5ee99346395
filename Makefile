# trawl: `make help` lists the targets. No configure step; libraries are found by pkg-config.
BUILD ?= release
CC    ?= cc
T     ?=
comma := ,

OPT.release := -O3 -g
OPT.debug   := -O0 -g
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT.tsan    := -O1 -g -fsanitize=thread
B     := build/$(BUILD)
WARN  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
PKGS  := libpcre2-8
URING := $(shell pkg-config --exists liburing && echo liburing)
LIB_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(URING)) $(if $(URING),-DHAVE_LIBURING)
LIB_LIBS   := $(shell pkg-config --libs $(PKGS) $(URING)) -lm -pthread
CLI_CFLAGS := $(shell pkg-config --cflags libxml-2.0 jansson)
CLI_LIBS   := $(shell pkg-config --libs libxml-2.0 jansson)
ARCH  := $(shell $(CC) -dumpmachine | sed 's/-.*//;s/arm64/aarch64/')

# Floating point is never reassociated or contracted by the compiler: results are part of the contract (docs/numerics.md).
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE $(WARN) -ffp-contract=off -Isrc -Iinclude -MMD -MP $(OPT.$(BUILD)) $(ISA) $(LIB_CFLAGS) $(CFLAGS)
LINK    = $(CC) $(OPT.$(BUILD)) $(LDFLAGS)

KERNEL_DIRS := src/kernels src/kernels/c $(if $(filter x86_64,$(ARCH)),src/kernels/x86) $(if $(filter aarch64,$(ARCH)),src/kernels/arm)
ENGINE_DIRS := src/base src/formats src/model src/text src/batch src/stream src/sweep src/answer src/plan src/engine
LIB_SRC := $(sort $(wildcard $(addsuffix /*.c,$(ENGINE_DIRS) $(KERNEL_DIRS))))
CLI_SRC := $(sort $(wildcard cli/*.c cli/*/*.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
TEST_SRC  := $(sort $(wildcard tests/unit/test_*.c tests/kernels/check_*.c tests/engine/test_*.c))
BENCH_SRC := $(sort $(wildcard bench/bench_*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))
TESTS   := $(patsubst %.c,$(B)/%,$(TEST_SRC))
BENCHES := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
LIB     := $(B)/libtrawl.a

all: trawl  ## release build of ./trawl

trawl: $(B)/trawl
	@cp -f $< $@

$(B)/trawl: $(call obj,$(CLI_SRC)) $(LIB)
	$(LINK) -o $@ $^ $(CLI_LIBS) $(LIB_LIBS)

$(LIB): $(call obj,$(LIB_SRC))
	@rm -f $@ && $(AR) rcs $@ $^

# A file is compiled for the instruction set its name ends in; no other file is.
$(B)/%_avx2.o:    ISA := -mavx2 -mfma -mf16c
$(B)/%_avxvnni.o: ISA := -mavx2 -mfma -mf16c -mavxvnni
$(B)/%_avx512.o:  ISA := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c
$(B)/%_neondot.o: ISA := -march=armv8.2-a+dotprod
$(B)/cli/%.o:     CFLAGS += $(CLI_CFLAGS)
$(B)/tests/%.o:   CFLAGS += -Itests
$(B)/bench/%.o:   CFLAGS += -Itests

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

# Tests may make any allocation fail: the linker routes them through tests/support/fault.c.
WRAP := $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc strdup aligned_alloc posix_memalign mmap pread)
$(TESTS): $(B)/%: $(B)/%.o $(call obj,$(SUPPORT_SRC)) $(LIB)
	$(LINK) $(WRAP) -o $@ $^ $(LIB_LIBS)

$(BENCHES): $(B)/%: $(B)/%.o $(call obj,$(SUPPORT_SRC)) $(LIB)
	$(LINK) $(WRAP) -o $@ $^ $(LIB_LIBS)

tests: $(TESTS) trawl  ## build every test program

check: tests  ## unit, kernels, engine and cli on tiny models (about a minute)
	@BUILD=$(BUILD) T="$(T)" tools/run_tests.sh $(TESTS)

test:  ## install what is missing, then every test at every level: what CI runs
	@tools/test_all.sh

demo:  ## fetch a small real model and ask it about real documents
	@tools/demo.sh

bench: $(BENCHES) trawl  ## kernels, disk and whole runs beside the measured peaks
	@bench/run.sh

bench-post: $(BENCHES) trawl  ## the table of the post this project comes from, beside ours
	@bench/post.sh

clean:  ## remove build outputs
	rm -rf build trawl

format:  ## clang-format in place
	git ls-files '*.c' '*.h' | xargs clang-format -i

help:  ## this list
	@grep -hE '^[a-z][a-z-]*:.*  ## ' $(MAKEFILE_LIST) | sed 's/:.*  ## /\t/' | expand -t 16

.PHONY: all tests check test demo bench bench-post clean format help
.DELETE_ON_ERROR:
.SECONDARY:

-include $(patsubst %.o,%.d,$(call obj,$(LIB_SRC) $(CLI_SRC) $(SUPPORT_SRC) $(TEST_SRC) $(BENCH_SRC)))
