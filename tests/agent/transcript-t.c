/*
 * Covers: that a transcript copies what it is given and never moves it; its JSON form, byte by byte, which only grows;
 * parts that are added to the newest message; reading parts, with the errors; the size limit, after which nothing was
 * added.
 * Does not cover: running out of memory.
 */
#include "agent/transcript.h"
#include "tests/tap.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct part text_part(const char *s)
{
    return (struct part){ .mime = "text/plain", .data = s, .len = strlen(s) };
}

static void test_copies(void)
{
    char data[] = "hello", name[] = "calc", args[] = "{\"n\": 0.30000000000000004}", thought[] = "sum";
    struct part part = text_part(data);
    struct call call = { .id = "c1", .name = name, .args = args, .args_len = strlen(args) };
    struct message m = {
        .role = ROLE_ASSISTANT, .reasoning = thought, .n_parts = 1, .parts = &part, .n_calls = 1, .calls = &call
    };
    struct transcript *t = transcript_create();
    struct err err = { 0 };
    const struct message *first;
    size_t moved = 0;

    is_int(transcript_add(t, &m, &err), 0, "a message is added");
    memset(data, 'x', 5);
    memset(name, 'x', 4);
    memset(args, 'x', 5);
    memset(thought, 'x', 3);
    first = transcript_at(t, 0);
    is_str(first->parts[0].data, "hello", "its text is a copy");
    is_str(first->reasoning, "sum", "its thought is a copy");
    is_str(first->calls[0].name, "calc", "its call is a copy");
    is_str(first->calls[0].args, "{\"n\": 0.30000000000000004}", "the arguments keep their bytes");
    ok(!transcript_at(t, 1), "there is no second message");
    for (int i = 0; i < 1000; i++)
        moved += transcript_add_text(t, ROLE_USER, "again", 5, &err) != 0;
    moved += transcript_at(t, 0) != first;
    is_int((long long)moved, 0, "a thousand more do not move it");
    is_int((long long)transcript_count(t), 1001, "and are counted");
    transcript_destroy(t);
    transcript_destroy(NULL);
}

static const char *write_all(const struct transcript *t, struct buf *out)
{
    struct jsonw w;

    buf_reset(out);
    w = jsonw_start(out);
    jsonw_object(&w, NULL);
    transcript_write(t, &w, "messages");
    jsonw_end(&w);
    return out->data;
}

static void test_json(void)
{
    struct part answer = text_part("46.07 \"g\"\n"), json = { "application/json", "{\"a\": 1e2}", 10 };
    struct call call = { .id = "c1", .name = "mol_weight", .args = "{\"smiles\":\"CCO\"}", .args_len = 16 };
    struct message reply = { .role = ROLE_ASSISTANT, .reasoning = "weigh it", .n_calls = 1, .calls = &call };
    struct message result = {
        .role = ROLE_TOOL, .call_id = "c1", .name = "mol_weight", .n_parts = 1, .parts = &answer
    };
    struct message failed = result, data = { .role = ROLE_USER, .n_parts = 1, .parts = &json };
    struct transcript *t = transcript_create();
    struct err err = { 0 };
    struct buf out;

    buf_init(&out, 1 << 16);
    failed.error = true;
    is_str(write_all(t, &out), "{\"messages\":[]}", "an empty transcript");
    transcript_add_text(t, ROLE_SYSTEM, "be brief", 8, &err);
    transcript_add(t, &data, &err);
    transcript_add(t, &reply, &err);
    transcript_add(t, &result, &err);
    transcript_add(t, &failed, &err);
    is_str(
        write_all(t, &out),
        "{\"messages\":["
        "{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"text\":\"be brief\"}]},"
        "{\"role\":\"user\",\"parts\":[{\"type\":\"json\",\"text\":\"{\\\"a\\\": 1e2}\"}]},"
        "{\"role\":\"assistant\",\"reasoning\":\"weigh it\",\"parts\":[],\"calls\":[{\"id\":\"c1\",\"name\":"
        "\"mol_weight\",\"arguments\":\"{\\\"smiles\\\":\\\"CCO\\\"}\"}]},"
        "{\"role\":\"tool\",\"call_id\":\"c1\",\"name\":\"mol_weight\",\"error\":false,\"parts\":[{\"type\":\"text\","
        "\"text\":\"46.07 \\\"g\\\"\\n\"}]},"
        "{\"role\":\"tool\",\"call_id\":\"c1\",\"name\":\"mol_weight\",\"error\":true,\"parts\":[{\"type\":\"text\","
        "\"text\":\"46.07 \\\"g\\\"\\n\"}]}]}",
        "every kind of message has the form of docs/protocol.md");
    buf_finish(&out);
    transcript_destroy(t);
}

