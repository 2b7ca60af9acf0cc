/*
 * Covers: the fields of a UUIDv7, strict increase over many and uniqueness over threads, what counts as an id, SHA-256
 * against the vectors of FIPS 180-2.
 */
#include "util/id.h"

#include <pthread.h>
#include <stdint.h>

#include "util/clock.h"

#include "tests/tap.h"

#define N_THREADS    4
#define N_PER_THREAD 20000

static char ids[N_THREADS][N_PER_THREAD][ID_LEN + 1];

static void *create_many(void *arg)
{
    char(*mine)[ID_LEN + 1] = arg;

    for (int i = 0; i < N_PER_THREAD; i++)
        id_create(mine[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void test_create(void)
{
    pthread_t threads[N_THREADS];
    bool rising = true, unique = true, valid = true;
    char(*all)[ID_LEN + 1] = ids[0];
    int64_t before = clock_wall_ms(), ms;
    char id[ID_LEN + 1], time_hex[13];

    id_create(id);
    memcpy(time_hex, id, 8);
    memcpy(time_hex + 8, id + 9, 4);
    time_hex[12] = '\0';
    ms = strtoll(time_hex, NULL, 16);
    ok(ms >= before && ms <= clock_wall_ms(), "the first 48 bits are the time");
    is_int(id[14], '7', "version 7");
    ok(strchr("89ab", id[19]) != NULL, "variant 10");

    for (int t = 0; t < N_THREADS; t++)
        pthread_create(&threads[t], NULL, create_many, ids[t]);
    for (int t = 0; t < N_THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < N_THREADS; t++)
        for (int i = 0; i < N_PER_THREAD; i++) {
            valid &= id_is_valid(ids[t][i], ID_LEN);
            if (i > 0)
                rising &= strcmp(ids[t][i - 1], ids[t][i]) < 0;
        }
    ok(valid, "all are valid");
    ok(rising, "each thread sees them rise");
    qsort(all, N_THREADS * N_PER_THREAD, sizeof(*all), compare);
    for (int i = 1; i < N_THREADS * N_PER_THREAD; i++)
        unique &= strcmp(all[i - 1], all[i]) != 0;
    ok(unique, "all of %d differ", N_THREADS * N_PER_THREAD);
}

static void test_valid(void)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        { "01936f2e-7c3a-7def-8123-456789abcdef", true },  { "01936F2e-7c3a-7def-8123-456789abcdef", false },
        { "01936f2e-7c3a-7def-8123-456789abcde", false },  { "01936f2e-7c3a-7def-8123-456789abcdef0", false },
        { "01936f2e07c3a-7def-8123-456789abcdef", false }, { "01936f2e-7c3a-7def-8123-456789abcdeg", false },
        { "01936f2e-7c3a-7def-8123-456789abc-ef", false }, { "", false },
        { "../../../etc/passwd-aaaaaaaaaaaaaaaa", false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ok(id_is_valid(cases[i].text, strlen(cases[i].text)) == cases[i].valid, "\"%s\" is %s", cases[i].text,
           cases[i].valid ? "valid" : "not valid");
    ok(!id_is_valid("01936f2e-7c3a-7def-8123-456789abcde\0", ID_LEN), "a NUL inside");
}

static void test_hash(void)
{
    unsigned char hash[HASH_LEN];
    char text[2 * HASH_LEN + 1];

    hash_bytes("abc", 3, hash);
    hash_format(hash, text);
    is_str(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc");
    hash_bytes("", 0, hash);
    hash_format(hash, text);
    is_str(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "SHA-256 of nothing");
}

int main(void)
{
    plan_later();
    test_create();
    test_valid();
    test_hash();
    done();
    return tap_status();
}
