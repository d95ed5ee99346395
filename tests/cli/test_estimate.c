/* How long a run would take: rates that are kept and found again whatever else is in the file, and
 * arithmetic that gives a run back to itself and advice that is true. */

#include "estimate/estimate.h"

#include "support/check.h"
#include "support/tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static char file[600];

/* An empty cache. */
static void new_cache(const char *name)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s/%s", check_tmp_dir(), name);
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(file, sizeof file, "%s/trawl/rates", folder);
}

static void write_file_text(const char *text)
{
    FILE *to = fopen(file, "w");
    if (to) {
        fputs(text, to);
        fclose(to);
    }
}

static struct rates_key key_of(const char *model, int n_threads)
{
    return rates_key_make(n_threads, "int8-h64-avx2", model);
}

static void save(const char *model, int n_threads, double multiply, double disk)
{
    struct rates_key key = key_of(model, n_threads);
    struct rates rates = {.compute = {1e-11, multiply, 3e-12},
                          .compute_origin = multiply > 0 ? RATES_OF_MODEL : RATES_UNKNOWN,
                          .disk_bytes_per_s = disk};
    struct error err = {0};
    CHECK_INT(rates_save(&key, &rates, &err), 0);
    CHECK_TEXT(err.text, "");
}

static struct rates load(const char *model, int n_threads)
{
    struct rates_key key = key_of(model, n_threads);
    struct rates rates;
    rates_load(&key, &rates);
    return rates;
}

TEST(rates_are_found_again)
{
    new_cache("found");
    CHECK_INT(load("/a.gguf", 2).compute_origin, RATES_UNKNOWN);
    save("/a.gguf", 2, 2e-12, 1.5e9);
    save("/a.gguf", 4, 1e-12, 0);
    save("/odd\tname\n.gguf", 2, 5e-12, 3e9);
    struct rates rates = load("/a.gguf", 2);
    CHECK_INT(rates.compute_origin, RATES_OF_MODEL);
    CHECK(rates.compute.unpack == 1e-11 && rates.compute.multiply == 2e-12 &&
          rates.compute.attend == 3e-12 && rates.disk_bytes_per_s == 1.5e9);
    CHECK(rates.compute_when > 1600000000);
    CHECK(load("/a.gguf", 4).compute.multiply == 1e-12);
    CHECK_INT(load("/a.gguf", 8).compute_origin, RATES_UNKNOWN);
    CHECK(load("/odd\tname\n.gguf", 2).compute.multiply == 5e-12);
    /* Of a model that never ran, the last run of any here; nothing of its disk. */
    CHECK_INT(load("/b.gguf", 2).compute_origin, RATES_OF_MACHINE);
    CHECK(load("/b.gguf", 2).compute.multiply == 5e-12);
    CHECK(load("/b.gguf", 2).disk_bytes_per_s == 0);
    save("/a.gguf", 2, 7e-12, 2e9); /* the last one counts */
    CHECK(load("/a.gguf", 2).compute.multiply == 7e-12);
    CHECK(load("/a.gguf", 2).disk_bytes_per_s == 2e9);
    save("/c.gguf", 2, 9e-12, 0); /* another model's do not come before one's own */
    CHECK(load("/a.gguf", 2).compute.multiply == 7e-12);
}