/* Whether later begins with what stands in earlier before its closing "]}". */
static bool goes_on(const struct buf *earlier, const struct buf *later, size_t closing)
{
    return later->len > earlier->len && memcmp(later->data, earlier->data, earlier->len - closing) == 0;
}

static void test_added_parts(void)
{
    char note[] = "\nToday is Friday.";
    struct part question = text_part("when?"), added = text_part(note), image = { "image/png", "iVBO", 4 };
    struct call call = { .id = "c1", .name = "now", .args = "{}", .args_len = 2 };
    struct message user = { .role = ROLE_USER, .n_parts = 1, .parts = &question };
    struct message reply = { .role = ROLE_ASSISTANT, .n_calls = 1, .calls = &call };
    struct message result = { .role = ROLE_TOOL, .call_id = "c1", .name = "now" };
    struct transcript *t = transcript_create();
    struct buf before, after;
    struct err err = { 0 };
    const char *first;

    buf_init(&before, 1 << 16);
    buf_init(&after, 1 << 16);
    is_int(transcript_add_part(t, &added, &err), -1, "no part without a message");
    is_int(err.status, CORAX_E_ARGS, "with ARGS");
    transcript_add(t, &user, &err);
    first = transcript_at(t, 0)->parts[0].data;
    write_all(t, &before);
    is_int(transcript_add_part(t, &image, &err), -1, "an image is no part of it");
    is_str(write_all(t, &after), before.data, "and changes nothing");
    is_int(transcript_add_part(t, &added, &err), 0, "a part is added");
    memset(note, 'x', 5);
    is_str(write_all(t, &after),
           "{\"messages\":[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"when?\"},"
           "{\"type\":\"text\",\"text\":\"\\nToday is Friday.\"}]}]}",
           "at the end of the message");
    ok(goes_on(&before, &after, strlen("]}]}")), "behind all that was there");
    is_int((long long)transcript_at(t, 0)->n_parts, 2, "it has two parts");
    ok(transcript_at(t, 0)->parts[0].data == first, "the first did not move");
    is_str(transcript_at(t, 0)->parts[1].data, "\nToday is Friday.", "the second is a copy");

    write_all(t, &before);
    transcript_add(t, &reply, &err);
    ok(goes_on(&before, (write_all(t, &after), &after), strlen("]}")), "a reply comes behind all of it");
    is_int(transcript_add_part(t, &added, &err), -1, "a reply takes no part");
    write_all(t, &before);
    transcript_add(t, &result, &err);
    ok(goes_on(&before, (write_all(t, &after), &after), strlen("]}")), "so does a result");
    is_int(transcript_add_part(t, &question, &err), 0, "a result without parts takes one");
    has_str(write_all(t, &after), "\"error\":false,\"parts\":[{\"type\":\"text\",\"text\":\"when?\"}]}]}", "its first");
    buf_finish(&before);
    buf_finish(&after);
    transcript_destroy(t);
}

static const struct {
    const char *list;
    const char *says; /* NULL: good, and written as it was read */
} lists[] = {
    { "[]", NULL },
    { "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"\"}]", NULL },
    { "[{\"type\":\"json\",\"text\":\"{\\\"a\\\": 9007199254740991}\"}]", NULL },
    { "[{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\"iVBO\"}]", NULL },
    { "[{\"type\":\"audio\",\"mimeType\":\"audio/wav\",\"data\":\"UklG\"}]", NULL },
    { "{}", "not a list" },
    { "[7]", "part 1: not an object" },
    { "[{\"text\":\"a\"}]", "part 1: not an object with a \"type\"" },
    { "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\"}]", "part 2: \"text\" is missing" },
    { "[{\"type\":\"text\",\"text\":7}]", "part 1: \"text\" is missing or not a string" },
    { "[{\"type\":\"json\",\"text\":\"{\"}]", "part 1: \"text\" of type \"json\"" },
    { "[{\"type\":\"json\",\"text\":{}}]", "part 1: \"text\" is missing or not a string" },
    { "[{\"type\":\"image\",\"data\":\"iVBO\"}]", "part 1: \"mimeType\"" },
    { "[{\"type\":\"image\",\"mimeType\":\"text/html\",\"data\":\"iVBO\"}]", "part 1: \"mimeType\"" },
    { "[{\"type\":\"image\",\"mimeType\":\"im\",\"data\":\"iVBO\"}]", "part 1: \"mimeType\"" },
    { "[{\"type\":\"image\",\"mimeType\":\"image/png\"}]", "part 1: \"data\" is missing" },
    { "[{\"type\":\"video\"}]", "part 1: type \"video\" is not one of" },
};

