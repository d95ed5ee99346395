#ifndef POWER_LOSS_H
#define POWER_LOSS_H
/* What a power failure leaves of the files of one folder: what was synced, and by chance some of
 * what was not. It knows which names the folder had when it was last synced, and what each file
 * held when that was; all else is lost at the end, in three ways:
 *
 *     a file's 512-byte sectors that differ from what was synced are each the new or the old ones,
 *     its length is the new or the old one, or one between them;
 *     of creations, renames and removals since the folder was synced the first few are kept.
 *
 * Seed 0 keeps nothing that was not synced. A file is as strict as POSIX has it: syncing it does
 * not sync its name. Of a sector that was written twice since it was synced, what it was in between
 * is not tried. For one thread. */

#include <stdbool.h>

void power_watch(const char *folder);
/* Before something is opened for writing, renamed or removed; what is there is known from then on.
 */
void power_look(const char *path);
void power_created(const char *path); /* it was not there before */
void power_renamed(const char *from, const char *to);
void power_removed(const char *path);
void power_synced(int fd); /* a file or the folder */

void power_fail(unsigned long seed); /* nothing may be written afterwards */

#endif
