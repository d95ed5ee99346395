/* Power and time: parts of the day and how long things last, batteries, and a run that pauses on
 * one: it gives its memory back and goes on to the same bytes. */

#include "arguments.h"
#include "commands.h"
#include "power/day_window.h"
#include "power/supply.h"

#include "support/check.h"
#include "support/tiny_model.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Parts of the day ---- */

static time_t at(int hour, int minute, int second)
{
    struct tm local = {.tm_year = 126,
                       .tm_mon = 10,
                       .tm_mday = 28,
                       .tm_hour = hour,
                       .tm_min = minute,
                       .tm_sec = second,
                       .tm_isdst = -1};
    return mktime(&local);
}

TEST(windows_hold_across_midnight)
{
    struct day_window window;
    struct error err;
    const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "NST3:30"};
    for (size_t z = 0; z < 3; z++) {
        setenv("TZ", zones[z], 1);
        tzset();
        check_case("%s", zones[z]);
        REQUIRE(day_window_read(&window, "23:00-07:00", &err) == 0);
        CHECK(day_window_holds(&window, at(23, 0, 0)));
        CHECK(day_window_holds(&window, at(0, 0, 0)));
        CHECK(day_window_holds(&window, at(6, 59, 59)));
        CHECK(!day_window_holds(&window, at(7, 0, 0)));
        CHECK(!day_window_holds(&window, at(22, 59, 59)));
        REQUIRE(day_window_read(&window, "9:30-17:05", &err) == 0);
        CHECK(!day_window_holds(&window, at(9, 29, 59)));
        CHECK(day_window_holds(&window, at(9, 30, 0)));
        CHECK(day_window_holds(&window, at(17, 4, 59)));
        CHECK(!day_window_holds(&window, at(17, 5, 0)));
        CHECK(!day_window_holds(&window, at(23, 59, 59)));
        REQUIRE(day_window_read(&window, "22:00-24:00", &err) == 0);
        CHECK(day_window_holds(&window, at(23, 59, 59)));
        CHECK(!day_window_holds(&window, at(0, 0, 0)));
    }
    CHECK(day_window_holds(&(struct day_window){0}, at(12, 0, 0))); /* none is set */
}

TEST(windows_that_are_none_are_refused)
{
    const char *const bad[] = {"",           "23:00",       "23-7",         "24:00-07:00",
                               "7:60-8:00",  "7:0-8:00",    "07:00-08:000", "07:00-08:00x",
                               "-1:00-2:00", "23:00-23:00", "00:00-24:00",  "1:00 - 2:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct day_window window;
        struct error err = {0};
        check_case("'%s'", bad[i]);
        CHECK_INT(day_window_read(&window, bad[i], &err), -1);
        CHECK_INT(err.kind, ERROR_USAGE);
        CHECK_CONTAINS(err.text, "--between");
    }
}

TEST(durations_are_read)
{
    const struct {
        const char *text;
        double seconds;
    } good[] = {{"6h", 21600}, {"1h30m", 5400}, {"1.5h", 5400},
                {"90s", 90},   {".5s", .5},     {"2d1h", 176400}};
    const char *const bad[] = {"",     "6",     "h",      "6x",  "-1h",  "0s",
                               "1h30", "1001d", "1h 30m", "nan", "infs", "1e9d"};
    struct error err;
    uint64_t ns;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check_case("%s", good[i].text);
        CHECK_INT(duration_read(&ns, good[i].text, &err), 0);
        CHECK_UINT(ns, (uint64_t)(good[i].seconds * 1e9));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_case("'%s'", bad[i]);
        CHECK_INT(duration_read(&ns, bad[i], &err), -1);
        CHECK_CONTAINS(err.text, "--stop-after");
    }
}

/* ---- Batteries ---- */

#ifdef __linux__

static char supplies[512];

static void say(const char *supply, const char *property, const char *value)
{
    char path[1024];
    mkdir(supplies, 0777);
    snprintf(path, sizeof path, "%s/%s", supplies, supply);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", supplies, supply, property);
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%s\n", value);
        fclose(file);
    }
}

static void new_supplies(const char *name)
{
    snprintf(supplies, sizeof supplies, "%s/%s", check_tmp_dir(), name);
    supply_folder = supplies;
}

TEST(a_battery_counts_when_it_gives_power)
{
    new_supplies("supplies");
    CHECK(!supply_on_battery()); /* no such folder */
    say("AC", "type", "Mains");
    say("AC", "online", "0");
    CHECK(!supply_on_battery()); /* no battery */
    say("mouse", "type", "Battery");
    say("mouse", "scope", "Device");
    say("mouse", "status", "Discharging");
    CHECK(!supply_on_battery());
    say("BAT0", "type", "Battery");
    CHECK(!supply_on_battery());
    const char *const other[] = {"Charging", "Full", "Not charging", "Unknown"};
    for (size_t i = 0; i < 4; i++) {
        say("BAT0", "status", other[i]);
        CHECK(!supply_on_battery());
    }
    say("BAT0", "status", "Discharging");
    CHECK(supply_on_battery());
    say("AC", "online", "1"); /* a charger that gives too little */
    CHECK(!supply_on_battery());
    say("AC", "online", "0");
    say("USB0", "type", "USB");
    say("USB0", "online", "0");
    CHECK(supply_on_battery());
    say("USB0", "online", "2");
    CHECK(!supply_on_battery());
}

