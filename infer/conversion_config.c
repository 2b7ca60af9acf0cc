/*
 * config.json: looking values up, and the keys that several families have in common.
 *
 * Names have changed over the years (rope_theta and rope_scaling became rope_parameters), so each lookup takes all that there were.
 */
#include "infer/conversion.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "infer/family.h"

/* --- looking up --------------------------------------------------------------------------------------------------- */

static const struct json *find(const struct json *object, const char *names)
{
    for (const char *at = names; *at; at += strcspn(at, " ")) {
        const struct json *value;
        char name[64];

        at += strspn(at, " ");
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, " "), at);
        value = json_get(object, name);
        if (value && json_kind(value) != JSON_NULL)
            return value;
    }
    return NULL;
}

static double number_of(const struct json *object, const char *names, double otherwise)
{
    return json_number(find(object, names), otherwise);
}

const struct json *conversion_get(const struct conversion *c, const char *names)
{
    const struct json *value = find(c->config, names);

    return value ? value : find(c->defaults, names);
}

int conversion_get_size(const struct conversion *c, const char *names, size_t min, size_t max, size_t *out,
                        struct err *err)
{
    const struct json *value = conversion_get(c, names);
    int64_t whole;

    if (!value)
        return 1;
    if (json_int(value, json_key(value), &whole, err) < 0)
        return -1;
    if (whole < 0 || (uint64_t)whole < min || (uint64_t)whole > max)
        return fail(err, CORAX_E_ARGS, "%s is %lld, allowed are %zu to %zu", json_key(value), (long long)whole, min, max);
    *out = (size_t)whole;
    return 0;
}

int conversion_need_size(const struct conversion *c, const char *names, size_t min, size_t max, size_t *out,
                         struct err *err)
{
    int found = conversion_get_size(c, names, min, max, out, err);

    return found == 1 ? fail(err, CORAX_E_ARGS, "%.*s is missing", (int)strcspn(names, " "), names) : found;
}

double conversion_get_number(const struct conversion *c, const char *names, double otherwise)
{
    return json_number(conversion_get(c, names), otherwise);
}

bool conversion_get_bool(const struct conversion *c, const char *names, bool otherwise)
{
    return json_bool(conversion_get(c, names), otherwise);
}