TEST(damaged_and_foreign_files_count_as_none)
{
    new_cache("damaged");
    save("/a.gguf", 2, 2e-12, 1.5e9);
    struct rates_key key = key_of("/a.gguf", 2);
    char text[8192];
    const char *const bad[] = {"",           "compute",        "compute\t1\t2",
                               "\t\t\t\t\t", "disk\t5\tnan\t", "disk\t1\t-4\t/a.gguf"};
    int n = snprintf(text, sizeof text, "trawl rates 1\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\n", bad[i]);
    n += snprintf(text + n, sizeof text - (size_t)n,
                  "compute\t1\t2\t%s\t1e-11\t4e-12\t0\t%s\t/a.gguf\n", key.numerics, key.cpu);
    const char *const worse[] = {"inf\t1e-12\t0", "1e-11\t0\t0", "1e-11\t1e9\t0", "x\t1e-12\t0",
                                 "1e-11\t1e-12"};
    for (size_t i = 0; i < sizeof worse / sizeof *worse; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "compute\t1\t2\t%s\t%s\t%s\t/a.gguf\n",
                      key.numerics, worse[i], key.cpu);
    snprintf(text + n, sizeof text - (size_t)n, "compute\t1\t2\t%s\t1e-11\t9e-1", key.numerics);
    write_file_text(text); /* the last line is torn */
    CHECK(load("/a.gguf", 2).compute.multiply == 4e-12);
    CHECK(load("/a.gguf", 2).disk_bytes_per_s == 0);
    save("/a.gguf", 2, 6e-12, 1e9); /* which does not spoil the next */
    CHECK(load("/a.gguf", 2).compute.multiply == 6e-12);

    write_file_text("somebody's notes\ndisk\t1\t1e9\t/a.gguf\n");
    CHECK(load("/a.gguf", 2).disk_bytes_per_s == 0);
    struct rates rates = {.disk_bytes_per_s = 1e9};
    struct error err = {0};
    CHECK_INT(rates_save(&key, &rates, &err), -1);
    char got[64] = "";
    FILE *from = fopen(file, "r");
    CHECK(from && fgets(got, sizeof got, from));
    if (from)
        fclose(from);
    CHECK_TEXT(got, "somebody's notes\n");

    unlink(file);
    REQUIRE(mkdir(file, 0777) == 0);
    CHECK_INT(rates_save(&key, &rates, &err), -1);
    CHECK_INT(load("/a.gguf", 2).compute_origin, RATES_UNKNOWN);
    unsetenv("XDG_CACHE_HOME");
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");
    unsetenv("HOME");
    CHECK_INT(rates_save(&key, &rates, &err), -1);
    CHECK_INT(load("/a.gguf", 2).compute_origin, RATES_UNKNOWN);
    setenv("HOME", home, 1);
    free(home);
}

TEST(writers_at_the_same_time_lose_nothing)
{
    enum { WRITERS = 6, EACH = 12 };
    new_cache("many");
    char model[64];
    for (int w = 0; w < WRITERS; w++)
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++) {
                snprintf(model, sizeof model, "/model-%d-%d", w, i);
                save(model, 2, (w * EACH + i + 1) * 1e-13, 1e9);
            }
            _exit(0);
        }
    for (int status, w = 0; w < WRITERS; w++)
        CHECK(wait(&status) > 0 && status == 0);
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < EACH; i++) {
            snprintf(model, sizeof model, "/model-%d-%d", w, i);
            struct rates rates = load(model, 2);
            CHECK_INT(rates.compute_origin, RATES_OF_MODEL);
            CHECK_NEAR(rates.compute.multiply * 1e13, w * EACH + i + 1, 1e-4);
        }
}

TEST(a_large_file_keeps_its_newer_half)
{
    new_cache("large");
    char model[64];
    struct stat st;
    for (int i = 0; i < 2000; i++) {
        snprintf(model, sizeof model, "/model-%d", i);
        save(model, 2, 1e-12, 1e9);
    }
    REQUIRE(stat(file, &st) == 0);
    CHECK(st.st_size < 70000);
    CHECK_INT(load("/model-1999", 2).compute_origin, RATES_OF_MODEL);
    CHECK_INT(load("/model-1900", 2).compute_origin, RATES_OF_MODEL);
    CHECK_INT(load("/model-0", 2).compute_origin, RATES_OF_MACHINE);
}

/* ---- Arithmetic ---- */

static const struct trawl_model_info info = {.n_layers = 32, .n_heads = 32, .head_dim = 128};

/* A run of an 8B shape in small batches. */
static struct trawl_stats stats_of(uint64_t rows, uint64_t n_rows, uint64_t bytes)
{
    return (struct trawl_stats){.rows = rows,
                                .sweeps = (rows + n_rows - 1) / n_rows,
                                .sequences = rows / 300,
                                .documents = rows / 300,
                                .prompt_tokens = rows + rows / 10,
                                .seconds = 0.25,
                                .plan = {.n_rows = (uint32_t)n_rows,
                                         .n_threads = 2,
                                         .layer_weights = UINT64_C(7000000000),
                                         .head_weights = UINT64_C(525000000),
                                         .first_sweep_bytes = bytes,
                                         .bytes_per_sweep = bytes}};
}

/* What a run like [stats], with the rates that it had, would take beside such a disk. */
static struct estimate estimate_of(const struct trawl_stats *stats, double disk_bytes_per_s)
{
    struct work work = work_of(stats, &info);
    struct estimate estimate = {.rates = {.compute = rates_of(stats, &work),
                                          .compute_origin = RATES_OF_MODEL,
                                          .disk_bytes_per_s = disk_bytes_per_s}};
    estimate_compute(&estimate, stats, &info);
    return estimate;
}

