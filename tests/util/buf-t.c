/*
 * Covers: growth, the limit to the byte, staying failed, taking, dropping from the front, long formats.  Not: memory that
 * runs out.
 */
#include "util/buf.h"

#include "tests/tap.h"

int main(void)
{
    struct buf buf;
    char *taken;
    size_t len;

    plan_later();
    buf_init(&buf, 10);
    is_str(buf.data, "", "empty is a valid text");
    buf_add(&buf, "", 0);
    is_str(buf.data, "", "adding nothing");
    buf_adds(&buf, "01234");
    buf_addf(&buf, "%d", 56789);
    is_str(buf.data, "0123456789", "full to the limit");
    ok(!buf.failed, "that is not a failure");
    buf_addc(&buf, 'x');
    ok(buf.failed, "one more is");
    is_str(buf.data, "0123456789", "and changes nothing");
    ok(!buf_take(&buf, &len), "what failed cannot be taken");
    buf_drop_front(&buf, 9);
    buf_addc(&buf, 'x');
    is_str(buf.data, "9", "it stays failed though there is room now");
    buf_reset(&buf);
    buf_adds(&buf, "again");
    is_str(buf.data, "again", "until it is reset");

    taken = buf_take(&buf, &len);
    is_str(taken, "again", "taken");
    is_int((long long)len, 5, "with its length");
    free(taken);
    is_int((long long)buf.len, 0, "and empty after that");
    taken = buf_take(&buf, NULL);
    is_str(taken, "", "taking an empty one gives an empty text");
    free(taken);
    buf_finish(&buf);

    buf_init(&buf, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_addf(&buf, "%0*d", i % 500, i);
    ok(!buf.failed && buf.len == strlen(buf.data), "formats longer than the first guess");
    buf_add(&buf, "a\0b", 3);
    ok(buf.len == strlen(buf.data) + 2, "NUL bytes are kept");
    buf_drop_front(&buf, buf.len - 2);
    ok(buf.len == 2 && buf.data[0] == '\0' && buf.data[1] == 'b', "dropping from the front");
    buf_drop_front(&buf, 2);
    is_int((long long)buf.len, 0, "dropping all");
    buf_addf(&buf, "%*d", (1 << 20) + 1, 1);
    ok(buf.failed, "a format beyond the limit");
    buf_finish(&buf);
    buf_finish(&buf);
    ok(true, "finishing twice");
    done();
    return tap_status();
}
