/*
 * plugins/chemistry/tool.h - what the tools share: a call with its arguments, molecules out of them, and many molecules at once.
 */
#ifndef PLUGINS_CHEMISTRY_TOOL_H
#define PLUGINS_CHEMISTRY_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include <corax/plugin.h>

#include "answer.h"
#include "rdkit.h"

#define TOOL_MAX_LIST 1000 /* molecules in a call */

#define MOLECULE_ROLE "\"x-corax\":\"molecule\"" /* of an argument: policies may have it screened */
#define SMILES_PROPERTY "{\"type\":\"string\"," MOLECULE_ROLE ",\"description\":\"SMILES, for example CCO\"}"
/* The argument "smiles": one, or one or a list of them. */
#define SMILES_SCHEMA                                                  \
    "{\"type\":\"object\",\"properties\":{\"smiles\":" SMILES_PROPERTY \
    "},\"required\":[\"smiles\"],\"additionalProperties\":false}"
#define SMILES_OR_LIST_SCHEMA                                                           \
    "{\"type\":\"object\",\"properties\":{\"smiles\":{\"anyOf\":[" SMILES_PROPERTY      \
    ",{\"type\":\"array\",\"minItems\":1,"                                              \
    "\"maxItems\":1000,\"items\":{\"type\":\"string\"},\"description\":\"or a list of " \
    "them\"}]}},\"required\":[\"smiles\"],"                                             \
    "\"additionalProperties\":false}"

/* One call in progress. */
struct tool {
    const struct corax_host *host;
    struct corax_call *call;
};

/* Fails the call with a sentence; the status is what is to be returned. */
int tool_refuse(const struct tool *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with an error of rdkit.h; `which`, if not NULL, says which argument is meant: "a: ...". */
int tool_refuse_err(const struct tool *, const char *which, const struct rdkit_err *);
/* An argument, the call's own; false: it is absent.  Not a string: its JSON text. */
bool tool_arg(const struct tool *, const char *name, const char **text, size_t *len);
/* The molecule of an argument.  NULL: the call has failed, and *status is what is to be returned. */
struct rdkit_mol *tool_molecule(const struct tool *, const char *name, int *status);

/* What a tool does: fills the answer, which is then sent, or refuses. */
typedef int tool_work(const struct tool *, struct answer *);
int tool_run(const struct corax_host *, struct corax_call *, tool_work *);

/*
 * What a tool does with each molecule of its argument "smiles" (SMILES_OR_LIST_SCHEMA): fills the answer, or returns a status and
 * says why in err.  Lists are worked on by two threads, so it keeps nothing between calls.  Of a list each line of the
 * text begins with the SMILES, and a molecule that failed is a line and an object like the others.
 */
typedef int tool_each_work(const struct rdkit_mol *, struct answer *, struct rdkit_err *);
int tool_each(const struct corax_host *, struct corax_call *, tool_each_work *);

#endif
