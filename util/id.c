#include "util/id.h"

#include <errno.h>
#include <pthread.h>
#include <sha2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/clock.h"

static const char hex[] = "0123456789abcdef";

static void fill_random(void *out, size_t len)
{
    unsigned char *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno != EINTR)
            abort(); /* an identifier that is not unique would overwrite another task */
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

/*
 * 48 bits of milliseconds, 12 bits of a counter that starts anywhere in its lower half each millisecond, 62 random
 * bits.  When the counter is full or the clock went back, the time part runs ahead of the clock instead, as RFC 9562
 * section 6.2 allows.
 */
void id_create(char out[ID_LEN + 1])
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t last_ms;
    static unsigned counter;
    unsigned char b[16];
    int64_t now, ms;
    unsigned start, n;
    size_t k = 0;

    fill_random(b, sizeof(b));
    start = ((unsigned)b[6] << 8 | b[7]) & 0x7ff;
    pthread_mutex_lock(&lock);
    now = clock_wall_ms();
    if (now > last_ms) {
        last_ms = now;
        counter = start;
    } else if (++counter > 0xfff) {
        last_ms++;
        counter = start;
    }
    ms = last_ms;
    n = counter;
    pthread_mutex_unlock(&lock);

    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)((uint64_t)ms >> (8 * (5 - i)));
    b[6] = (unsigned char)(0x70 | n >> 8);
    b[7] = (unsigned char)n;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[k++] = '-';
        out[k++] = hex[b[i] >> 4];
        out[k++] = hex[b[i] & 15];
    }
    out[k] = '\0';
}

bool id_is_valid(const char *text, size_t len)
{
    if (len != ID_LEN)
        return false;
    for (size_t i = 0; i < ID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : text[i] == '\0' || !strchr(hex, text[i]))
            return false;
    }
    return true;
}

void hash_bytes(const void *data, size_t len, unsigned char out[HASH_LEN])
{
    SHA2_CTX ctx;

    SHA256Init(&ctx);
    SHA256Update(&ctx, data, len);
    SHA256Final(out, &ctx);
}

void hash_format(const unsigned char hash[HASH_LEN], char out[2 * HASH_LEN + 1])
{
    for (size_t i = 0; i < HASH_LEN; i++) {
        out[2 * i] = hex[hash[i] >> 4];
        out[2 * i + 1] = hex[hash[i] & 15];
    }
    out[2 * HASH_LEN] = '\0';
}