const char *conversion_get_text(const struct conversion *c, const char *names, const char *otherwise)
{
    const char *text = json_text(conversion_get(c, names));

    return text ? text : otherwise;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static const char *key_of(const struct conversion *c, const char *what)
{
    static _Thread_local char key[GGUF_MAX_KEY + 1];

    snprintf(key, sizeof key, "%s.%s", c->family->arch, what);
    return key;
}

void conversion_add_size(struct conversion *c, const char *what, size_t value)
{
    gguf_add_u32(c->writer, key_of(c, what), (uint32_t)value); /* the limits of infer/family.h are below 2^32 */
}

void conversion_add_float(struct conversion *c, const char *what, double value)
{
    gguf_add_f32(c->writer, key_of(c, what), (float)value);
}

void conversion_add_text(struct conversion *c, const char *what, const char *value)
{
    gguf_add_text(c->writer, key_of(c, what), value);
}

/* --- what all decoders have --------------------------------------------------------------------------------------- */

static int head_sizes(struct conversion *c, struct err *err)
{
    size_t n_head_dim;
    int found;

    if (conversion_need_size(c, "num_attention_heads n_head", 1, FAMILY_MAX_HEADS, &c->n_head, err) < 0)
        return -1;
    c->n_kv_head = c->n_head;
    if (conversion_get_size(c, "num_key_value_heads", 1, c->n_head, &c->n_kv_head, err) < 0)
        return -1;
    c->head_dim = n_head_dim = c->n_embd / c->n_head;
    found = conversion_get_size(c, "head_dim", 1, FAMILY_MAX_WIDTH / c->n_head, &c->head_dim, err);
    if (found < 0)
        return -1;
    conversion_add_size(c, "attention.head_count", c->n_head);
    if (c->n_kv_head != c->n_head || conversion_get(c, "num_key_value_heads"))
        conversion_add_size(c, "attention.head_count_kv", c->n_kv_head);
    if (found == 0 || c->head_dim != n_head_dim) {
        conversion_add_size(c, "attention.key_length", c->head_dim);
        conversion_add_size(c, "attention.value_length", c->head_dim);
    }
    return 0;
}

int conversion_sizes(struct conversion *c, size_t n_ff, struct err *err)
{
    size_t vocab;

    if (conversion_need_size(c, "max_position_embeddings n_positions", 1, FAMILY_MAX_CONTEXT, &c->n_ctx, err) < 0 ||
        conversion_need_size(c, "hidden_size n_embd", 1, FAMILY_MAX_WIDTH, &c->n_embd, err) < 0 ||
        conversion_need_size(c, "num_hidden_layers n_layer", 1, FAMILY_MAX_LAYERS, &c->n_layer, err) < 0 ||
        conversion_need_size(c, "vocab_size", 1, FAMILY_MAX_VOCAB, &vocab, err) < 0)
        return -1;
    if (conversion_get_size(c, "intermediate_size n_inner", 1, FAMILY_MAX_WIDTH, &n_ff, err) < 0)
        return -1;
    if (n_ff == 0)
        return fail(err, CORAX_E_ARGS, "intermediate_size is missing");
    if (c->family->ff_multiple)
        n_ff = (n_ff + c->family->ff_multiple - 1) / c->family->ff_multiple * c->family->ff_multiple;
    c->n_ff = n_ff;
    conversion_add_size(c, "context_length", c->n_ctx);
    conversion_add_size(c, "embedding_length", c->n_embd);
    conversion_add_size(c, "block_count", c->n_layer);
    conversion_add_size(c, "feed_forward_length", n_ff);
    conversion_add_size(c, "vocab_size", vocab);
    c->tied = conversion_get_bool(c, "tie_word_embeddings", false);
    return head_sizes(c, err);
}

void conversion_eps(struct conversion *c, bool layer_norm, const char *names, double otherwise)
{
    conversion_add_float(c, layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
                         conversion_get_number(c, names, otherwise));
}

int conversion_activation(struct conversion *c, const char *usual, struct err *err)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = {
        { "silu", "silu" },          { "swish", "silu" },
        { "gelu", "gelu" },          { "gelu_new", "gelu_pytorch_tanh" },
        { "relu2", "relu2" },        { "gelu_pytorch_tanh", "gelu_pytorch_tanh" },
        { "gelu_fast", "gelu_pytorch_tanh" },
    };
    /* Gemma's first configurations say gelu in one key and mean what is in the other. */
    const char *theirs = conversion_get_text(c, "hidden_activation hidden_act activation_function", usual);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].theirs, theirs) == 0) {
            if (strcmp(names[i].ours, usual) != 0)
                conversion_add_text(c, "hidden_activation", names[i].ours);
            return 0;
        }
    return fail(err, CORAX_E_ARGS, "activation \"%.32s\" is not one that this program has (silu, gelu, gelu_new, relu2)",
                theirs);
}

/* --- windows ------------------------------------------------------------------------------------------------------ */

/* Of layer i, from layer_types. */
static bool slides(const struct json *types, size_t i)
{
    const struct json *type = json_first(types);

    for (; i > 0; i--)
        type = json_next(type);
    return json_text(type) && strcmp(json_text(type), "sliding_attention") == 0;
}

