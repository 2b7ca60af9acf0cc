/*
 * GGUF models in several files (infer/gguf.c): split by infer/gguf_write.c and by hand, opened by any of their parts; and parts that
 * lie about themselves or are not there.
 *
 * Not covered: parts of published models, of which none is at hand; keys and names are those of the programs that split them.
 */
#include <sys/stat.h>

#include "infer/gguf_write.h"
#include "tests/infer/golden.h"

static char folder[256];

static const char *part_path(const char *name, unsigned no, unsigned count)
{
    static char path[2][400];
    static int which;

    which ^= 1;
    snprintf(path[which], sizeof path[which], "%s/%s-%05u-of-%05u.gguf", folder, name, no + 1, count);
    return path[which];
}

/* Part no of count gets each tensor i with i % count == no, and the first part the keys. */
static bool write_part(const struct gguf *g, unsigned no, unsigned count, struct err *err)
{
    const uint16_t no16 = (uint16_t)no, count16 = (uint16_t)count;
    const int32_t n = (int32_t)gguf_n_tensors(g);
    struct gguf_writer *w = gguf_writer_create(err);
    bool good;

    for (size_t i = 0; i < gguf_n_kv(g) && no == 0; i++)
        gguf_add_kv(w, gguf_kv_at(g, i));
    gguf_add_value(w, "split.no", GGUF_U16, &no16);
    gguf_add_value(w, "split.count", GGUF_U16, &count16);
    gguf_add_value(w, "split.tensors.count", GGUF_I32, &n);
    for (size_t i = no; i < gguf_n_tensors(g); i += count) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        gguf_add_tensor(w, t->name, t->format, t->n_dims, t->ne);
    }
    good = gguf_writer_begin(w, part_path("whole", no, count), err) == 0;
    for (size_t i = no; i < gguf_n_tensors(g) && good; i += count)
        good = gguf_writer_data(w, gguf_tensor_at(g, i)->data, gguf_tensor_at(g, i)->bytes, err) == 0;
    good = good && gguf_writer_finish(w, err) == 0;
    gguf_writer_destroy(w);
    return good;
}

static bool same_tensors(const struct gguf *a, const struct gguf *b)
{
    bool same = gguf_n_tensors(a) == gguf_n_tensors(b);

    for (size_t i = 0; i < gguf_n_tensors(a) && same; i++) {
        const struct gguf_tensor *t = gguf_tensor_at(a, i), *u = gguf_find_tensor(b, t->name);

        same = u && t->format == u->format && t->bytes == u->bytes && memcmp(t->data, u->data, t->bytes) == 0;
    }
    return same;
}

static void test_own(void)
{
    struct err err = { 0 };
    struct gguf *whole = gguf_open(golden_path("llama-3.gguf"), &err);
    uint64_t bytes = 0;
    size_t len;

    for (unsigned no = 0; no < 3; no++)
        ok(whole && write_part(whole, no, 3, &err), "part %u is written", no + 1);
    for (unsigned no = 0; no < 3; no++) {
        struct gguf *g = gguf_open(part_path("whole", no, 3), &err);
        const struct family *family = g ? family_find(g, &err) : NULL;
        struct shape shape;
        void *model = family ? family->load(g, &shape, &err) : NULL;

        if (!ok(g && gguf_n_parts(g) == 3 && same_tensors(whole, g) && model, "opened by part %u, it is the whole model", no + 1))
            diag("%s", err.msg);
        bytes = 0;
        for (size_t i = 0; g && i < 3; i++)
            bytes += (gguf_bytes(g, i, &len), len);
        ok(g && bytes == gguf_file_bytes(g), "its bytes are those of all parts");
        if (model)
            family->unload(model);
        gguf_close(g);
    }
    for (unsigned no = 0; no < 3; no++)
        unlink(part_path("whole", no, 3));
    gguf_close(whole);
}

/* --- by hand ------------------------------------------------------------------------------------------------------ */