TEST(rates_of_a_run_give_it_back)
{
    struct trawl_stats stats = stats_of(50000, 900, UINT64_C(4500000000));
    stats.seconds_compute = 5000;
    stats.seconds_unpacking = 400;
    stats.seconds_attention = 600;
    struct estimate estimate = estimate_of(&stats, 1e9);
    CHECK_NEAR(estimate.seconds_compute, 5000, 1e-6);
    CHECK_NEAR(estimate.seconds_disk, 4.5 * 56, 1e-9);
    CHECK(!estimate.disk_bound);
    /* The last sweep has 500 of 900 rows and still hides the disk. */
    CHECK_NEAR(estimate.seconds, 5000.25, 1e-6);

    /* Twice the rows: twice the products, not twice the unpacking of each sweep. */
    struct trawl_stats twice = stats;
    twice.rows *= 2;
    twice.prompt_tokens *= 2;
    twice.sequences *= 2;
    estimate_compute(&estimate, &twice, &info);
    CHECK_NEAR(estimate.seconds_compute, 400 + 2 * 4600, 1e-6);
}

TEST(what_stays_is_read_and_unpacked_once)
{
    struct trawl_stats stats = stats_of(50000, 1000, UINT64_C(4000000000));
    stats.plan.bytes_per_sweep /= 4;
    stats.plan.kept_weights = (stats.plan.layer_weights + stats.plan.head_weights) / 2;
    stats.seconds_compute = stats.seconds_unpacking = 51; /* 2 s the first sweep, 1 s the others */
    struct estimate estimate = estimate_of(&stats, 1e9);
    CHECK_NEAR(estimate.seconds_compute, 51, 1e-6);
    CHECK_NEAR(estimate.seconds_disk, 4 + 49, 1e-9);
    CHECK_NEAR(estimate.seconds, 4 + 49 * 1 + 0.25, 1e-6);
    estimate = estimate_of(&stats, 1e10);
    CHECK_NEAR(estimate.seconds, 2 + 49 * 1 + 0.25, 1e-6);
}

TEST(advice_is_arithmetic)
{
    /* A row costs a millisecond, unpacking 0.2 s a sweep, reading 1 s. */
    struct trawl_stats stats = stats_of(9000, 300, UINT64_C(1000000000));
    struct work work = work_of(&stats, &info);
    struct estimate estimate = {
        .rates = {.compute_origin = RATES_OF_MODEL, .disk_bytes_per_s = 1e9}};
    estimate.rates.compute = (struct compute_rates){.unpack = 30 * 0.2 / work.unpacked,
                                                    .multiply = 9000 * 1e-3 / work.multiplied};
    estimate_compute(&estimate, &stats, &info);
    CHECK(estimate.disk_bound);
    CHECK_NEAR(estimate.seconds, 30 * 1 + 0.25, 1e-6);
    CHECK_NEAR(estimate.rows_to_hide_disk, 800, 1);
    struct trawl_run_options options = {0};
    estimate.memory_to_hide_disk = UINT64_C(6) << 30;
    estimate_advise(&estimate, &stats, &options, 2);
    CHECK_CONTAINS(estimate.advice, "disk-bound: 300 rows a sweep where 80");
    CHECK_CONTAINS(estimate.advice, "--memory 6G would do");
    estimate.memory_to_hide_disk = 0;
    estimate_advise(&estimate, &stats, &options, 2);
    CHECK_CONTAINS(estimate.advice, "a faster disk would help");
    options.n_rows = 300;
    estimate_advise(&estimate, &stats, &options, 2);
    CHECK_CONTAINS(estimate.advice, "a larger --rows");

    /* As many rows as there are fit one sweep: others would ride along for nothing. */
    struct trawl_stats few = stats_of(300, 4096, UINT64_C(1000000000));
    estimate_compute(&estimate, &few, &info);
    CHECK_NEAR(estimate.seconds, 1 + 0.25, 1e-6);
    options.n_rows = 0;
    estimate_advise(&estimate, &few, &options, 2);
    CHECK_CONTAINS(estimate.advice, "2.7 times the input would take no longer");

    /* With a disk ten times as fast it is the cores. */
    estimate.rates.disk_bytes_per_s = 1e10;
    estimate_compute(&estimate, &stats, &info);
    CHECK(!estimate.disk_bound);
    CHECK_NEAR(estimate.seconds, 30 * 0.5 + 0.25, 1e-6);
    estimate_advise(&estimate, &stats, &options, 2);
    CHECK_CONTAINS(estimate.advice, "compute-bound: nothing but");
    estimate_advise(&estimate, &stats, &options, 4);
    CHECK_CONTAINS(estimate.advice, "2 of 4 cores are used");
    options.exact = true;
    estimate_advise(&estimate, &stats, &options, 2);
    CHECK_CONTAINS(estimate.advice, "instead of --exact");

    /* Full sweeps are full: 350 rows in batches of 300 are 300 and 50, not twice 175. */
    struct trawl_stats uneven = stats_of(350, 300, UINT64_C(300000000));
    estimate.rates.disk_bytes_per_s = 1e9;
    estimate_compute(&estimate, &uneven, &info);
    double row = (estimate.seconds_compute - 2 * 0.2) / 350;
    CHECK_NEAR(estimate.seconds, 0.2 + 300 * row + 0.3 + 0.25, 1e-6);
}

