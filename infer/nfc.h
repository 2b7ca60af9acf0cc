/*
 * infer/nfc.h - Unicode normalization form C: accents are put together with their letters where one character has both.
 *
 * Some models' tokenizers normalize so before they cut.  The tables are the references' (tokenizers), of Unicode 9;
 * characters that came later, and bytes that are no UTF-8, stay as they are.
 *
 * Source: Unicode Standard Annex #15.
 */
#ifndef INFER_NFC_H
#define INFER_NFC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

/* true: text is in form C for certain, since nothing in it combines.  One pass over the bytes. */
bool nfc_is_plain(const char *text, size_t len);
/* Appends text in form C.  n log n at worst.  false: out of memory (out->failed says if it is out's limit). */
bool nfc_normalize(const char *text, size_t len, struct buf *out);
/* What a character is in form D, at most four characters; how many.  One without parts is itself. */
size_t nfd_of(uint32_t c, uint32_t out[4]);

#endif