struct part {
    uint32_t no, count, n_tensors; /* as it says */
    const char *tensor;
    bool silent;                   /* it has no keys of parts */
};

static void write_by_hand(const struct part *p, const char *path)
{
    const uint64_t ne[1] = { 8 };
    struct buf b;
    FILE *f;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, p->tensor ? 1 : 0, p->silent ? 1 : 4);
    tiny_kv_string(&b, "general.name", p->no == 0 ? "first" : "other");
    if (!p->silent) {
        tiny_kv_u32(&b, "split.no", p->no);
        tiny_kv_u32(&b, "split.count", p->count);
        tiny_kv_u32(&b, "split.tensors.count", p->n_tensors);
    }
    if (p->tensor)
        tiny_tensor(&b, p->tensor, 1, ne, 0, 0);
    tiny_pad(&b, 32);
    for (size_t i = 0; i < 32 && p->tensor; i++)
        buf_addc(&b, (char)p->no);
    f = fopen(path, "wb");
    fwrite(b.data, 1, b.len, f);
    fclose(f);
    buf_finish(&b);
}

static const struct part right[] = { { 0, 2, 1, NULL, false }, { 1, 2, 1, "t", false } };

/* Two parts, of which NULL is not written; opened by the first that there is. */
static void pair(const struct part *first, const struct part *second, const char *want, const char *what)
{
    struct err err = { 0 };
    struct gguf *g;

    if (first)
        write_by_hand(first, part_path("hand", 0, 2));
    if (second)
        write_by_hand(second, part_path("hand", 1, 2));
    g = gguf_open(part_path("hand", first ? 0 : 1, 2), &err);
    if (!ok(want ? !g && strstr(err.msg, want) : g != NULL, "%s", what))
        diag("got \"%s\"", err.msg);
    if (g && !want) {
        struct gguf_string name = { "", 0 };

        ok(gguf_find_tensor(g, "t") && gguf_get_string(g, "general.name", &name, &err) == 0 && memcmp(name.s, "first", 5) == 0,
           "the tensor is the second part's, the name the first's");
    }
    gguf_close(g);
    unlink(part_path("hand", 0, 2));
    unlink(part_path("hand", 1, 2));
}

static void test_by_hand(void)
{
    struct part p;

    pair(&right[0], &right[1], NULL, "a first part without tensors, and a second one");
    pair(&right[0], NULL, "hand-00002-of-00002.gguf", "refused: the second part is not there");
    pair(NULL, &right[1], "hand-00001-of-00002.gguf", "refused: the first part is not there");
    p = right[1];
    p.no = 0;
    pair(&right[0], &p, "say part 1 of 2, its name part 2 of 2", "refused: two first parts");
    p = right[1];
    p.count = 3;
    pair(&right[0], &p, "say part 2 of 3, its name part 2 of 2", "refused: parts of different models");
    p = right[1];
    p.silent = true;
    pair(&right[0], &p, "split.no or split.count is missing", "refused: a file that is no part");
    p = right[0];
    p.n_tensors = 2;
    pair(&p, &right[1], "split.tensors.count is 2, the 2 parts have 1", "refused: a tensor too few");
    p.tensor = "t";
    pair(&p, &right[1], "tensor t occurs twice", "refused: a tensor in two parts");
    p = right[0];
    p.count = 65535;
    pair(&p, &right[1], "part 1 of 65535", "refused: more parts than are allowed");
    p = right[0];
    p.no = 2;
    pair(&p, &right[1], "part 3 of 2", "refused: a part behind the last");
    p = right[0];
    p.count = 3;
    pair(&p, &right[1], "must end in -00001-of-00003.gguf", "refused: a name that is not the part's");
    p.count = 1;
    p.tensor = "t";
    pair(&p, &right[1], NULL, "one part of one is a model");
}

int main(void)
{
    const char *dir = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/corax-parts-%d", dir ? dir : "/tmp", (int)getpid());
    mkdir(folder, 0700);
    plan_later();
    test_own();
    test_by_hand();
    rmdir(folder);
    done();
    return tap_status();
}
