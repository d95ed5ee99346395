# trawl: `make help` lists the targets. No configure step; libraries are found by pkg-config.
BUILD ?= release
CC    ?= cc
T     ?=
F     ?= gguf
TIME  ?= 60
PREFIX ?= /usr/local
Q     := $(if $(V),,@)
comma := ,

OPT.release := -O3 -g
OPT.debug   := -O0 -g
OPT.asan    := -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT.tsan    := -O2 -g -fsanitize=thread
OPT.cover   := -O1 -g -fprofile-instr-generate -fcoverage-mapping
OPT.fuzz    := $(OPT.asan) -fsanitize=fuzzer-no-link
OPT.clang   := $(OPT.release)
OPT.arm64   := $(OPT.release)
CC    := $(if $(filter clang cover fuzz,$(BUILD)),clang,$(if $(filter arm64,$(BUILD)),aarch64-linux-gnu-gcc,$(CC)))
B     := build/$(BUILD)
WARN  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla $(if $(WERROR),-Werror)
PKGS  := libpcre2-8
URING := $(if $(filter arm64,$(BUILD)),,$(shell pkg-config --exists liburing && echo liburing))
LIB_CFLAGS := $(shell pkg-config --cflags $(PKGS) $(URING)) $(if $(URING),-DHAVE_LIBURING)
LIB_LIBS   := $(shell pkg-config --libs $(PKGS) $(URING)) -lm -pthread
# Libraries that the program, not the engine, uses where they are: each is -DHAVE_ its name.
OPTIONAL   := $(if $(filter arm64,$(BUILD)),,$(foreach p,libarchive sqlite3 libcurl,$(shell pkg-config --exists $(p) && echo $(p))))
CLI_CFLAGS := $(shell pkg-config --cflags libxml-2.0 $(OPTIONAL)) $(if $(filter libarchive,$(OPTIONAL)),-DHAVE_LIBARCHIVE) \
	$(if $(filter sqlite3,$(OPTIONAL)),-DHAVE_SQLITE) $(if $(filter libcurl,$(OPTIONAL)),-DHAVE_LIBCURL)
# libcurl is loaded by --fetch.
CLI_LIBS   := $(shell pkg-config --libs libxml-2.0 $(filter-out libcurl,$(OPTIONAL))) $(if $(filter libcurl,$(OPTIONAL)),-ldl) $(if $(filter darwin%,$(shell $(CC) -dumpmachine | sed 's/.*-//')),-liconv)
ARCH  := $(shell $(CC) -dumpmachine | sed 's/-.*//;s/arm64/aarch64/')

# Floating point is never reassociated or contracted by the compiler: results are part of the contract (docs/numerics.md).
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE $(WARN) -ffp-contract=off -Isrc -Iinclude -MMD -MP $(OPT.$(BUILD)) $(ISA) $(LIB_CFLAGS) $(CFLAGS)
LINK    = $(CC) $(OPT.$(BUILD)) $(LDFLAGS)
say     = $(if $(V),@:,@echo) # make V=1 prints the commands instead

FLAGS := $(CC) $(WARN) $(OPT.$(BUILD)) $(LIB_CFLAGS) $(CLI_CFLAGS) $(CFLAGS)

