#ifndef TEXT_BYTE_SYMBOLS_H
#define TEXT_BYTE_SYMBOLS_H
/* GPT-2's way of writing arbitrary bytes as printable characters: a byte that is printable in
 * Latin-1 (! to ~, U+00A1 to U+00AC, U+00AE to U+00FF) is that character, the 68 others are U+0100
 * onwards in ascending order (so that a space is U+0120 and a line feed U+010A). */

#include <stddef.h>

/* Writes the bytes that [name] stands for to [to] (room for n_bytes); returns how many, or -1 when
 * it is not written in byte symbols throughout. */
long byte_symbols_decode(const char *name, size_t n_bytes, char *to);

#endif
