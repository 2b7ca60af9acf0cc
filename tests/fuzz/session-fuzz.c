/*
 * Any bytes as a session file, of a model with attention and of a recurrent one.  What is accepted goes on: two more tokens are
 * evaluated and two are chosen.  What is refused leaves an empty session that works.
 *
 * The first byte says which model, and whether what follows is the whole file, or only what comes behind a header that fits,
 * of as many tokens as the second byte says, cut or padded with zeros to the right length.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "infer/infer.h"
#include "tests/fuzz/tiny_tokenizer.h"
#include "util/file.h"

#define N_CTX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The recurrent one: a layer of Mamba. */
static void write_mamba(struct buf *b)
{
    static const struct tiny_entry list[] = {
        { "token_embd.weight", 8, TINY_N_VOCAB, 2, QUANT_F32 }, { "output_norm.weight", 8, 1, 1, QUANT_F32 },
        { "blk.0.attn_norm.weight", 8, 1, 1, QUANT_F32 },       { "blk.0.ssm_in.weight", 8, 32, 2, QUANT_F32 },
        { "blk.0.ssm_conv1d.weight", 4, 16, 2, QUANT_F32 },     { "blk.0.ssm_x.weight", 16, 10, 2, QUANT_F32 },
        { "blk.0.ssm_dt.weight", 2, 16, 2, QUANT_F32 },         { "blk.0.ssm_dt.bias", 16, 1, 1, QUANT_F32 },
        { "blk.0.ssm_a", 4, 16, 2, QUANT_F32 },                 { "blk.0.ssm_d", 16, 1, 1, QUANT_F32 },
        { "blk.0.ssm_out.weight", 16, 8, 2, QUANT_F32 },
    };
    static const struct {
        const char *key;
        uint32_t value;
    } sizes[] = {
        { "mamba.context_length", N_CTX },  { "mamba.embedding_length", 8 }, { "mamba.block_count", 1 },
        { "mamba.ssm.conv_kernel", 4 },     { "mamba.ssm.inner_size", 16 },  { "mamba.ssm.state_size", 4 },
        { "mamba.ssm.time_step_rank", 2 },
    };
    const size_t n = sizeof list / sizeof list[0], n_sizes = sizeof sizes / sizeof sizes[0];
    uint64_t random = 1, offset = 0;

    tiny_header(b, 3, n, TINY_N_TOKENIZER_KV + n_sizes + 2);
    tiny_kv_string(b, "general.architecture", "mamba");
    for (size_t i = 0; i < n_sizes; i++)
        tiny_kv_u32(b, sizes[i].key, sizes[i].value);
    tiny_kv_f32(b, "mamba.attention.layer_norm_rms_epsilon", 1e-5f);
    tiny_tokenizer(b, "corax");
    for (size_t i = 0; i < n; i++) {
        tiny_tensor(b, list[i].name, list[i].n_dims, (const uint64_t[]){ list[i].k, list[i].n_rows }, list[i].type, offset);
        offset = (offset + tiny_bytes(&list[i]) + 31) & ~(uint64_t)31;
    }
    for (size_t i = 0; i < n; i++) {
        tiny_pad(b, 32);
        tiny_weights(b, &list[i], &random);
    }
}

struct subject {
    struct engine *engine;
    struct session *session;
    size_t per_token, fixed; /* bytes behind the header */
    struct buf header;       /* of a file that the model itself wrote, and the fields are known */
};

static const int32_t tokens[] = { 11, 12, 13 };

