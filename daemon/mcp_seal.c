#include "daemon/mcp_seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/listen.h"

#define BLOCK   64 /* of SHA-256 */
#define MAC_LEN (2 * (size_t)HASH_LEN)

/* RFC 2104, for a key that is no longer than a block; the data are all that the state is bound to. */
static void mark(const struct mcp_state *s, const unsigned char key[SEAL_KEY_LEN], const char *text,
                 char out[MAC_LEN + 1])
{
    unsigned char pad[BLOCK], outer[BLOCK + HASH_LEN], sum[HASH_LEN];
    struct buf inner;

    memset(pad, 0x36, BLOCK);
    memset(outer, 0x5c, BLOCK);
    for (size_t i = 0; i < SEAL_KEY_LEN; i++) {
        pad[i] ^= key[i];
        outer[i] ^= key[i];
    }
    buf_init(&inner, 2 * (size_t)SEAL_MAX);
    buf_add(&inner, pad, BLOCK);
    buf_addf(&inner, "%" PRIu32 " %" PRId64 " ", s->uid, s->until_ms);
    buf_add(&inner, s->subject, HASH_LEN);
    buf_adds(&inner, text);
    if (inner.failed)
        abort();
    hash_bytes(inner.data, inner.len, outer + BLOCK);
    buf_finish(&inner);
    hash_bytes(outer, sizeof(outer), sum);
    hash_format(sum, out);
}

void mcp_seal(const struct mcp_state *s, const unsigned char key[SEAL_KEY_LEN], const char *text, struct buf *out)
{
    char sum[MAC_LEN + 1];

    if (strlen(text) > SEAL_MAX - MAC_LEN - 32) {
        out->failed = true;
        return;
    }
    mark(s, key, text, sum);
    buf_addf(out, "%s.%" PRId64 ".", sum, s->until_ms);
    buf_adds(out, text);
}

int mcp_seal_open(struct mcp_state *s, const unsigned char key[SEAL_KEY_LEN], const char *sealed, int64_t now_ms,
                  const char **text, struct err *err)
{
    const size_t n = strlen(sealed);
    char sum[MAC_LEN + 1], *end;
    unsigned char differs = 0;

    if (n <= MAC_LEN + 1 || n > SEAL_MAX || sealed[MAC_LEN] != '.')
        return fail(err, CORAX_E_ARGS, "requestState is none of this server's");
    errno = 0;
    s->until_ms = strtoll(sealed + MAC_LEN + 1, &end, 10);
    if (errno != 0 || *end != '.')
        return fail(err, CORAX_E_ARGS, "requestState is none of this server's");
    mark(s, key, end + 1, sum);
    for (size_t i = 0; i < MAC_LEN; i++)
        differs |= (unsigned char)(sum[i] ^ sealed[i]);
    if (differs)
        return fail(err, CORAX_E_ARGS, "requestState is none of this server's for this request");
    if (now_ms > s->until_ms)
        return fail(err, CORAX_E_ARGS, "requestState is too old: make the request anew, without it");
    *text = end + 1;
    return 0;
}

int mcp_seal_key(const char *path, unsigned char key[SEAL_KEY_LEN], struct err *err)
{
    char text[LISTEN_TOKEN_LEN + 1];

    _Static_assert(LISTEN_TOKEN_LEN == 2 * SEAL_KEY_LEN, "a key is made as a token is");
    if (listen_token(path, text, err) < 0)
        return -1;
    for (size_t i = 0; i < SEAL_KEY_LEN; i++) {
        const char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };

        key[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return 0;
}
