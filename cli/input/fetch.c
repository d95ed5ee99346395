#include "fetch.h"

#include <string.h>
#include <strings.h>

bool fetch_is_address(const char *operand)
{
    return strncasecmp(operand, "http://", 7) == 0 || strncasecmp(operand, "https://", 8) == 0;
}

#ifdef HAVE_LIBCURL

#include "curl_library.h"
#include "page_cache.h"
#include "robots.h"
#include "trawl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define AGENT          "trawl"
#define MOST_REDIRECTS 5
#define MOST_WAIT_S    60 /* that a host or its robots.txt may ask for */
#define CONNECT_S      30L
#define REQUEST_S      120L
#define FRESH_S        86400 /* a page of the cache is not asked for again for a day */
#define ROBOTS_BYTES   (512u << 10)

struct host {
    struct host *next;
    char *name; /* scheme, name and port: "http://example.org:8080" */
    struct robots robots;
    char closed[200]; /* why nothing may be fetched; empty: it may */
    double next_s;    /* no request before this time */
};

struct fetch {
    struct fetch_options options;
    size_t most_bytes;
    char *cache; /* folder */
    const struct curl_library *library;
    CURL *curl;
    struct host *hosts;
};

/* One request and what came of it. */
struct reply {
    long status;
    struct page page;
    size_t most_bytes;
    bool too_large;
    double wait_s;  /* Retry-After */
    char *location; /* where it redirects to; libcurl's copy, owned */
};

void fetch_close(struct fetch *fetch)
{
    if (!fetch)
        return;
    while (fetch->hosts) {
        struct host *next = fetch->hosts->next;
        robots_deinit(&fetch->hosts->robots);
        free(fetch->hosts->name);
        free(fetch->hosts);
        fetch->hosts = next;
    }
    if (fetch->curl)
        fetch->library->easy_cleanup(fetch->curl);
    free(fetch->cache);
    free(fetch);
}

int fetch_load(struct error *err)
{
    return curl_library(err) ? 0 : fail_context(err, "--fetch");
}

struct fetch *fetch_open(const struct fetch_options *options, size_t most_bytes, struct error *err)
{
    const struct curl_library *library = curl_library(err);
    if (!library)
        return NULL;
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch || !(fetch->curl = library->easy_init())) {
        fail_memory(err, sizeof *fetch, "libcurl");
        fetch_close(fetch);
        return NULL;
    }
    fetch->library = library;
    fetch->options = *options;
    fetch->most_bytes = most_bytes;
    if (page_cache_open(options->cache, &fetch->cache, err) == 0)
        return fetch;
    fetch_close(fetch);
    return NULL;
}

/* ---- One request ---- */

static size_t take_body(char *data, size_t size, size_t n, void *context)
{
    struct reply *reply = context;
    struct error ignored;
    reply->too_large = reply->page.body.n_bytes + size * n > reply->most_bytes;
    if (reply->too_large || bytes_append(&reply->page.body, data, size * n, &ignored) < 0)
        return 0; /* ends the transfer */
    return size * n;
}

/* Copies the value of a header of this name, if the line is it. */
static void take_value(const char *line, size_t n_bytes, const char *name, char *out, size_t n_out)
{
    size_t n_name = strlen(name);
    if (n_bytes <= n_name || line[n_name] != ':' || strncasecmp(line, name, n_name) != 0)
        return;
    const char *value = line + n_name + 1, *end = line + n_bytes;
    while (value < end && isspace((unsigned char)*value))
        value++;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    size_t n = (size_t)(end - value);
    if (n >= n_out || memchr(value, '\n', n))
        return;
    memcpy(out, value, n);
    out[n] = '\0';
}

static size_t take_header(char *data, size_t size, size_t n, void *context)
{
    struct reply *reply = context;
    char wait[16] = "";
    take_value(data, size * n, "etag", reply->page.etag, sizeof reply->page.etag);
    take_value(data, size * n, "last-modified", reply->page.modified, sizeof reply->page.modified);
    take_value(data, size * n, "retry-after", wait, sizeof wait);
    if (isdigit((unsigned char)wait[0]))
        reply->wait_s = strtod(wait, NULL);
    return size * n;
}

static void reply_deinit(struct reply *reply)
{
    page_deinit(&reply->page);
    free(reply->location);
}

/* What is asked of the server so that it need not send what is known already. */
static struct curl_slist *conditions(const struct curl_library *library, const struct page *known)
{
    char line[300];
    struct curl_slist *list = NULL;
    if (known && known->etag[0]) {
        snprintf(line, sizeof line, "If-None-Match: %s", known->etag);
        list = library->slist_append(list, line);
    }
    if (known && known->modified[0]) {
        snprintf(line, sizeof line, "If-Modified-Since: %s", known->modified);
        list = library->slist_append(list, line);
    }
    return list;
}

