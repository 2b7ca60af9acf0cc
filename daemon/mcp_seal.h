/*
 * daemon/mcp_seal.h - requestState: what a client brings back when it repeats a request, and cannot have made itself.
 *
 * The state is a text of the server's own, open to read, behind an HMAC-SHA256 that binds it to who was asked, to the
 * request that is to be repeated and to a time.  The key is kept in a file of the daemon's state folder, so that a
 * state outlives a restart.
 */
#ifndef DAEMON_MCP_SEAL_H
#define DAEMON_MCP_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/id.h"

#define SEAL_KEY_LEN 32
#define SEAL_MAX     (64u << 10) /* bytes of a state */

struct mcp_state {
    int64_t until_ms; /* Unix time */
    /* Not in the text: who brings it, and for which request. */
    uint32_t uid;
    unsigned char subject[HASH_LEN];
};

/* Reads the key's file, or makes it.  -1 as listen_token's. */
int mcp_seal_key(const char *path, unsigned char key[SEAL_KEY_LEN], struct err *);
/* Appends the sealed text; out fails where it is longer than SEAL_MAX. */
void mcp_seal(const struct mcp_state *, const unsigned char key[SEAL_KEY_LEN], const char *text, struct buf *out);
/* Fills until_ms; uid and subject are given.  *text points into sealed.  -1 with CORAX_E_ARGS: it is forged, for
 * another request, or too old. */
int mcp_seal_open(struct mcp_state *, const unsigned char key[SEAL_KEY_LEN], const char *sealed, int64_t now_ms,
                  const char **text, struct err *);

#endif
