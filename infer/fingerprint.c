#include "infer/fingerprint.h"

#include <string.h>
#include <sys/stat.h>

#define PIECE  4096 /* bytes of each STRIDE */
#define STRIDE ((size_t)1 << 20)

bool fingerprint_model(const struct gguf *g, const char *path, unsigned char hash[HASH_LEN])
{
    struct {
        uint64_t len, mtime, mtime_ns, ctime, ctime_ns;
    } about = { 0 };
    unsigned char hashes[2 * HASH_LEN], piece[HASH_LEN];
    const unsigned char *bytes;
    struct stat st;
    size_t len;

    if (gguf_n_parts(g) != 1 || stat(path, &st) < 0)
        return false;
    bytes = gguf_bytes(g, 0, &len);
    about.len = len;
    about.mtime = (uint64_t)st.st_mtim.tv_sec;
    about.mtime_ns = (uint64_t)st.st_mtim.tv_nsec;
    about.ctime = (uint64_t)st.st_ctim.tv_sec;
    about.ctime_ns = (uint64_t)st.st_ctim.tv_nsec;
    hash_bytes(&about, sizeof about, hashes);
    for (size_t at = 0; at < len; at += STRIDE) {
        hash_bytes(bytes + at, len - at < PIECE ? len - at : PIECE, piece);
        memcpy(hashes + HASH_LEN, piece, HASH_LEN);
        hash_bytes(hashes, sizeof hashes, piece);
        memcpy(hashes, piece, HASH_LEN);
    }
    memcpy(hash, hashes, HASH_LEN);
    return true;
}