KERNEL_DIRS := src/kernels src/kernels/c $(if $(filter x86_64,$(ARCH)),src/kernels/x86) $(if $(filter aarch64,$(ARCH)),src/kernels/arm)
ENGINE_DIRS := src/base src/formats src/model src/text src/batch src/stream src/sweep src/answer src/plan src/engine
LIB_SRC := $(sort $(wildcard $(addsuffix /*.c,$(ENGINE_DIRS) $(KERNEL_DIRS))))
CLI_SRC := $(sort $(wildcard cli/*.c cli/*/*.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
KILL_AT_SRC := tests/tools/kill_at.c tests/tools/power_loss.c
TOOL_SRC  := $(sort $(filter-out $(KILL_AT_SRC),$(wildcard tests/tools/*.c)))
FUZZ_SRC  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
CLI_TEST_SRC := $(sort $(wildcard tests/cli/test_*.c))
TEST_SRC  := $(sort $(wildcard tests/unit/test_*.c tests/kernels/check_*.c tests/engine/test_*.c)) $(CLI_TEST_SRC)
BENCH_SRC := $(sort $(wildcard bench/bench_*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))
TESTS   := $(patsubst %.c,$(B)/%,$(TEST_SRC))
TOOLS   := $(patsubst %.c,$(B)/%,$(TOOL_SRC))
FUZZERS := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
BENCHES := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
GEN     := build/gen
LIB     := $(B)/libtrawl.a
CLI_LIB := $(B)/libcli.a

all: trawl  ## release build of ./trawl

trawl: $(B)/trawl
	@cp -f $< $@

$(B)/trawl: $(B)/cli/main.o $(CLI_LIB) $(LIB)
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(CLI_LIBS) $(LIB_LIBS)

$(LIB): $(call obj,$(LIB_SRC))
	@rm -f $@ && $(AR) rcs $@ $^

$(CLI_LIB): $(call obj,$(filter-out cli/main.c,$(CLI_SRC))) # for the tests of its parts
	@rm -f $@ && $(AR) rcs $@ $^

# A file is compiled for the instruction set its name ends in; no other file is.
$(B)/%_avx2.o:    ISA := -mavx2 -mfma -mf16c
$(B)/%_avxvnni.o: ISA := -mavx2 -mfma -mf16c -mavxvnni
$(B)/%_avx512.o:  ISA := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c
$(B)/%_neondot.o: ISA := -march=armv8.2-a+dotprod
$(B)/%_neoni8mm.o: ISA := -march=armv8.2-a+dotprod+i8mm
$(B)/cli/%.o:     CFLAGS += $(CLI_CFLAGS)
$(B)/tests/%.o:   CFLAGS += -Itests
$(B)/tests/cli/%.o $(B)/tests/tools/%.o: CFLAGS += -Icli $(CLI_CFLAGS)
$(B)/bench/%.o:   CFLAGS += -Itests

# What else decides how a file is compiled: a library that was installed since counts like a changed file.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@
FORCE:

$(B)/%.o: %.c Makefile $(B)/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -c $< -o $@

# The page of the HTML report, as C strings.
HTML_PAGE := cli/output/html/style.css $(addprefix cli/output/html/,rows.js review.js grid.js page.js)
$(GEN)/html_page.h: tools/html_page.sh $(HTML_PAGE)
	@mkdir -p $(@D)
	@tools/html_page.sh $(HTML_PAGE) >$@
$(B)/cli/output/table_html.o: $(GEN)/html_page.h
$(B)/cli/output/table_html.o: CFLAGS += -I$(GEN)

# Tests may make any allocation fail: the linker routes them through tests/support/fault.c.
WRAP := $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc strdup aligned_alloc posix_memalign mmap pread)
CLI_TESTS := $(patsubst %.c,$(B)/%,$(CLI_TEST_SRC))
$(filter-out $(CLI_TESTS),$(TESTS)) $(BENCHES): $(B)/%: $(B)/%.o $(call obj,$(SUPPORT_SRC)) $(LIB)
	$(say) LINK $@
	$(Q)$(LINK) $(WRAP) -o $@ $^ $(LIB_LIBS)

$(CLI_TESTS) $(TOOLS): $(B)/%: $(B)/%.o $(call obj,$(SUPPORT_SRC)) $(CLI_LIB) $(LIB)
	$(say) LINK $@
	$(Q)$(LINK) $(WRAP) -o $@ $^ $(CLI_LIBS) $(LIB_LIBS)

# Whose vectors are JSON.
$(addprefix $(B)/tests/unit/,test_template test_tokenizer): $(addprefix $(B)/cli/,json_read.o json_scan.o)

$(B)/bench/arm_counts: $(B)/bench/arm_counts.o $(LIB)
	$(say) LINK $@
	$(Q)$(LINK) -static -o $@ $^ -lm

$(FUZZERS): $(B)/%: $(B)/%.o $(call obj,tests/support/gguf_write.c) $(CLI_LIB) $(LIB)
	$(say) LINK $@
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(CLI_LIBS) $(LIB_LIBS)

# Loaded before the C library by tests that kill the program; sanitizers must come first themselves.
KILL_AT := $(if $(filter Linux,$(shell uname -s)),$(if $(filter release debug clang,$(BUILD)),$(B)/tests/tools/kill_at.so))
$(B)/tests/tools/kill_at.so: $(KILL_AT_SRC) tests/tools/power_loss.h Makefile
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(WARN) $(OPT.$(BUILD)) -shared -fPIC -o $@ $(KILL_AT_SRC) -ldl

tests: $(TESTS) $(TOOLS) $(KILL_AT) $(B)/trawl  ## build every test program
objects: $(call obj,$(LIB_SRC) $(CLI_SRC) $(SUPPORT_SRC) $(TEST_SRC))
fuzzers: $(FUZZERS)

check: tests  ## unit, kernels, engine and cli on tiny models (two minutes)
	@BUILD=$(BUILD) T="$(T)" tools/run_tests.sh $(TESTS)

test:  ## install what is missing, then every test at every level: what CI runs
	@tools/test_all.sh $(STEPS)

demo:  ## fetch a small real model and ask it about real documents
	@tools/demo.sh

bench: $(BENCHES) trawl  ## kernels, disk and whole runs beside the measured peaks, and beside llama.cpp and AirLLM where they are
	@bench/run.sh
	@bench/peer.sh
	@bench/airllm.sh

bench-peer: $(BENCHES)  ## beside llama.cpp, which tools/make_peer.sh FOLDER makes: make bench-peer TRAWL_BENCH_LLAMA=FOLDER
	@bench/peer.sh

bench-server: $(BENCHES) trawl  ## twelve questions about 64 pages in 2 GiB, beside llama.cpp's server: TRAWL_BENCH_LLAMA=FOLDER (a quarter of an hour)
	@bench/server.sh

bench-airllm: $(BENCHES)  ## beside AirLLM: make bench-airllm PYTHON=python-that-has-it
	@bench/airllm.sh

bench-curves: $(BENCHES)  ## the rate against rows and against memory, for bench-plot
	@bench/curves.sh

bench-plot:  ## docs/speed.svg: what bench-curves measured last, with the two bounds
	@python3 bench/plot.py

bench-bars: $(BENCHES) trawl  ## every bar that the speed is held to, as the table of docs/performance.md (two hours)
	@bench/bars.sh

bench-post: $(BENCHES) trawl  ## the table of the post this project comes from, beside ours
	@bench/post.sh

bench-arm:  ## instructions of the ARM64 kernels, counted under qemu (a minute)
	@bench/arm_counts.sh

fuzz:  ## fuzz a parser with clang's libFuzzer: make fuzz F=gguf TIME=60
	@$(MAKE) --no-print-directory BUILD=fuzz fuzzers
	@mkdir -p build/fuzz/new/$(F)
	build/fuzz/tests/fuzz/fuzz_$(F) -max_total_time=$(TIME) build/fuzz/new/$(F) tests/fuzz/corpus/$(F)

cover:  ## which lines the tests reach, with clang: build/cover/html/index.html
	@rm -rf build/cover/raw && $(MAKE) --no-print-directory BUILD=cover tests
	@LLVM_PROFILE_FILE="$(CURDIR)/build/cover/raw/%m.profraw" BUILD=cover T="$(T)" tools/run_tests.sh $(patsubst %.c,build/cover/%,$(TEST_SRC))
	@llvm-profdata merge -o build/cover/all.profdata build/cover/raw/*.profraw
	@llvm-cov show -format=html -output-dir=build/cover/html -instr-profile=build/cover/all.profdata \
		build/cover/trawl $(patsubst %.c,-object build/cover/%,$(TEST_SRC)) src cli
	@llvm-cov report -instr-profile=build/cover/all.profdata build/cover/trawl $(patsubst %.c,-object build/cover/%,$(TEST_SRC)) src cli | tail -1

lint: $(GEN)/html_page.h  ## what clang's analyzer and cppcheck think: to be read, not to be obeyed
	clang-tidy --quiet --checks='-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.*' $(LIB_SRC) $(CLI_SRC) -- -std=c17 -D_GNU_SOURCE -Isrc -Iinclude -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavxvnni -mfma -mf16c $(LIB_CFLAGS) $(CLI_CFLAGS) -I$(GEN)
	cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --suppress=invalidPointerCast --suppress=invalidFunctionArg -Isrc -Iinclude src cli

compile_commands:  ## build/compile_commands.json for editors
	@{ echo '['; $(foreach c,$(LIB_SRC) $(CLI_SRC) $(SUPPORT_SRC) $(TEST_SRC) $(BENCH_SRC),echo '  {"directory": "$(CURDIR)", "file": "$c", "command": "$(CC) -std=c17 -D_GNU_SOURCE -Isrc -Iinclude -Itests -Icli -I$(GEN) $(LIB_CFLAGS) $(CLI_CFLAGS) -c $c"},';) echo '  {}]'; } >build/compile_commands.json

install: trawl  ## the program, its manual page and completions below PREFIX (and DESTDIR)
	install -D -m 755 trawl $(DESTDIR)$(PREFIX)/bin/trawl
	@for d in share/man/man1 share/bash-completion/completions share/zsh/site-functions share/fish/vendor_completions.d; do \
		install -d "$(DESTDIR)$(PREFIX)/$$d" || exit 1; done
	./trawl help --man >$(DESTDIR)$(PREFIX)/share/man/man1/trawl.1
	./trawl completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/trawl
	./trawl completions zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_trawl
	./trawl completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/trawl.fish

dist:  ## build/trawl-VERSION.tar.gz of what is committed
	@mkdir -p build
	version=$$(sed -n 's/.*TRAWL_VERSION "\(.*\)"/\1/p' include/trawl.h) && \
		git archive --prefix=trawl-$$version/ -o build/trawl-$$version.tar.gz HEAD && echo build/trawl-$$version.tar.gz

clean:  ## remove build outputs
	rm -rf build trawl

format:  ## clang-format in place
	git ls-files '*.c' '*.h' | xargs clang-format -i

help:  ## this list
	@grep -hE '^[a-z][a-z_-]*:.*  ## ' $(MAKEFILE_LIST) | sed 's/:.*  ## /\t/' | expand -t 20

.PHONY: FORCE all tests objects fuzzers check test demo bench bench-peer bench-airllm bench-arm bench-bars bench-curves bench-plot bench-post bench-server fuzz cover lint compile_commands install dist clean format help
.DELETE_ON_ERROR:
.SECONDARY:

-include $(patsubst %.o,%.d,$(call obj,$(LIB_SRC) $(CLI_SRC) $(SUPPORT_SRC) $(TEST_SRC) $(TOOL_SRC) $(FUZZ_SRC) $(BENCH_SRC) bench/arm_counts.c))
