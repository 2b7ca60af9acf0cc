/*
 * plugins/chemistry/molecule_list.h - a list of molecules in a file: InChIKeys in order, or a Bloom filter over them.
 *
 * The file begins with lines NAME: VALUE and an empty line (docs/chemistry-lists.md):
 *
 *     corax-molecules: 1
 *     kind: purchasable             or patent
 *     name: Example Chemicals, in stock
 *     date: 2024-05-01
 *     molecules: 120000
 *     form: list                    or bloom
 *     hashes: 20                    of a filter: 1 to 64
 *
 * Then, of a list, each key with a newline, in the order of bytes; of a filter, its bits, the lowest of a byte first.  All of it
 * is somebody else's: nothing is believed that has not been checked.
 */
#ifndef PLUGINS_CHEMISTRY_MOLECULE_LIST_H
#define PLUGINS_CHEMISTRY_MOLECULE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOLECULE_LIST_TEXT     128  /* bytes of a name or a date, with the NUL */
#define MOLECULE_LIST_HEADER   4096 /* bytes at most */
#define MOLECULE_LIST_KEY      27   /* bytes of an InChIKey */
#define MOLECULE_LIST_SKELETON 14   /* of them say how the atoms are joined */

struct molecule_list {
    char kind[MOLECULE_LIST_TEXT], name[MOLECULE_LIST_TEXT], date[MOLECULE_LIST_TEXT];
    uint64_t molecules; /* as the file has it */
    bool bloom;
    unsigned hashes;
    const uint8_t *body; /* the caller's */
    size_t body_len;
};

enum molecule_list_answer {
    MOLECULE_ABSENT,
    MOLECULE_PRESENT, /* of a filter: or a false hit */
    MOLECULE_VARIANT, /* of a list: the same skeleton with other stereo, isotopes or protons */
    MOLECULE_DAMAGED  /* the list is not in the form it ought to have */
};

/* The file's bytes, which have to stay.  NULL, or what is wrong with it. */
const char *molecule_list_open(struct molecule_list *, const uint8_t *data, size_t len);
/* Looks for an InChIKey of MOLECULE_LIST_KEY bytes. */
enum molecule_list_answer molecule_list_find(const struct molecule_list *, const char *key);
/* How likely a filter has a molecule that was not put in: 0 to 1; 0 of a list. */
double molecule_list_false_hits(const struct molecule_list *);

#endif
