/*
 * tests/fuzz/mutate_json.h - changes one value or member of a JSON text, and leaves the rest as it is.
 *
 * The text need not be right: strings and brackets are followed as far as it goes.
 */
#ifndef TESTS_FUZZ_MUTATE_JSON_H
#define TESTS_FUZZ_MUTATE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/infer/tiny_gguf.h"
#include "util/buf.h"

/* Behind the string that begins at `at`. */
static inline size_t mutate_json_string_end(const char *s, size_t len, size_t at)
{
    for (at++; at < len && s[at] != '"'; at++)
        at += s[at] == '\\';
    return at < len ? at + 1 : len;
}

/* Behind the value that begins at `at`: before the comma or the bracket that ends it. */
static inline size_t mutate_json_end(const char *s, size_t len, size_t at)
{
    size_t depth = 0;

    while (at < len) {
        const char c = s[at];

        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            break;
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        at = c == '"' ? mutate_json_string_end(s, len, at) : at + 1;
    }
    return at;
}

struct mutate_json_value {
    size_t member, begin, end; /* member: where its key begins, begin where it has none */
};

static inline size_t mutate_json_skip(const char *s, size_t len, size_t at)
{
    while (at < len && (s[at] == ' ' || s[at] == '\t' || s[at] == '\n' || s[at] == '\r'))
        at++;
    return at;
}

/* The wanted one of the values, members' and elements'; returns how many there are. */
static inline size_t mutate_json_find(const char *s, size_t len, size_t wanted, struct mutate_json_value *out)
{
    size_t n = 0;

    for (size_t at = 0; at < len;) {
        const size_t begin = at;
        size_t value;

        if (s[at] == '"') {
            at = mutate_json_string_end(s, len, at);
            value = mutate_json_skip(s, len, at);
            if (value == len || s[value] != ':')
                continue;
            at = value = mutate_json_skip(s, len, value + 1);
        } else {
            at = value = mutate_json_skip(s, len, at + 1);
            if (s[begin] != '[' && s[begin] != ',')
                continue;
            if (at < len && s[at] == '"') { /* of an object: the next round has it */
                const size_t behind = mutate_json_skip(s, len, mutate_json_string_end(s, len, at));

                if (behind < len && s[behind] == ':')
                    continue;
            }
        }
        if (n++ == wanted)
            *out = (struct mutate_json_value){ s[begin] == '"' ? begin : value, value, mutate_json_end(s, len, value) };
        if (at < len && s[at] == '"')
            at = mutate_json_string_end(s, len, at);
    }
    return n;
}

static inline const char *mutate_json_other(uint64_t *random)
{
    static const char *const others[] = {
        "0", "1", "2", "3", "8", "16", "255", "256", "65536", "-1", "0.5", "1e-6", "1e300", "1e-300", "-0.0",
        "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740993", "9223372036854775807",
        "9223372036854775808", "18446744073709551616", "true", "false", "null", "NaN", "Infinity", "-Infinity", "\"\"", "\"a\"", "\"\\u0000\"",
        "\"\\ud800\"", "[]", "{}", "[0]", "[null]", "{\"content\":\"a\"}", "\"a b\"", "[\"a\",\"b\"]", "\"<0x00>\"",
        "\"\\u2581\"", "\"\\u0120\"", "\"yarn\"", "\"linear\"", "\"longrope\"", "\"llama3\"", "\"gelu\"", "\"BPE\"",
        "\"Unigram\"", "\"Sequence\"", "\"ByteLevel\"", "\"Metaspace\"", "\"Split\"", "\"NFC\"", "\"Replace\"",
        "{\"type\":\"NFKC\"}", "{\"type\":\"Sequence\",\"normalizers\":[]}", "{\"rope_type\":\"yarn\",\"factor\":2}",
    };

    return others[tiny_random(random) % (sizeof others / sizeof others[0])];
}

/* Appends the text with one change to out. */
static inline void mutate_json(const char *s, size_t len, struct buf *out, uint64_t *random)
{
    struct mutate_json_value v = { 0, 0, 0 }, other = { 0, 0, 0 };
    const size_t n = mutate_json_find(s, len, SIZE_MAX, &v);
    const uint64_t how = tiny_random(random) % 8;
    size_t end;

    if (n == 0) {
        buf_adds(out, mutate_json_other(random));
        return;
    }
    (void)mutate_json_find(s, len, tiny_random(random) % n, &v);
    (void)mutate_json_find(s, len, tiny_random(random) % n, &other);
    end = v.end + (v.end < len && s[v.end] == ',');
    if (how == 0) { /* left out, with its key */
        buf_add(out, s, v.member);
        buf_add(out, s + end, len - end);
    } else if (how == 1) { /* twice */
        buf_add(out, s, v.end);
        buf_addc(out, ',');
        buf_add(out, s + v.member, len - v.member);
    } else { /* another value: one of the text's own, or any */
        buf_add(out, s, v.begin);
        if (how == 2)
            buf_add(out, s + other.begin, other.end - other.begin);
        else
            buf_adds(out, mutate_json_other(random));
        buf_add(out, s + v.end, len - v.end);
    }
}

#endif
