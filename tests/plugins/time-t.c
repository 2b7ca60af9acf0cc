/*
 * time-t - the smallest plugin tells the time: its form, and that it is now.
 */
#include "config.h"

#include <time.h>

#include "tests/tap.h"
#include "tests/tools/drive.h"

int main(void)
{
    static struct drive d;
    struct tm tm = { 0 };
    const char *text, *end;
    time_t then = time(NULL), told;

    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "time")), "the plugin starts");
    text = drive_call(&d, "now", "{}", 0);
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    ok(end && *end == '\0' && strlen(text) == 20, "%s is a time in ISO 8601", text);
    told = timegm(&tm);
    ok(told >= then && told <= time(NULL), "and it is now");
    has_str(drive_call(&d, "now", "{\"zone\":\"CET\"}", 0), "error: ", "it takes no arguments");
    is_int(drive_end(&d), 0, "it ends well");
    done();
    return tap_status();
}