static void test_parts(void)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct arena *arena = arena_create(1 << 16);
        struct json *j = json_parse(lists[i].list, strlen(lists[i].list), NULL);
        struct part *parts = NULL;
        struct err err = { 0 };
        struct jsonw w;
        struct buf out;
        size_t n = 0;
        int result = parts_read(arena, j, &parts, &n, &err);

        buf_init(&out, 1 << 16);
        w = jsonw_start(&out);
        jsonw_array(&w, NULL);
        for (size_t k = 0; k < n; k++)
            part_write(&parts[k], &w);
        jsonw_end(&w);
        if (lists[i].says)
            ok(result == -1 && err.status == CORAX_E_ARGS && n == 0 && strstr(err.msg, lists[i].says),
               "refused: %s: %s", lists[i].list, err.msg);
        else
            is_str(out.data, lists[i].list, "read and written again");
        buf_finish(&out);
        json_free(j);
        arena_destroy(arena);
    }
}

static void test_limits(void)
{
    static const char long_text[] = "[{\"type\":\"text\",\"text\":\"0123456789012345678901234567890123456789\"}]";
    static char mega[1 << 20];
    struct part image = { "image/png", "iVBO", 4 };
    struct message m = { .role = ROLE_USER, .n_parts = 1, .parts = &image };
    struct transcript *t = transcript_create();
    struct arena *small = arena_create(64);
    struct json *list;
    struct part *parts;
    struct err err = { 0 };
    size_t n = 0;

    is_int(transcript_add(t, &m, &err), -1, "an image is no part for a model");
    is_int(err.status, CORAX_E_ARGS, "with ARGS");
    has_str(err.msg, "part 1: image/png", "naming the part");
    memset(mega, 'a', sizeof(mega));
    while (n < 20 && transcript_add_text(t, ROLE_USER, mega, sizeof(mega), &err) == 0)
        n++;
    is_int((long long)n, 7, "seven messages of 1 MiB fit below 8 MiB");
    is_int(err.status, CORAX_E_LIMIT, "the next is over the limit");
    is_int((long long)transcript_count(t), 7, "and was not added");
    is_int(transcript_add_text(t, ROLE_USER, "short", 5, &err), 0, "a short one still fits");
    n = transcript_at(t, 7)->n_parts;
    is_int(transcript_add_part(t, &(struct part){ "text/plain", mega, sizeof(mega) }, &err), -1,
           "a long part does not");
    is_int(err.status, CORAX_E_LIMIT, "over the limit too");
    is_int((long long)transcript_at(t, 7)->n_parts, (long long)n, "and was not added");
    n = 0;

    list = json_parse(long_text, sizeof(long_text) - 1, &err);
    ok(list && parts_read(small, list, &parts, &n, &err) == -1, "parts do not fit into a small arena");
    is_int(err.status, CORAX_E_LIMIT, "which is LIMIT");
    json_free(list);
    arena_destroy(small);
    transcript_destroy(t);
}

static void test_truncate(void)
{
    struct transcript *t = transcript_create();
    struct part more = { "text/plain", "more", 4 };
    const struct message *gone;
    struct buf before, after;
    struct err why;

    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    transcript_add_text(t, ROLE_USER, "one", 3, &why);
    transcript_add_part(t, &more, &why);
    write_all(t, &before);
    transcript_add_text(t, ROLE_ASSISTANT, "two", 3, &why);
    transcript_add_text(t, ROLE_USER, "three", 5, &why);
    gone = transcript_at(t, 2);
    transcript_truncate(t, 5);
    is_int((long long)transcript_count(t), 3, "there is nothing to forget behind the end");
    transcript_truncate(t, 1);
    is_str(write_all(t, &after), before.data, "what is left is as it was");
    is_str(gone->parts[0].data, "three", "and what is forgotten stays where it is");
    is_int(transcript_add_part(t, &more, &why), 0, "the last one takes parts again");
    is_int(transcript_add_text(t, ROLE_USER, "four", 4, &why), 0, "and others follow");
    transcript_truncate(t, 0);
    is_int((long long)transcript_count(t), 0, "nothing is left");
    transcript_add_text(t, ROLE_USER, "one", 3, &why);
    transcript_add_part(t, &more, &why);
    buf_reset(&after);
    is_str(write_all(t, &after), before.data, "and it begins anew");
    buf_finish(&before);
    buf_finish(&after);
    transcript_destroy(t);
}

int main(void)
{
    plan_later();
    test_copies();
    test_json();
    test_added_parts();
    test_parts();
    test_limits();
    test_truncate();
    done();
    return tap_status();
}
