#include "cli/eval_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval_judge.h"
#include "cli/term.h"

#define BOOTSTRAP_SEED 1
#define MAX_TAGS       64

/* --- what there is of a tag --------------------------------------------------------------------------------------- */

/* One value a question: the mean over its runs that have ended. */
struct column {
    size_t n;
    double sum, *values;
};

static bool has_tag(const struct eval_question *q, const char *tag)
{
    if (tag == NULL)
        return true;
    for (const struct json *t = json_first(q->tags); t; t = json_next(t))
        if (strcmp(json_text(t), tag) == 0)
            return true;
    return false;
}

typedef double measure(const struct eval_run *); /* NAN: it says nothing */

static double of_mark(enum eval_mark mark)
{
    return mark == NOT_ASKED ? NAN : mark == RIGHT;
}

static double passed(const struct eval_run *r)
{
    return r->passed;
}

static double calls_right(const struct eval_run *r)
{
    return of_mark(r->score.calls);
}

static double arguments_right(const struct eval_run *r)
{
    return of_mark(r->score.arguments);
}

static double answer_right(const struct eval_run *r)
{
    return of_mark(r->score.answer);
}

static double steps(const struct eval_run *r)
{
    return (double)r->score.n_steps;
}

static double tokens(const struct eval_run *r)
{
    return (double)r->score.n_tokens;
}

static double seconds(const struct eval_run *r)
{
    return (double)r->score.wall_ms / 1000;
}

static void gather(const struct eval_runs *runs, const char *tag, measure *m, struct column *c)
{
    *c = (struct column){ .values = calloc(runs->n + 1, sizeof(double)) };
    for (size_t i = 0; i < runs->n && c->values;) {
        const struct eval_question *q = runs->at[i].question;
        double sum = 0;
        int n = 0;

        for (; i < runs->n && runs->at[i].question == q; i++) {
            const double x = runs->at[i].ended ? m(&runs->at[i]) : NAN;

            if (!isnan(x) && has_tag(q, tag)) {
                sum += x;
                n++;
            }
        }
        if (n > 0) {
            c->values[c->n++] = sum / n;
            c->sum += sum / n;
        }
    }
}

static struct interval rate_of(const struct eval_runs *runs, const char *tag, measure *m)
{
    struct column c;
    struct interval v;

    gather(runs, tag, m, &c);
    v = eval_rate(c.sum, c.n);
    free(c.values);
    return v;
}

static struct interval mean_of(const struct eval_runs *runs, const char *tag, measure *m)
{
    struct column c;
    struct interval v;

    gather(runs, tag, m, &c);
    v = eval_mean(c.values, c.n, BOOTSTRAP_SEED);
    free(c.values);
    return v;
}

static size_t list_tags(const struct eval_suite *s, const char *tags[MAX_TAGS])
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        for (const struct json *t = json_first(s->questions[i].tags); t; t = json_next(t)) {
            size_t k = 0;

            while (k < n && strcmp(tags[k], json_text(t)) != 0)
                k++;
            if (k == n && n < MAX_TAGS)
                tags[n++] = json_text(t);
        }
    return n;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void print_rate(FILE *f, struct interval v)
{
    if (isnan(v.value))
        fprintf(f, "  %16s", "-");
    else
        fprintf(f, "  %5.1f (%4.1f-%4.1f)", 100 * v.value, 100 * v.low, 100 * v.high);
}

static void print_mean(FILE *f, struct interval v)
{
    if (isnan(v.value))
        fprintf(f, "  %18s", "-");
    else if (isnan(v.low))
        fprintf(f, "  %18.1f", v.value);
    else
        fprintf(f, "  %6.1f (%4.1f-%4.1f)", v.value, v.low, v.high);
}

static size_t count_questions(const struct eval_runs *runs, const char *tag)
{
    struct column c;

    gather(runs, tag, passed, &c);
    free(c.values);
    return c.n;
}

