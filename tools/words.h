/*
 * tools/words.h - the words of a text, in the form in which the retrieval of tools compares them.
 *
 * A word is a run of letters and digits (all of UTF-8 but ASCII's other characters; a byte that is no UTF-8 ends it).  It is
 * cut where a program's name joins words, at getUser and at HTTPServer, and the whole is a word besides: somebody who
 * asks for "GitHub" may write github.  ASCII letters become small.  Words that say nothing (the, of, please) and single
 * ASCII characters are left out, and the others are stemmed: "playing" is "play", and so is "played".
 *
 * The stemmer is Snowball's for English (libstemmer), also known as Porter 2.  Without that library words stay as they are.
 */
#ifndef TOOLS_WORDS_H
#define TOOLS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX_LEN 48 /* bytes; a longer run is no word that anybody would look for, and is left out */

struct words;

struct words *words_create(void); /* NULL: no memory */
void words_destroy(struct words *);
bool words_are_stemmed(void);

/*
 * Calls take() for each word, in order; the term is borrowed for the call.  take() ends it with another value than 0, which
 * is returned.  -1: the stemmer had no memory.
 */
int words_split(struct words *, const char *text, size_t len, int (*take)(void *arg, const char *term, size_t len), void *arg);

#endif