/* ---- On a model ---- */

TEST(a_budget_that_would_hide_the_disk_has_the_rows)
{
    char path[512];
    struct error err = {0};
    new_cache("model");
    snprintf(path, sizeof path, "%s/model.gguf", check_tmp_dir());
    tiny_model_write(&(struct tiny_model){.n_layers = 3, .dim = 256, .context = 1024}, path);
    struct trawl_model *model = trawl_model_open(&(struct trawl_model_options){.path = path}, &err);
    REQUIRE(model != NULL);
    struct trawl_run_options options = {.n_threads = 2};
    struct trawl_stats stats = {.rows = 5000, .prompt_tokens = 5000, .sequences = 50, .sweeps = 20};
    REQUIRE(trawl_plan(model, &options, 128, &stats.plan, &err) == 0);
    options.memory_bytes = stats.plan.least_bytes + MIB;
    REQUIRE(trawl_plan(model, &options, 128, &stats.plan, &err) == 0);
    stats.sweeps = 5000 / stats.plan.n_rows;
    REQUIRE(stats.sweeps > 1 && stats.plan.n_rows < 1000);

    /* A disk and cores that want 1,000 rows a sweep. */
    struct rates_key key = rates_key_make(2, stats.plan.numerics, path);
    struct rates rates = {.compute_origin = RATES_OF_MODEL, .disk_bytes_per_s = 1e6};
    rates.compute.multiply =
        (double)stats.plan.bytes_per_sweep / 1e6 / 1000 /
        ((double)stats.plan.layer_weights + (double)stats.plan.head_weights / 100);
    CHECK_INT(rates_save(&key, &rates, &err), 0);
    struct estimate estimate;
    estimate_make(&estimate, model, &options, &stats);
    CHECK_INT(estimate.rates.compute_origin, RATES_OF_MODEL);
    CHECK(estimate.disk_bound);
    CHECK_NEAR(estimate.rows_to_hide_disk, 1000, 2);
    REQUIRE(estimate.memory_to_hide_disk > options.memory_bytes);
    struct trawl_plan plan;
    options.memory_bytes = estimate.memory_to_hide_disk;
    CHECK_INT(trawl_plan(model, &options, 128, &plan, &err), 0);
    CHECK(plan.n_rows >= estimate.rows_to_hide_disk);
#if !defined(__SANITIZE_ADDRESS__) &&                                                              \
    !defined(__SANITIZE_THREAD__)      /* what a process takes swings */
    options.memory_bytes -= 128 * MIB; /* and not far less would do */
    CHECK(options.memory_bytes > INT64_MAX || trawl_plan(model, &options, 128, &plan, &err) < 0 ||
          plan.n_rows < estimate.rows_to_hide_disk);
#endif

    /* Another machine's threads were never measured: a probe says. */
    options = (struct trawl_run_options){.n_threads = 1};
    REQUIRE(trawl_plan(model, &options, 128, &stats.plan, &err) == 0);
    estimate_make(&estimate, model, &options, &stats);
    CHECK_INT(estimate.rates.compute_origin, RATES_PROBED);
    CHECK(estimate.rates.compute.multiply > 1e-14 && estimate.seconds > 0);
    trawl_model_close(model);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