/* [reply] has its most_bytes; it is to be freed whatever comes back. */
static int request(struct fetch *fetch, const char *address, const struct page *known,
                   struct reply *reply, struct error *err)
{
    const struct curl_library *library = fetch->library;
    CURL *curl = fetch->curl;
    struct curl_slist *headers = conditions(library, known);
    library->easy_reset(curl); /* connections stay */
    library->easy_setopt(curl, CURLOPT_URL, address);
    library->easy_setopt(curl, CURLOPT_USERAGENT, AGENT "/" TRAWL_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500
    library->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    library->easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    library->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    library->easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    library->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    library->easy_setopt(curl, CURLOPT_TIMEOUT, REQUEST_S);
    library->easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    library->easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    library->easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    library->easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    library->easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    CURLcode code = library->easy_perform(curl);
    library->slist_free_all(headers);
    if (reply->too_large)
        return fail_too_large(err, reply->most_bytes, "a document");
    if (code != CURLE_OK)
        return fail(err, ERROR_IO, "%s", library->easy_strerror(code));
    char *location = NULL;
    library->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    library->easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
    if (location && !(reply->location = strdup(location)))
        return fail_memory(err, strlen(location), "an address");
    reply->page.fetched_s = (int64_t)time(NULL);
    return 0;
}

/* ---- Hosts ---- */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void wait_until(double time_s)
{
    double left_s = time_s - now_s();
    if (left_s <= 0)
        return;
    struct timespec pause = {.tv_sec = (time_t)left_s,
                             .tv_nsec = (long)((left_s - (double)(time_t)left_s) * 1e9)};
    nanosleep(&pause, NULL);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Waits for the host's turn, asks, and sets its next. */
static int request_politely(struct fetch *fetch, struct host *host, const char *address,
                            const struct page *known, struct reply *reply, struct error *err)
{
    wait_until(host->next_s);
    int status = request(fetch, address, known, reply, err);
    double delay_s = fetch->options.delay_s;
    if (host->robots.delay_s > delay_s)
        delay_s = least(host->robots.delay_s, MOST_WAIT_S);
    host->next_s = now_s() + delay_s;
    return status;
}

/* A host that says that there is no robots.txt allows everything; one that does not answer,
 * nothing. */
static int read_robots(struct fetch *fetch, struct host *host, struct error *err)
{
    size_t n_bytes = strlen(host->name) + sizeof "/robots.txt";
    char *address = malloc(n_bytes);
    if (!address)
        return fail_memory(err, n_bytes, "an address");
    snprintf(address, n_bytes, "%s/robots.txt", host->name);
    int status = 0;
    for (int i = 0; i <= MOST_REDIRECTS && address && status == 0; i++) {
        struct reply reply = {.most_bytes = ROBOTS_BYTES};
        struct error trouble = {0};
        bool arrived = request_politely(fetch, host, address, NULL, &reply, &trouble) == 0 ||
                       reply.too_large; /* what is behind the most is not read */
        free(address);
        address = NULL;
        if (!arrived)
            snprintf(host->closed, sizeof host->closed, "its host's robots.txt: %.150s",
                     trouble.text);
        else if (reply.location) {
            address = reply.location;
            reply.location = NULL;
        } else if (reply.status >= 500 || reply.status == 429)
            snprintf(host->closed, sizeof host->closed, "its host's robots.txt: HTTP status %ld",
                     reply.status);
        else if (reply.status < 300 && reply.page.body.n_bytes > 0)
            status = robots_read(&host->robots, reply.page.body.data, reply.page.body.n_bytes,
                                 AGENT, err);
        reply_deinit(&reply);
    }
    free(address);
    return status;
}

/* Length of scheme, name and port of an address. */
static size_t host_length(const char *address)
{
    const char *name = strstr(address, "://") + 3;
    return (size_t)(name - address) + strcspn(name, "/?#");
}

static struct host *find_host(struct fetch *fetch, const char *address, struct error *err)
{
    size_t n = host_length(address);
    for (struct host *host = fetch->hosts; host; host = host->next)
        if (strlen(host->name) == n && strncasecmp(host->name, address, n) == 0)
            return host;
    struct host *host = calloc(1, sizeof *host);
    if (!host || !(host->name = strndup(address, n))) {
        free(host);
        fail_memory(err, n, "a host");
        return NULL;
    }
    host->next = fetch->hosts;
    fetch->hosts = host;
    return read_robots(fetch, host, err) < 0 ? NULL : host;
}

/* The host of an address, if it may be fetched. */
static struct host *ask_host(struct fetch *fetch, const char *address, struct error *err)
{
    struct host *host = find_host(fetch, address, err);
    if (!host)
        return NULL;
    const char *path = address + host_length(address);
    char *plain = strndup(path, strcspn(path, "#"));
    bool allowed = plain && robots_allow(&host->robots, *plain == '/' ? plain : "/");
    free(plain);
    if (host->closed[0])
        fail(err, ERROR_IO, "%s", host->closed);
    else if (!allowed)
        fail(err, ERROR_IO, "its host's robots.txt asks programs to stay away from it");
    return host->closed[0] || !allowed ? NULL : host;
}

/* ---- Pages ---- */

/* Asks for [address], a second time where the host says that it is busy. */
static int ask_for(struct fetch *fetch, const char *address, const struct page *known,
                   struct reply *reply, struct error *err)
{
    for (int attempt = 0;; attempt++) {
        struct host *host = ask_host(fetch, address, err);
        if (!host || request_politely(fetch, host, address, known, reply, err) < 0)
            return -1;
        bool busy = reply->status == 429 || reply->status == 503;
        if (!busy || attempt > 0)
            return 0;
        host->next_s = now_s() + least(reply->wait_s > 0 ? reply->wait_s : 5, MOST_WAIT_S);
        reply_deinit(reply);
        *reply = (struct reply){.most_bytes = fetch->most_bytes};
    }
}

/* Follows redirects, asking each host. */
static int ask_all(struct fetch *fetch, const char *address, const struct page *known,
                   struct reply *reply, struct error *err)
{
    char *next = NULL;
    int status = 0, n_redirects = 0;
    for (;;) {
        const char *from = next ? next : address;
        status = ask_for(fetch, from, next ? NULL : known, reply, err);
        if (status < 0 || !reply->location)
            break;
        if (++n_redirects > MOST_REDIRECTS)
            status = fail(err, ERROR_IO, "more than %d redirects", MOST_REDIRECTS);
        else if (!fetch_is_address(reply->location))
            status = fail(err, ERROR_IO, "redirected to %.200s", reply->location);
        if (status < 0)
            break;
        free(next);
        next = reply->location;
        reply->location = NULL;
        reply_deinit(reply);
        *reply = (struct reply){.most_bytes = fetch->most_bytes};
    }
    free(next);
    return status;
}

/* Gets the page into [page]: from the cache, from the server, or from the cache because the server
 * says that it is still so. */
static int get(struct fetch *fetch, const char *address, struct page *page, struct error *err)
{
    bool is_known = page_cache_find(fetch->cache, address, fetch->most_bytes, page);
    int64_t age_s = (int64_t)time(NULL) - page->fetched_s;
    if (is_known && age_s >= 0 && age_s < FRESH_S)
        return 0;
    struct reply reply = {.most_bytes = fetch->most_bytes};
    int status = ask_all(fetch, address, is_known ? page : NULL, &reply, err);
    if (status == 0 && is_known && reply.status == 304) {
        page->fetched_s = reply.page.fetched_s;
    } else if (status == 0 && (reply.status < 200 || reply.status >= 300)) {
        status = fail(err, ERROR_IO, "HTTP status %ld", reply.status);
    } else if (status == 0) {
        page_deinit(page);
        *page = reply.page;
        reply.page = (struct page){0};
    }
    reply_deinit(&reply);
    return status < 0 ? -1 : page_cache_keep(fetch->cache, address, page, err);
}

struct intake *fetch_get(struct fetch *fetch, const char *address, struct error *err)
{
    struct page page = {0};
    struct intake *intake = NULL;
    if (strpbrk(address, "\r\n"))
        fail(err, ERROR_USAGE, "an address is one line");
    else if (get(fetch, address, &page, err) == 0)
        intake = intake_open_bytes(&page.body, err);
    page_deinit(&page);
    return intake;
}

#else

int fetch_load(struct error *err)
{
    return fail(err, ERROR_UNSUPPORTED, "this trawl was built without libcurl, which fetches");
}

struct fetch *fetch_open(const struct fetch_options *options, size_t most_bytes, struct error *err)
{
    (void)options, (void)most_bytes;
    fail(err, ERROR_UNSUPPORTED, "this trawl was built without libcurl, which fetches");
    return NULL;
}

void fetch_close(struct fetch *fetch)
{
    (void)fetch;
}

struct intake *fetch_get(struct fetch *fetch, const char *address, struct error *err)
{
    (void)fetch, (void)address;
    fail(err, ERROR_UNSUPPORTED, "this trawl was built without libcurl");
    return NULL;
}

#endif
