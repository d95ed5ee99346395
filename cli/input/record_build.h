#ifndef RECORD_BUILD_H
#define RECORD_BUILD_H
/* For the kinds: how a record is filled. Text that is not UTF-8 is taken for windows-1252. */

#include "base/bytes.h"
#include "record.h"

struct record *record_new(struct error *err) MUST_CHECK;

/* Takes the memory of [text], also on failure. */
int record_take_text(struct record *record, struct bytes *text, struct error *err) MUST_CHECK;
int record_set_text(struct record *record, const char *text, size_t n_bytes,
                    struct error *err) MUST_CHECK;
int record_set_id(struct record *record, const char *id, struct error *err) MUST_CHECK;

/* Appends a field; of two of one name both stay. */
int record_add(struct record *record, const char *name, const char *value, size_t n_bytes,
               struct error *err) MUST_CHECK;
/* The same for a field that may be there: its value is replaced, or becomes one line more. */
int record_replace(struct record *record, const char *name, const char *value, size_t n_bytes,
                   struct error *err) MUST_CHECK;
int record_join(struct record *record, const char *name, const char *value, size_t n_bytes,
                struct error *err) MUST_CHECK;

/* The text goes, fields stay. */
int record_set_trouble(struct record *record, const char *why, struct error *err) MUST_CHECK;

#endif
