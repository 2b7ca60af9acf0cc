/* corax-infer inspect: what a GGUF file says about itself, without running it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "infer/command.h"
#include "infer/gguf.h"
#include "util/json.h"

#define MAX_ITEMS  8                   /* of an array that are shown; a vocabulary has 100,000 */
#define MAX_TYPES  64
#define MAX_STRING 200                 /* bytes of a string that are shown to people */
#define MAX_OUTPUT ((size_t)256 << 20) /* the names in the largest file that is read */

static void write_scalar(struct jsonw *w, const char *key, const struct gguf_kv *kv, uint64_t i,
                         const unsigned char **at)
{
    struct gguf_string s;
    float f;
    double d;

    switch (kv->item) {
    case GGUF_STRING:
        s = gguf_next_string(at);
        jsonw_string(w, key, s.s, s.len);
        break;
    case GGUF_BOOL:
        jsonw_bool(w, key, kv->data[i]);
        break;
    case GGUF_F32:
        memcpy(&f, kv->data + i * sizeof f, sizeof f);
        jsonw_number(w, key, (double)f);
        break;
    case GGUF_F64:
        memcpy(&d, kv->data + i * sizeof d, sizeof d);
        jsonw_number(w, key, d);
        break;
    default:
        jsonw_int(w, key, gguf_int_at(kv, i));
        break;
    }
}

static void write_value(struct jsonw *w, const struct gguf_kv *kv)
{
    const unsigned char *at = kv->data;

    if (kv->type != GGUF_ARRAY) {
        write_scalar(w, kv->key, kv, 0, &at);
        return;
    }
    jsonw_object(w, kv->key);
    jsonw_text(w, "type", gguf_type_name(kv->item));
    jsonw_int(w, "n", (int64_t)kv->n);
    jsonw_array(w, "first");
    for (uint64_t i = 0; i < kv->n && i < MAX_ITEMS; i++)
        write_scalar(w, NULL, kv, i, &at);
    jsonw_end(w);
    jsonw_end(w);
}

struct size {
    const struct quant_format *format;
    size_t n;
    uint64_t bytes;
};

/* What each type of tensor takes, in the order in which they first occur; returns how many types there are. */
static size_t sum_by_type(const struct gguf *g, struct size sizes[MAX_TYPES])
{
    size_t n = 0, at;

    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        for (at = 0; at < n && sizes[at].format != t->format; at++)
            ;
        if (at == MAX_TYPES)
            continue;
        if (at == n)
            sizes[n++] = (struct size){ .format = t->format };
        sizes[at].n++;
        sizes[at].bytes += t->bytes;
    }
    return n;
}

static void write_json(const struct gguf *g, struct buf *out)
{
    struct size sizes[MAX_TYPES];
    const size_t n_sizes = sum_by_type(g, sizes);
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_int(&w, "version", gguf_version(g));
    jsonw_int(&w, "file_bytes", (int64_t)gguf_file_bytes(g));
    jsonw_int(&w, "parts", (int64_t)gguf_n_parts(g));
    jsonw_object(&w, "metadata");
    for (size_t i = 0; i < gguf_n_kv(g); i++)
        write_value(&w, gguf_kv_at(g, i));
    jsonw_end(&w);
    jsonw_array(&w, "tensors");
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        jsonw_object(&w, NULL);
        jsonw_text(&w, "name", t->name);
        jsonw_text(&w, "type", t->format->name);
        jsonw_array(&w, "shape");
        for (uint32_t d = 0; d < t->n_dims; d++)
            jsonw_int(&w, NULL, (int64_t)t->ne[d]);
        jsonw_end(&w);
        jsonw_int(&w, "bytes", (int64_t)t->bytes);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    jsonw_object(&w, "bytes_by_type");
    for (size_t i = 0; i < n_sizes; i++)
        jsonw_int(&w, sizes[i].format->name, (int64_t)sizes[i].bytes);
    jsonw_end(&w);
    jsonw_end(&w);
    buf_addc(out, '\n');
}

/* The same for people: a line a key, a line a tensor. */
static void write_lines(const struct gguf *g, struct buf *out)
{
    struct size sizes[MAX_TYPES];
    const size_t n_sizes = sum_by_type(g, sizes);

    buf_addf(out, "GGUF version %u, %" PRIu64 " bytes", gguf_version(g), gguf_file_bytes(g));
    if (gguf_n_parts(g) > 1)
        buf_addf(out, " in %zu parts", gguf_n_parts(g));
    buf_addf(out, ", %zu keys, %zu tensors\n\n", gguf_n_kv(g), gguf_n_tensors(g));
    for (size_t i = 0; i < gguf_n_kv(g); i++) {
        const struct gguf_kv *kv = gguf_kv_at(g, i);
        const unsigned char *at = kv->data;
        struct buf value;
        struct jsonw w;
        uint64_t n = kv->n < MAX_ITEMS ? kv->n : MAX_ITEMS;

        buf_init(&value, MAX_OUTPUT);
        w = jsonw_start(&value);
        jsonw_array(&w, NULL);
        for (uint64_t j = 0; j < n; j++)
            write_scalar(&w, NULL, kv, j, &at);
        buf_addf(out, "%-44s %.*s", kv->key, (int)(value.len - 1 < MAX_STRING ? value.len - 1 : MAX_STRING),
                 value.data + 1);
        if (kv->type == GGUF_ARRAY)
            buf_addf(out, "%s  (%" PRIu64 " of type %s)", kv->n > n ? ", ..." : "", kv->n, gguf_type_name(kv->item));
        else if (value.len - 1 > MAX_STRING)
            buf_adds(out, " ...");
        buf_addc(out, '\n');
        buf_finish(&value);
    }
    buf_addc(out, '\n');
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        buf_addf(out, "%-44s %-8s", t->name, t->format->name);
        for (uint32_t d = 0; d < t->n_dims; d++)
            buf_addf(out, "%s%" PRIu64, d ? " x " : "", t->ne[d]);
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
    for (size_t i = 0; i < n_sizes; i++)
        buf_addf(out, "%-8s %6zu tensors %15" PRIu64 " bytes\n", sizes[i].format->name, sizes[i].n, sizes[i].bytes);
}

static int run(const struct args *a, struct err *err)
{
    struct gguf *g = gguf_open(a->model, err);
    struct buf out;
    int result = 0;

    if (!g)
        return -1;
    buf_init(&out, MAX_OUTPUT);
    if (a->json)
        write_json(g, &out);
    else
        write_lines(g, &out);
    if (out.failed)
        result = fail(err, CORAX_E_LIMIT, "more than %zu bytes to show", MAX_OUTPUT);
    else
        fwrite(out.data, 1, out.len, stdout);
    buf_finish(&out);
    gguf_close(g);
    return result;
}

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "MODEL [--json]",
    .what = "Shows the metadata and tensors of a GGUF file.",
    .options = " json ",
    .run = run,
};
