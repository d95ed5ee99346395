#ifndef MAIL_H
#define MAIL_H
/* One mail as a record, read line by line: its headers are fields, its text the readable part. Of
 * parts that are not read, attachments, nothing is kept but their names. */

#include "record.h"

struct mail;
struct mail *mail_new(size_t most_bytes, struct error *err) MUST_CHECK;
void mail_free(struct mail *mail); /* NULL is legal */

/* Prepares for the next mail, which fills [record]. */
void mail_begin(struct mail *mail, struct record *record);
/* A line without its end. -1: out of memory. */
int mail_line(struct mail *mail, const char *line, size_t n_bytes, struct error *err) MUST_CHECK;
/* A line that was too long to be read. */
void mail_skip_line(struct mail *mail);
int mail_end(struct mail *mail, struct error *err) MUST_CHECK;

#endif