int conversion_window(struct conversion *c, struct err *err)
{
    const struct json *types = conversion_get(c, "layer_types");
    bool sliding[FAMILY_MAX_LAYERS];
    size_t window, n_sliding = 0;
    int found = conversion_get_size(c, "sliding_window", 1, FAMILY_MAX_CONTEXT, &window, err);

    if (found != 0)
        return found < 0 ? -1 : 0;
    if (types && (json_kind(types) != JSON_ARRAY || json_count(types) != c->n_layer))
        return fail(err, CORAX_E_ARGS, "layer_types has %zu entries for %zu layers", json_count(types), c->n_layer);
    for (size_t i = 0; i < c->n_layer; i++) {
        sliding[i] = types ? slides(types, i) : true;
        n_sliding += sliding[i];
    }
    if (n_sliding == 0)
        return 0;
    conversion_add_size(c, "attention.sliding_window", window);
    if (n_sliding < c->n_layer)
        gguf_add_array(c->writer, key_of(c, "attention.sliding_window_pattern"), GGUF_BOOL, c->n_layer, sliding);
    return 0;
}

/* --- rotary positions --------------------------------------------------------------------------------------------- */

struct rope_config {
    const struct json *scaling; /* may be NULL */
    double base, factor, original_ctx, part; /* part: of a head that is rotated */
    size_t n_rot;
};

static void read_rope(const struct conversion *c, struct rope_config *r)
{
    r->scaling = conversion_get(c, "rope_parameters");
    if (json_get(r->scaling, "full_attention"))
        r->scaling = json_get(r->scaling, "full_attention");
    r->base = number_of(r->scaling, "rope_theta", conversion_get_number(c, "rope_theta", 10000));
    r->part = number_of(r->scaling, "partial_rotary_factor", conversion_get_number(c, "partial_rotary_factor", 1));
    r->n_rot = r->part > 0 && r->part <= 1 ? (size_t)((double)c->head_dim * r->part) : 0;
    if (!r->scaling)
        r->scaling = conversion_get(c, "rope_scaling");
    r->original_ctx = number_of(r->scaling, "original_max_position_embeddings",
                                conversion_get_number(c, "original_max_position_embeddings", (double)c->n_ctx));
    r->factor = number_of(r->scaling, "factor", (double)c->n_ctx / r->original_ctx);
}

/* Slow pairs are stretched by the factor, fast ones not, and between them is a ramp. */
static int llama3_factors(struct conversion *c, const struct rope_config *r, struct err *err)
{
    const double low = number_of(r->scaling, "low_freq_factor", 1), high = number_of(r->scaling, "high_freq_factor", 4);
    float factors[FAMILY_MAX_HEADS * 2];
    const size_t n = r->n_rot / 2;

    if (n > sizeof factors / sizeof factors[0])
        return fail(err, CORAX_E_ARGS, "heads of %zu numbers", r->n_rot);
    for (size_t i = 0; i < n; i++) {
        const double length = 2 * M_PI * pow(r->base, 2 * (double)i / (double)r->n_rot),
                     ramp = (r->original_ctx / length - low) / (high - low);

        if (length < r->original_ctx / high)
            factors[i] = 1;
        else if (length > r->original_ctx / low)
            factors[i] = (float)r->factor;
        else
            factors[i] = (float)(1 / ((1 - ramp) / r->factor + ramp));
    }
    return conversion_add_values(c, "rope_freqs.weight", factors, n, err);
}

static int longrope_factors(struct conversion *c, const struct rope_config *r, const char *theirs, const char *ours,
                            struct err *err)
{
    const struct json *list = json_get(r->scaling, theirs);
    float factors[FAMILY_MAX_HEADS * 2];
    size_t n = 0;

    if (json_count(list) != r->n_rot / 2 || r->n_rot / 2 > sizeof factors / sizeof factors[0])
        return fail(err, CORAX_E_ARGS, "%s has %zu numbers, %zu pairs are rotated", theirs, json_count(list), r->n_rot / 2);
    for (const struct json *factor = json_first(list); factor; factor = json_next(factor))
        factors[n++] = (float)json_number(factor, 0);
    return conversion_add_values(c, ours, factors, n, err);
}

