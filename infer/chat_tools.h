/*
 * infer/chat_tools.h - the tools of chats, read and compiled once for all chats that bring the same.
 *
 * What cannot be held while decoding disables its tool, or with a lenient caller is left out of the constraint: either is noted.
 */
#ifndef INFER_CHAT_TOOLS_H
#define INFER_CHAT_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/constraint_pool.h"
#include "infer/dialect.h"
#include "infer/tool.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define CHAT_MAX_SCHEMA  (256 << 10) /* bytes of one tool's */
#define CHAT_TOOLS_KEPT  4           /* lists that nobody uses */

struct chat_tools {
    struct tool           *tools;    /* [n], without those that are disabled */
    size_t                 n;
    struct buf             disabled; /* {"name","why"} of each, as members of a JSON array */
    struct buf             warnings; /* texts, the same */
    bool                   lenient;
    struct constraint_pool pool;

    struct chat_tools  *next;
    char               *text;        /* of the list: what it is known by */
    size_t              len, n_schemas, n_users;
    struct json        *list;
    struct jsonschema **schemas;     /* [n_schemas] */
};

struct chat_tools_shelf {
    struct chat_tools *first; /* the one that was used last */
};

void chat_tools_shelf_finish(struct chat_tools_shelf *); /* after all their users */
/*
 * The tools of a request: the text of its array, NULL: none.  NULL with CORAX_E_ARGS ("tools[2].name: not a string"), CORAX_E_LIMIT.
 * To be given back with chat_tools_put().
 */
struct chat_tools *chat_tools_get(struct chat_tools_shelf *, const char *text, size_t len, bool lenient, struct err *);
void chat_tools_put(struct chat_tools_shelf *, struct chat_tools *);
/*
 * A turn with these tools, but for those whose schemas cannot be held while decoding.  What a request says of tools is set here.  Fails as
 * dialect_turn() does otherwise.
 */
int chat_tools_turn(struct chat_tools *, const struct dialect *, struct mask_vocabulary *, const struct dialect_request *, size_t limit, struct turn *,
                    struct err *);

#endif
