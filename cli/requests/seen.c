#include "seen.h"

#ifdef HAVE_SQLITE

#include <sqlite3.h>
#include <stdlib.h>

/* Half of a SHA-256 is as good here, in half the room. */
#define KEPT_BYTES (SHA256_BYTES / 2)

struct seen {
    sqlite3 *db;
    sqlite3_stmt *add;
};

static int fail_seen(const struct seen *seen, struct error *err)
{
    return fail(err, ERROR_IO, "a temporary file (TMPDIR says where): %s",
                sqlite3_errmsg(seen->db));
}

static int open_all(struct seen *seen, struct error *err)
{
    /* Nobody reads it after a crash: no journal, no sync, one transaction for all. */
    static const char setup[] = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                "PRAGMA cache_size = -512; PRAGMA locking_mode = EXCLUSIVE;"
                                "CREATE TABLE seen(hash BLOB PRIMARY KEY) WITHOUT ROWID; BEGIN";
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2("", &seen->db, flags, NULL) != SQLITE_OK)
        return seen->db ? fail_seen(seen, err) : fail_memory(err, 0, "a temporary file");
    if (sqlite3_exec(seen->db, setup, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v3(seen->db, "INSERT OR IGNORE INTO seen VALUES(?)", -1,
                           SQLITE_PREPARE_PERSISTENT, &seen->add, NULL) != SQLITE_OK)
        return fail_seen(seen, err);
    return 0;
}

struct seen *seen_open(struct error *err)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (!seen) {
        fail_memory(err, sizeof *seen, "a set of hashes");
        return NULL;
    }
    if (open_all(seen, err) < 0) {
        seen_close(seen);
        return NULL;
    }
    return seen;
}

void seen_close(struct seen *seen)
{
    if (!seen)
        return;
    sqlite3_finalize(seen->add);
    sqlite3_close(seen->db);
    free(seen);
}

int seen_add(struct seen *seen, const uint8_t hash[SHA256_BYTES], struct error *err)
{
    sqlite3_bind_blob(seen->add, 1, hash, KEPT_BYTES, SQLITE_STATIC);
    int rc = sqlite3_step(seen->add) == SQLITE_DONE ? 0 : fail_seen(seen, err);
    sqlite3_reset(seen->add);
    return rc < 0 ? -1 : sqlite3_changes(seen->db);
}

#else

struct seen *seen_open(struct error *err)
{
    fail(err, ERROR_UNSUPPORTED,
         "this trawl was built without SQLite (libsqlite3-dev), which keeps what a batch has seen");
    return NULL;
}

void seen_close(struct seen *seen)
{
    (void)seen;
}

int seen_add(struct seen *seen, const uint8_t hash[SHA256_BYTES], struct error *err)
{
    (void)seen, (void)hash;
    return fail(err, ERROR_UNSUPPORTED, "this trawl was built without SQLite");
}

#endif