static int longrope(struct conversion *c, const struct rope_config *r, struct err *err)
{
    const double stretch = (double)c->n_ctx / r->original_ctx;
    const double usual = stretch > 1 ? sqrt(1 + log(stretch) / log(r->original_ctx)) : 1;

    conversion_add_size(c, "rope.scaling.original_context_length", (size_t)r->original_ctx);
    conversion_add_float(c, "rope.scaling.attn_factor", number_of(r->scaling, "attention_factor", usual));
    if (longrope_factors(c, r, "short_factor", "rope_factors_short.weight", err) < 0)
        return -1;
    return longrope_factors(c, r, "long_factor", "rope_factors_long.weight", err);
}

static double yarn_magnitude(double factor, double m)
{
    return factor > 1 ? 0.1 * m * log(factor) + 1 : 1;
}

/* What reads the file multiplies by 0.1 ln(factor) + 1 itself. */
static int yarn(struct conversion *c, const struct rope_config *r, struct err *err)
{
    const double mscale = number_of(r->scaling, "mscale", 0), all_dim = number_of(r->scaling, "mscale_all_dim", 0),
                 usual = yarn_magnitude(r->factor, 1);
    double magnitude = usual;

    if (!json_bool(json_get(r->scaling, "truncate"), true))
        return fail(err, CORAX_E_ARGS, "rope scaling yarn with truncate false is not one that this program knows");
    if (mscale != 0 && all_dim != 0)
        magnitude = yarn_magnitude(r->factor, mscale) / yarn_magnitude(r->factor, all_dim);
    magnitude = number_of(r->scaling, "attention_factor", magnitude);
    conversion_add_text(c, "rope.scaling.type", "yarn");
    conversion_add_float(c, "rope.scaling.factor", r->factor);
    conversion_add_size(c, "rope.scaling.original_context_length", (size_t)r->original_ctx);
    if (magnitude != usual)
        conversion_add_float(c, "rope.scaling.attn_factor", magnitude / usual);
    if (find(r->scaling, "beta_fast"))
        conversion_add_float(c, "rope.scaling.yarn_beta_fast", number_of(r->scaling, "beta_fast", 32));
    if (find(r->scaling, "beta_slow"))
        conversion_add_float(c, "rope.scaling.yarn_beta_slow", number_of(r->scaling, "beta_slow", 1));
    return 0;
}

int conversion_rope(struct conversion *c, struct err *err)
{
    struct rope_config r;
    const char *type;

    read_rope(c, &r);
    if (!(r.part > 0 && r.part <= 1))
        return fail(err, CORAX_E_ARGS, "partial_rotary_factor is %g, allowed is above 0 and at most 1", r.part);
    type = json_get_text(r.scaling, "rope_type", json_get_text(r.scaling, "type", "default"));
    if (!(r.original_ctx >= 1 && r.original_ctx <= FAMILY_MAX_CONTEXT) || !(r.factor > 0) || r.n_rot > c->head_dim ||
        r.n_rot < 2)
        return fail(err, CORAX_E_ARGS, "rope scaling from a context of %g by %g, in %zu of %zu numbers", r.original_ctx,
                    r.factor, r.n_rot, c->head_dim);
    conversion_add_size(c, "rope.dimension_count", r.n_rot);
    conversion_add_float(c, "rope.freq_base", r.base);
    /* dynamic is none up to the model's context, and files end there */
    if (strcmp(type, "default") == 0 || strcmp(type, "dynamic") == 0)
        return 0;
    if (strcmp(type, "linear") == 0) {
        conversion_add_text(c, "rope.scaling.type", "linear");
        conversion_add_float(c, "rope.scaling.factor", r.factor);
        return 0;
    }
    if (strcmp(type, "llama3") == 0) {
        conversion_add_size(c, "rope.scaling.original_context_length", (size_t)r.original_ctx);
        return llama3_factors(c, &r, err);
    }
    if (strcmp(type, "yarn") == 0)
        return yarn(c, &r, err);
    if (strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0)
        return longrope(c, &r, err);
    return fail(err, CORAX_E_ARGS,
                "rope scaling \"%.32s\" is not one that this program knows (linear, dynamic, yarn, llama3, longrope)",
                type);
}
