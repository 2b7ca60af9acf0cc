/*
 * cli/term.h - what the terminal shows: colours, columns, and foreign text that cannot take it over.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_BLUE, TERM_CYAN };

/*
 * Print one word of ours in a style.  Colours appear only where the stream is a terminal that knows them (TERM is set
 * and not "dumb") and NO_COLOR (https://no-color.org) is unset or empty.
 */
void term_puts(FILE *, enum term_style, const char *text);

/*
 * Foreign text: from a model, a tool, a task's input.  Every control character but newline and tab is written as \xNN,
 * and so is every byte that is not UTF-8; the controls of Unicode that reorder or hide text (bidirectional overrides,
 * zero-width characters, C1) are written as \u{NNNN}.  Lines after the first begin with `indent` spaces.
 */
void term_text(FILE *, const char *text, size_t len, int indent);
/* The same on one line: newlines and tabs become spaces, at most `columns` characters, an ellipsis where it was cut. */
void term_line(FILE *, const char *text, size_t len, int columns);

/* Width in columns, 100 where the stream is no terminal. */
int term_width(FILE *);
bool term_is_tty(FILE *);

/* "0.8 ms", "12 ms", "3.4 s", "2 min 5 s", "3 h 12 min", "4 d": out_size 24 is enough. */
void term_duration(double ms, char *out, size_t out_size);

#endif