/* ---- A run on battery ---- */

/* Runs grep in a process of its own, with its output in files of this name. */
static pid_t start_grep(const char *name, const char *const *words, int n_words)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char path[600];
    snprintf(path, sizeof path, "%s/%s.out", check_tmp_dir(), name);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    snprintf(path, sizeof path, "%s/%s.err", check_tmp_dir(), name);
    int err_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0 || err_fd < 0 || dup2(out, 1) < 0 || dup2(err_fd, 2) < 0)
        _exit(99);
    struct arguments arguments;
    struct error err = {0};
    char *argv[32];
    for (int i = 0; i < n_words; i++)
        argv[i] = strdup(words[i]);
    int status = 98;
    if (arguments_parse(&arguments, COMMAND_GREP, n_words, argv, &err) == 0)
        status = cmd_grep(&arguments);
    fflush(NULL);
    _exit(status);
}

/* All of a file of [start_grep]; at most the buffer. */
static const char *text_of(const char *name, const char *ending)
{
    static char text[1 << 16];
    char path[600];
    snprintf(path, sizeof path, "%s/%s.%s", check_tmp_dir(), name, ending);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    return text;
}

/* Waits until a file of the process has [part] [n] times, or the process ends, or for minutes. */
static bool waits_for(pid_t pid, const char *name, const char *ending, const char *part, int n)
{
    for (int tries = 0; tries < 20000 && waitpid(pid, NULL, WNOHANG) == 0; tries++) {
        const char *text = text_of(name, ending);
        int found = 0;
        while ((text = strstr(text, part)) != NULL && ++found)
            text += strlen(part);
        if (found >= n)
            return true;
        usleep(10000);
    }
    return false;
}

static uint64_t resident_of(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %llu", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib * 1024;
}

/* A file with lines [from, from + n), or a pipe of this name that is being read. */
static void write_lines(const char *path, int from, int n)
{
    FILE *file = fopen(path, "w");
    for (int i = from; file && i < from + n; i++)
        fprintf(file, "Note %d: %d boats left, %d came back.\n", i, i * 79 % 101, i % 7);
    if (file)
        fclose(file);
}

TEST(on_battery_a_run_waits_without_its_memory)
{
    enum { N = 100, MIB = 1 << 20 };
    char model[512], first[512], second[512];
    snprintf(model, sizeof model, "%s/model.gguf", check_tmp_dir());
    snprintf(first, sizeof first, "%s/first", check_tmp_dir());
    snprintf(second, sizeof second, "%s/second", check_tmp_dir());
    tiny_model_write(&(struct tiny_model){.n_layers = 4, .dim = 768, .n_heads = 8}, model);
    write_lines(first, 0, N);
    REQUIRE(mkfifo(second, 0666) == 0);
    new_supplies("machine");
    say("AC", "type", "Mains");
    say("AC", "online", "1");
    say("BAT0", "type", "Battery");
    say("BAT0", "status", "Discharging");

    const char *const words[] = {"-m",     model,       "--rows",     "600",
                                 "--json", "--no-text", "-j2",        "--window",
                                 "256",    "--memory",  "900M",       "Is it?",
                                 first,    second,      "--progress", "--while-on-ac"};
    const int n_words = sizeof words / sizeof *words;
    int status;
    pid_t pid = start_grep("plain", words, n_words - 1);
    REQUIRE(pid > 0);
    write_lines(second, N, N);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);

    /* It has the weights in memory and waits for more lines when the charger is taken away. */
    pid = start_grep("paused", words, n_words);
    REQUIRE(pid > 0);
    CHECK(waits_for(pid, "paused", "out", "\n", 20));
    int fd = open(second, O_WRONLY); /* now it has read all of the first file */
    uint64_t most = resident_of(pid);
    say("AC", "online", "0");
    usleep(2100000); /* it is not looked at all the time */
    write_lines(second, N, N);
    close(fd);
    CHECK(waits_for(pid, "paused", "err", "paused: on battery", 1));
    size_t n_out = strlen(text_of("paused", "out"));
    uint64_t left = resident_of(pid);
    CHECK(left > 0 && most > 35 * MIB);
    CHECK(left < most - 20 * MIB); /* the model's weights, 23 MB, are not there any more */
    kill(pid, SIGUSR1);
    CHECK(waits_for(pid, "paused", "err", "paused: on battery", 2));
    CHECK_UINT(strlen(text_of("paused", "out")), n_out);
    say("AC", "online", "1");
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    CHECK(n_out < strlen(text_of("paused", "out")));
    char *plain = strdup(text_of("plain", "out"));
    CHECK(strlen(plain) > 2 * N * 10);
    CHECK_TEXT(text_of("paused", "out"), plain);
    free(plain);

    /* Nothing is to be done after a signal, so it ends the program at once. */
    say("AC", "online", "0");
    pid = start_grep("ended", words, n_words);
    REQUIRE(pid > 0);
    CHECK(waits_for(pid, "ended", "err", "paused: on battery", 1));
    kill(pid, SIGTERM);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_TEXT(text_of("ended", "out"), "");
}
#endif /* Linux */

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