static void print_row(FILE *f, const struct eval_runs *runs, const char *tag)
{
    term_text(f, tag ? tag : "all", strlen(tag ? tag : "all"), 0);
    fprintf(f, "%*s %5zu", (int)(strlen(tag ? tag : "all") < 16 ? 16 - strlen(tag ? tag : "all") : 0), "",
            count_questions(runs, tag));
    print_rate(f, rate_of(runs, tag, passed));
    print_rate(f, rate_of(runs, tag, calls_right));
    print_rate(f, rate_of(runs, tag, arguments_right));
    print_rate(f, rate_of(runs, tag, answer_right));
    print_mean(f, mean_of(runs, tag, steps));
    print_mean(f, mean_of(runs, tag, tokens));
    print_mean(f, mean_of(runs, tag, seconds));
    fputc('\n', f);
}

static void print_failures(FILE *f, const struct eval_runs *runs)
{
    for (size_t i = 0; i < runs->n; i++) {
        const struct eval_run *r = &runs->at[i];

        if (!r->ended || r->passed)
            continue;
        fprintf(f, "  %s, seed %d, task %s: ", r->question->id, r->seed, r->id);
        if (r->score.why[0])
            term_text(f, r->score.why, strlen(r->score.why), 4);
        else
            fputs(r->status == UNSURE ? "the judge is not sure" : "the judge says it is not solved", f);
        fputc('\n', f);
    }
}

void eval_print(FILE *f, const struct eval_suite *s, const struct eval_options *o, const struct eval_runs *runs,
                const struct eval_wins *wins)
{
    const char *tags[MAX_TAGS];
    const size_t n_tags = list_tags(s, tags);

    fprintf(f, "%s%s: %zu questions, %d seed%s each; rates in %% and means, with 95 %% intervals over questions\n",
            s->id, runs->interrupted ? ", interrupted, what there is of it" : "", count_questions(runs, NULL),
            o->n_seeds, o->n_seeds == 1 ? "" : "s");
    fprintf(f, "%-16s %5s  %16s  %16s  %16s  %16s  %18s  %18s  %18s\n", "TAG", "N", "PASSED", "TOOLS", "ARGUMENTS",
            "ANSWER", "STEPS", "TOKENS", "SECONDS");
    for (size_t i = 0; i < n_tags; i++)
        print_row(f, runs, tags[i]);
    print_row(f, runs, NULL);
    if (wins->n > 0) {
        const struct interval v = eval_rate((double)wins->won + (double)wins->tied / 2, wins->n);

        fprintf(f, "against the earlier one: %zu won, %zu tied, %zu lost; win rate", wins->won, wins->tied, wins->lost);
        print_rate(f, v);
        fputc('\n', f);
    }
    print_failures(f, runs);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void write_interval(struct jsonw *w, const char *key, struct interval v)
{
    jsonw_object(w, key);
    jsonw_number(w, "value", v.value); /* null where it cannot be said */
    jsonw_number(w, "low", v.low);
    jsonw_number(w, "high", v.high);
    jsonw_end(w);
}

static void write_mark(struct jsonw *w, const char *key, enum eval_mark mark)
{
    if (mark == NOT_ASKED)
        jsonw_null(w, key);
    else
        jsonw_bool(w, key, mark == RIGHT);
}

static void write_run(struct jsonw *w, const struct eval_run *r)
{
    static const char *const statuses[] = { "unsure", "solved", "unsolved" };

    jsonw_object(w, NULL);
    jsonw_text(w, "question", r->question->id);
    jsonw_int(w, "seed", r->seed);
    jsonw_text(w, "task", r->id);
    jsonw_bool(w, "passed", r->passed);
    jsonw_text(w, "status", statuses[r->status]);
    write_mark(w, "tools", r->score.calls);
    write_mark(w, "arguments", r->score.arguments);
    write_mark(w, "answer_right", r->score.answer);
    write_mark(w, "few_steps", r->score.steps);
    jsonw_text(w, "why", r->score.why[0] ? r->score.why : NULL);
    jsonw_text(w, "answer", r->answer);
    jsonw_int(w, "steps", r->score.n_steps);
    jsonw_int(w, "tool_calls", r->score.n_tool_calls);
    jsonw_int(w, "tokens", r->score.n_tokens);
    jsonw_int(w, "active_ms", r->score.active_ms);
    jsonw_int(w, "wall_ms", r->score.wall_ms);
    jsonw_end(w);
}

static void write_row(struct jsonw *w, const struct eval_runs *runs, const char *tag)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "tag", tag);
    jsonw_int(w, "questions", (int64_t)count_questions(runs, tag));
    write_interval(w, "passed", rate_of(runs, tag, passed));
    write_interval(w, "tools", rate_of(runs, tag, calls_right));
    write_interval(w, "arguments", rate_of(runs, tag, arguments_right));
    write_interval(w, "answer", rate_of(runs, tag, answer_right));
    write_interval(w, "steps", mean_of(runs, tag, steps));
    write_interval(w, "tokens", mean_of(runs, tag, tokens));
    write_interval(w, "seconds", mean_of(runs, tag, seconds));
    jsonw_end(w);
}

