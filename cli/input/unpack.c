#include "unpack.h"

#include <string.h>
#include <strings.h>

/* zip is also the shell of office documents and books, which are no archives to their users. */
bool unpack_recognise(const char *head, size_t n_bytes, const char *path)
{
    const char *dot = path ? strrchr(path, '.') : NULL;
    if (n_bytes >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
        return true;
    if (n_bytes >= 10 && memcmp(head, "BZh", 3) == 0 && memcmp(head + 4, "1AY&SY", 6) == 0)
        return true;
    if (n_bytes >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
        return true;
    if (n_bytes >= 263 && memcmp(head + 257, "ustar", 5) == 0)
        return true;
    if (n_bytes >= 6 && memcmp(head, "07070", 5) == 0 && head[5] >= '1' && head[5] <= '7')
        return true;
    return n_bytes >= 4 && memcmp(head, "PK\3\4", 4) == 0 && dot && strcasecmp(dot, ".zip") == 0;
}

#ifdef HAVE_LIBARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>

/* More output than this, this many times its input, is no document. */
#define BOMB_BYTES (256 << 20)
#define BOMB_RATIO 500

/* What a zstd frame may ask for to unpack it: what level 20 takes. */
#define MOST_WINDOW_BYTES (32 << 20)

struct unpack {
    struct intake *input;
    struct archive *archive;
    struct archive_entry *entry; /* libarchive's */
    struct error trouble;        /* of the input */
    char chunk[65536];
    bool has_entry;
};

struct member {
    struct intake intake;
    struct unpack *unpack;
};

static la_ssize_t give_input(struct archive *archive, void *context, const void **data)
{
    struct unpack *unpack = context;
    (void)archive;
    *data = unpack->chunk;
    return intake_read(unpack->input, unpack->chunk, sizeof unpack->chunk, &unpack->trouble);
}

static int fail_archive(struct unpack *unpack, struct error *err)
{
    if (unpack->trouble.kind) {
        *err = unpack->trouble;
        return -1;
    }
    const char *why = archive_error_string(unpack->archive);
    return fail(err, ERROR_FORMAT, "damaged or cut off: %s", why ? why : "cannot be unpacked");
}

static ssize_t member_bytes(struct unpack *unpack, void *data, size_t n_bytes, struct error *err)
{
    la_ssize_t n = archive_read_data(unpack->archive, data, n_bytes);
    if (n < 0)
        return fail_archive(unpack, err);
    int64_t n_out = archive_filter_bytes(unpack->archive, 0);
    int64_t n_in = archive_filter_bytes(unpack->archive, -1);
    if (n_out > BOMB_BYTES && n_out / BOMB_RATIO > n_in)
        return fail(err, ERROR_FORMAT, "unpacks to more than %d times its size: not read further",
                    BOMB_RATIO);
    return n;
}

static ssize_t member_read(struct intake *intake, void *data, size_t n_bytes, struct error *err)
{
    return member_bytes(((struct member *)intake)->unpack, data, n_bytes, err);
}

static void member_close(struct intake *intake)
{
    free(intake);
}

/* The window of the zstd frame that begins so (RFC 8878, 3.1.1.1): that of its descriptor or, where
 * the frame is one segment, all of its content. 0: it is no such frame. */
static uint64_t zstd_window_bytes(const unsigned char *head, size_t n_bytes)
{
    if (n_bytes < 6 || memcmp(head, "\x28\xb5\x2f\xfd", 4) != 0)
        return 0;
    unsigned flags = head[4];
    if (!(flags & 0x20)) {
        uint64_t base = UINT64_C(1) << (10 + (head[5] >> 3));
        return base + base / 8 * (head[5] & 7);
    }
    static const size_t dictionary_bytes[] = {0, 1, 2, 4}, size_bytes[] = {1, 2, 4, 8};
    size_t at = 5 + dictionary_bytes[flags & 3], n_size = size_bytes[flags >> 6];
    uint64_t size = n_size == 2 ? 256 : 0;
    for (size_t i = 0; i < n_size && at + i < n_bytes; i++)
        size += (uint64_t)head[at + i] << (8 * i);
    return size;
}

static int check_window(struct unpack *unpack, struct error *err)
{
    const char *head;
    size_t n_head;
    if (intake_peek(unpack->input, 18, &head, &n_head, err) < 0)
        return -1;
    uint64_t n_bytes = zstd_window_bytes((const unsigned char *)head, n_head);
    if (n_bytes <= MOST_WINDOW_BYTES)
        return 0;
    return fail(err, ERROR_LIMIT,
                "it was packed with a window of %.0f MiB, and unpacking may take %d; "
                "`zstd -dc --long=31` does it in a pipe",
                (double)n_bytes / (1 << 20), MOST_WINDOW_BYTES >> 20);
}

static int prepare(struct unpack *unpack, struct error *err)
{
    struct archive *archive = unpack->archive = archive_read_new();
    if (!archive)
        return fail_memory(err, sizeof *unpack, "an archive");
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_cpio(archive);
    archive_read_support_format_zip_streamable(archive);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    return archive_read_open(archive, unpack, NULL, give_input, NULL) == ARCHIVE_OK
               ? 0
               : fail_archive(unpack, err);
}

struct unpack *unpack_open(struct intake *input, struct error *err)
{
    struct unpack *unpack = calloc(1, sizeof *unpack);
    if (!unpack) {
        intake_close(input);
        fail_memory(err, sizeof *unpack, "an archive");
        return NULL;
    }
    unpack->input = input;
    if (check_window(unpack, err) < 0 || prepare(unpack, err) < 0) {
        unpack_close(unpack);
        return NULL;
    }
    return unpack;
}

void unpack_close(struct unpack *unpack)
{
    if (!unpack)
        return;
    if (unpack->archive)
        archive_read_free(unpack->archive);
    intake_close(unpack->input);
    free(unpack);
}

/* What the reader of the last member left is read here, so that it counts. */
static int skip_rest(struct unpack *unpack, struct error *err)
{
    char rest[16384];
    ssize_t n = 1;
    while (unpack->has_entry && n > 0)
        n = member_bytes(unpack, rest, sizeof rest, err);
    unpack->has_entry = false;
    return n < 0 ? -1 : 0;
}

/* A name in no known character set is its bytes. */
static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname_utf8(entry);
    name = name ? name : archive_entry_pathname(entry);
    return name ? name : "?";
}

int unpack_next(struct unpack *unpack, struct intake **intake, const char **name, struct error *err)
{
    static const struct intake_class class = {member_read, member_close};
    do {
        if (skip_rest(unpack, err) < 0)
            return -1;
        int status = archive_read_next_header(unpack->archive, &unpack->entry);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status < ARCHIVE_WARN)
            return fail_archive(unpack, err);
        unpack->has_entry = true;
    } while (archive_entry_filetype(unpack->entry) != AE_IFREG);
    bool is_raw = archive_format(unpack->archive) == ARCHIVE_FORMAT_RAW;
    *name = is_raw ? NULL : name_of(unpack->entry);
    struct member *member = calloc(1, sizeof *member);
    if (!member)
        return fail_memory(err, sizeof *member, "an archive");
    member->intake.class = &class;
    member->unpack = unpack;
    *intake = &member->intake;
    return 1;
}

#else

struct unpack *unpack_open(struct intake *input, struct error *err)
{
    intake_close(input);
    fail(err, ERROR_UNSUPPORTED, "this trawl was built without libarchive, which unpacks");
    return NULL;
}

void unpack_close(struct unpack *unpack)
{
    (void)unpack;
}

int unpack_next(struct unpack *unpack, struct intake **member, const char **name, struct error *err)
{
    (void)unpack, (void)member, (void)name;
    return fail(err, ERROR_UNSUPPORTED, "this trawl was built without libarchive");
}

#endif