/* From two files that the session writes, of two and of three tokens. */
static void learn(struct subject *s, const char *path)
{
    struct buf file[2];
    struct err err;

    for (size_t i = 0; i < 2; i++) {
        buf_init(&file[i], TINY_LIMIT);
        session_clear(s->session);
        require(session_sync(s->session, tokens, 2 + i, NULL, NULL, NULL, &err) == 0);
        require(session_save(s->session, path, &err) == 0 && file_read(path, &file[i], &err) == 0);
    }
    s->per_token = file[1].len - file[0].len;
    buf_init(&s->header, TINY_LIMIT);
    buf_add(&s->header, file[0].data, 16 + 64 + 9 * sizeof(uint64_t));
    s->fixed = file[0].len - s->header.len - 2 * s->per_token;
    buf_finish(&file[0]);
    buf_finish(&file[1]);
    unlink(path);
}

static void create(struct subject *s, bool recurrent)
{
    struct tiny_spec spec = { 8, 1, 2, 1, 8, N_CTX, QUANT_F32, 1, false, 0, false, NULL };
    struct engine_options options = { .n_threads = 1 };
    char path[256], saved[270];
    struct err err;
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    if (recurrent)
        write_mamba(&b);
    else
        tiny_llama(&b, &spec);
    require(tiny_write(&b, path));
    buf_finish(&b);
    s->engine = engine_open(path, &options, &err);
    require(s->engine != NULL);
    s->session = session_create(s->engine, &err);
    snprintf(saved, sizeof saved, "%s.session", path);
    learn(s, saved);
    unlink(path);
}

/* Made of the input; false: there is nothing to read. */
static void make_file(const struct subject *s, const uint8_t *data, size_t len, struct buf *file)
{
    const uint64_t n = data[1] % (N_CTX + 2), has_logits = data[1] >> 7;
    uint64_t page;
    size_t want;

    if (data[0] & 2) {
        buf_add(file, data + 2, len - 2);
        return;
    }
    buf_add(file, s->header.data, s->header.len);
    memcpy(file->data + s->header.len - 2 * sizeof n, &n, sizeof n);
    memcpy(file->data + s->header.len - sizeof n, &has_logits, sizeof n);
    memcpy(&page, s->header.data + s->header.len - 5 * sizeof page, sizeof page);
    want = s->header.len - (n ? 0 : (size_t)page) + (size_t)n * s->per_token + s->fixed - (has_logits ? 0 : TINY_N_VOCAB * sizeof(float));
    buf_add(file, data + 2, len - 2 < want - file->len ? len - 2 : want - file->len);
    while (file->len < want)
        buf_addc(file, 0);
}

static void check_token(void *arg, int32_t token)
{
    (void)arg;
    require(token >= 0 && token < (int32_t)TINY_N_VOCAB);
}

static void no_look(void *arg, size_t i, const float *logits)
{
    (void)arg, (void)i, (void)logits;
}

static void go_on(struct session *s)
{
    struct decode d = { .sampling = { .temperature = 1, .top_p = 0.9f, .seed = 3 }, .max_tokens = 2,
                        .on_token = check_token };
    enum decode_finish finish;
    size_t n;
    struct err err;

    if (session_append(s, tokens, 2, no_look, NULL, &err) == 0)
        (void)session_decode(s, &d, &n, &finish, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct subject subjects[2];
    static int fd = -1;
    static char path[40];
    struct subject *s;
    struct buf file;
    struct err err;

    if (fd < 0) {
        create(&subjects[0], false);
        create(&subjects[1], true);
        fd = memfd_create("session", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (len < 2)
        return 0;
    s = &subjects[data[0] & 1];
    buf_init(&file, TINY_LIMIT);
    make_file(s, data, len, &file);
    require(ftruncate(fd, 0) == 0 && pwrite(fd, file.data, file.len, 0) == (ssize_t)file.len);
    buf_finish(&file);
    if (session_load(s->session, path, &err) == 0) {
        require(session_n_tokens(s->session) <= N_CTX);
        go_on(s->session);
    } else {
        require(session_n_tokens(s->session) == 0 && err.msg[0]);
        require(session_sync(s->session, tokens, 3, NULL, NULL, NULL, &err) == 0);
        go_on(s->session);
    }
    return 0;
}