void eval_write(struct buf *out, const struct eval_suite *s, const struct eval_options *o, const struct eval_runs *runs,
                const struct eval_wins *wins)
{
    const char *tags[MAX_TAGS];
    const size_t n_tags = list_tags(s, tags);
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_text(&w, "suite", s->id);
    jsonw_int(&w, "seeds", o->n_seeds);
    jsonw_text(&w, "judge", o->judge);
    jsonw_bool(&w, "interrupted", runs->interrupted);
    jsonw_array(&w, "table");
    for (size_t i = 0; i < n_tags; i++)
        write_row(&w, runs, tags[i]);
    write_row(&w, runs, NULL);
    jsonw_end(&w);
    if (wins->n > 0) {
        jsonw_object(&w, "against");
        jsonw_int(&w, "won", (int64_t)wins->won);
        jsonw_int(&w, "tied", (int64_t)wins->tied);
        jsonw_int(&w, "lost", (int64_t)wins->lost);
        write_interval(&w, "win_rate", eval_rate((double)wins->won + (double)wins->tied / 2, wins->n));
        jsonw_end(&w);
    }
    jsonw_array(&w, "runs");
    for (size_t i = 0; i < runs->n; i++)
        if (runs->at[i].ended)
            write_run(&w, &runs->at[i]);
    jsonw_end(&w);
    jsonw_end(&w);
}

/* --- win rate ----------------------------------------------------------------------------------------------------- */

static const struct json *find_run(const struct json *earlier, const struct eval_run *r)
{
    for (const struct json *e = json_first(json_get(earlier, "runs")); e; e = json_next(e))
        if (strcmp(json_get_text(e, "question", ""), r->question->id) == 0 &&
            (int)json_number(json_get(e, "seed"), 0) == r->seed)
            return e;
    return NULL;
}

/* Solved beats unsolved; of two alike the judge says, or without one the fewer steps of two that passed. */
static int compare_run(struct cli *cli, const struct eval_options *o, const struct eval_run *r, const struct json *e,
                       int *better, struct err *err)
{
    const bool other = json_bool(json_get(e, "passed"), false);
    const double its_steps = json_number(json_get(e, "steps"), 0);

    *better = (int)r->passed - (int)other;
    if (*better != 0)
        return 0;
    if (o->judge)
        return eval_judge_pair(cli, o, r->question->input, r->answer, json_get_text(e, "answer", NULL), better, err);
    if (r->passed)
        *better = ((double)r->score.n_steps < its_steps) - ((double)r->score.n_steps > its_steps);
    return 0;
}

int eval_compare(struct cli *cli, const struct eval_options *o, const struct eval_runs *runs,
                 const struct json *earlier, struct eval_wins *wins, struct err *err)
{
    memset(wins, 0, sizeof(*wins));
    if (json_kind(json_get(earlier, "runs")) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "it is not what corax --json eval writes");
    for (size_t i = 0; i < runs->n; i++) {
        const struct json *e = runs->at[i].ended ? find_run(earlier, &runs->at[i]) : NULL;
        int better;

        if (e == NULL)
            continue;
        if (compare_run(cli, o, &runs->at[i], e, &better, err) != 0)
            return -1;
        wins->n++;
        wins->won += better > 0;
        wins->tied += better == 0;
        wins->lost += better < 0;
    }
    return wins->n > 0 ? 0 : fail(err, CORAX_E_ARGS, "it has none of these questions");
}
