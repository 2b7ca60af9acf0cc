#include "util/checksum.h"

#include <string.h>

uint64_t checksum(const void *bytes, size_t n)
{
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    const unsigned char *at = bytes;
    uint64_t sum[4] = { 1, 2, 3, 4 }, word[4]; /* which do not wait for each other */

    for (; n > 0; at += sizeof word) {
        const size_t m = n < sizeof word ? n : sizeof word;

        if (m < sizeof word)
            memset(word, 0, sizeof word);
        memcpy(word, at, m);
        for (size_t j = 0; j < 4; j++)
            sum[j] = (sum[j] ^ word[j]) * prime + (sum[j] >> 29);
        n -= m;
    }
    return sum[0] ^ sum[1] * 3 ^ sum[2] * 5 ^ sum[3] * 7;
}
