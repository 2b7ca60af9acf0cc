/*
 * infer/family_mamba.c and family_mamba2.c on files that do not fit: each tensor of models in vectors/golden/ missing or
 * of another shape, and each key; and what a state may cost.  Their logits are golden-t's, their operations
 * ops_scan-t's, their sessions recurrent-t's.
 */
#include "infer/mamba.h"

#include "tests/infer/golden.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static void test_tensors(void)
{
    golden_test_tensors("mamba-tied.gguf");
    golden_test_tensors("mamba-odd.gguf"); /* with all that is optional */
    golden_test_tensors("mamba-f16.gguf");
    golden_test_tensors("mamba2-groups.gguf");
    golden_test_tensors("mamba2-odd.gguf");
}

static void test_keys(void)
{
    static const char *const needed[] = { "context_length", "embedding_length", "block_count",       "ssm.conv_kernel",
                                          "ssm.inner_size", "ssm.state_size",   "ssm.time_step_rank" };
    char key[64];

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        snprintf(key, sizeof key, "mamba.%s", needed[i]);
        golden_test_missing_key("mamba-tied.gguf", key);
        golden_test_key("mamba-tied.gguf", key, 0, "allowed are 1 to");
        golden_test_key("mamba-tied.gguf", key, 0xffffffff, "is 4294967295, allowed are 1 to");
        snprintf(key, sizeof key, "mamba2.%s", needed[i]);
        golden_test_missing_key("mamba2-groups.gguf", key);
        golden_test_key("mamba2-groups.gguf", key, 0, "allowed are 1 to");
    }
    golden_test_key("mamba-odd.gguf", "mamba.block_count", 3, "tensor blk.2.attn_norm.weight is missing");
    golden_test_key("mamba-odd.gguf", "mamba.block_count", 1,
                    "tensor blk.1.attn_norm.weight is not part of family mamba");
    golden_test_key("mamba-odd.gguf", "mamba.embedding_length", 22,
                    "attn_norm.weight is 21 x 1 x 1 x 1, the configuration asks for 22 x 1");
    golden_test_key("mamba-odd.gguf", "mamba.ssm.conv_kernel", 4,
                    "ssm_conv1d.weight is 3 x 42 x 1 x 1, the configuration asks for 4 x 42");
    golden_test_key("mamba-odd.gguf", "mamba.ssm.conv_kernel", MAMBA_MAX_TAPS + 1, "is 17, allowed are 1 to 16");
    golden_test_key("mamba-odd.gguf", "mamba.ssm.inner_size", 41,
                    "ssm_in.weight is 21 x 84 x 1 x 1, the configuration asks for 21 x 82");
    golden_test_key("mamba-odd.gguf", "mamba.ssm.state_size", 7,
                    "ssm_x.weight is 42 x 19 x 1 x 1, the configuration asks for 42 x 17");
    golden_test_key("mamba-odd.gguf", "mamba.ssm.state_size", MAMBA_MAX_STATE + 1, "is 1025, allowed are 1 to 1024");
    golden_test_key("mamba-odd.gguf", "mamba.ssm.time_step_rank", 5,
                    "ssm_x.weight is 42 x 19 x 1 x 1, the configuration asks for 42 x 21");
    golden_test_key("mamba-odd.gguf", "mamba.feed_forward_length", 84, "is 84, allowed are 0 to 0");
    golden_test_key("mamba-odd.gguf", "mamba.attention.head_count", 2, "is 2, allowed are 0 to 0");
    golden_test_key("mamba-odd.gguf", "mamba.attention.layer_norm_rms_epsilon", 0x7fc00000, "not a finite");

    golden_test_key("mamba2-odd.gguf", "mamba2.ssm.group_count", 4, "6 heads cannot be shared out evenly to 4 groups");
    golden_test_key("mamba2-odd.gguf", "mamba2.ssm.group_count", 0, "is 0, allowed are 1 to");
    golden_test_key("mamba2-odd.gguf", "mamba2.ssm.group_count", 2,
                    "ssm_in.weight is 21 x 138 x 1 x 1, the configuration asks for 21 x 122");
    golden_test_key("mamba2-odd.gguf", "mamba2.ssm.time_step_rank", 5,
                    "42 channels cannot be shared out evenly to 5 heads");
    golden_test_key("mamba2-odd.gguf", "mamba2.ssm.time_step_rank", 21,
                    "ssm_in.weight is 21 x 138 x 1 x 1, the configuration asks for 21 x 153");
    golden_test_key("mamba2-odd.gguf", "mamba2.ssm.state_size", 9,
                    "ssm_in.weight is 21 x 138 x 1 x 1, the configuration asks for 21 x 144");
}

/* A Mamba-2 of one layer whose tensors have no values but zeros: what it says of its state is what it would take. */
static void test_state_limit(void)
{
    enum { INNER = 1 << 18, STATE = 1024, N_IN = 2 * INNER + 2 * STATE + 1, N_XBC = INNER + 2 * STATE };
    const struct {
        const char *name;
        uint32_t n_dims;
        uint64_t ne[2];
    } list[] = {
        { "token_embd.weight", 2, { 1, 4 } },           { "output_norm.weight", 1, { 1, 1 } },
        { "blk.0.attn_norm.weight", 1, { 1, 1 } },      { "blk.0.ssm_in.weight", 2, { 1, N_IN } },
        { "blk.0.ssm_conv1d.weight", 2, { 2, N_XBC } }, { "blk.0.ssm_dt.bias", 1, { 1, 1 } },
        { "blk.0.ssm_a", 2, { 1, 1 } },                 { "blk.0.ssm_d", 2, { 1, 1 } },
        { "blk.0.ssm_norm.weight", 2, { INNER, 1 } },   { "blk.0.ssm_out.weight", 2, { INNER, 1 } },
    };
    const size_t n = sizeof list / sizeof list[0];
    struct buf file;
    size_t offset = 0;

    buf_init(&file, TINY_LIMIT);
    tiny_header(&file, 3, n, 8);
    tiny_kv_string(&file, "general.architecture", "mamba2");
    tiny_kv_u32(&file, "mamba2.context_length", 64);
    tiny_kv_u32(&file, "mamba2.embedding_length", 1);
    tiny_kv_u32(&file, "mamba2.block_count", 1);
    tiny_kv_u32(&file, "mamba2.ssm.conv_kernel", 2);
    tiny_kv_u32(&file, "mamba2.ssm.inner_size", INNER);
    tiny_kv_u32(&file, "mamba2.ssm.state_size", STATE);
    tiny_kv_u32(&file, "mamba2.ssm.time_step_rank", 1);
    for (size_t i = 0; i < n; i++) {
        tiny_tensor(&file, list[i].name, list[i].n_dims, list[i].ne, QUANT_F32, offset);
        offset = (offset + list[i].ne[0] * list[i].ne[1] * sizeof(float) + 31) & ~(size_t)31;
    }
    tiny_pad(&file, 32);
    for (size_t i = 0; i < offset / 32; i++)
        buf_add(&file, (const char[32]){ 0 }, 32);
    has_str(golden_error(&file), "a state of 1 layers with 268699648 numbers each, allowed are 268435456 in all",
            "a file of 5 MB that asks for a state of more than 1 GiB is refused");
    buf_finish(&file);
}

int main(void)
{
    plan_later();
    test_tensors();
    test_keys();
    test_state_limit();
    done();
    return tap_status();
}
