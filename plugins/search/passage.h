/*
 * plugins/search/passage.h - a text cut into the pieces that are found: paragraphs, list items, table rows.
 *
 * A model that reads a hit has nothing else of the file, so a piece should be what answers a question, and know the headings
 * that it stands under: "Heat for 2 h" answers a question about aspirin when the heading says so.  A heading is a piece
 * of its own only where nothing stands under it.
 */
#ifndef PLUGINS_SEARCH_PASSAGE_H
#define PLUGINS_SEARCH_PASSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSAGE_MAX_LINES   16 /* a longer paragraph is cut: code and prose without blank lines would be one hit each */
#define PASSAGE_MAX_BYTES   4096 /* so is a longer line */
#define PASSAGE_MAX_HEADING 1024 /* bytes of all headings above, and of a table's first row */

enum passage_format { PASSAGE_TEXT, PASSAGE_MARKDOWN, PASSAGE_RST, PASSAGE_ORG };

struct passage {
    const char *heading; /* the headings above it, a line each */
    size_t heading_len;
    const char *text; /* points into the split text; one or more lines without the last one's newline */
    size_t len;
    int64_t line;                 /* number of its first line, from 1 */
    bool more_before, more_after; /* a piece of a line that was too long */
};

/* By the end of a file's name; false when it is none that is searched. */
bool passage_format_of(const char *name, enum passage_format *out);

/* Hands each passage to take(), in order, until it returns false: then false.  text is valid UTF-8. */
bool passage_split(const char *text, size_t len, enum passage_format, bool (*take)(void *arg, const struct passage *),
                   void *arg);

#endif
