#include "infer/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "util/clock.h"

#define WIDTH   30
#define WAIT_NS 100000000 /* between two drawings */

void progress_start(struct progress_bar *p, const char *what, size_t total)
{
    *p = (struct progress_bar){ .what = what, .total = total ? total : 1, .start_ns = clock_mono_ns() };
    p->on = isatty(STDERR_FILENO);
    p->shown_ns = p->start_ns;
}

void progress_show(struct progress_bar *p, size_t done)
{
    const int64_t now = clock_mono_ns();
    const double share = (double)done / (double)p->total, seconds = (double)(now - p->start_ns) / 1e9;
    const int filled = (int)(share * WIDTH);

    if (!p->on || now - p->shown_ns < WAIT_NS)
        return;
    p->shown_ns = now;
    fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%, %.0f s left \033[K", p->what, filled, "##############################",
            WIDTH - filled, "", share * 100, share > 0 ? seconds / share - seconds : 0);
}

void progress_end(struct progress_bar *p)
{
    if (p->on && p->shown_ns != p->start_ns)
        fputs("\r\033[K", stderr);
}
