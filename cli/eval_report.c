/*
 * Reports.  See eval_report.h.
 */
#include "cli/eval_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval_stats.h"
#include "cli/term.h"

#define BOOTSTRAP_SEED 1 /* the same runs give the same table */
#define TAG_COLUMNS    16
#define CELL_COLUMNS   17

/* What of a run is counted: the columns of enum eval_column, then these rates, then the means of enum eval_cost. */
enum { PASSED = EVAL_N_COLUMNS, TOOLEVAL, N_RATES, FIRST_COST = N_RATES, N_MEASURES = N_RATES + EVAL_N_COSTS };

/* The questions of a tag, or all. */
struct row {
    const char *tag;            /* NULL: all */
    size_t n_questions, n_runs; /* that have ended */
    struct {
        size_t n; /* questions that ask for it */
        struct interval interval;
    } measures[N_MEASURES];
};

struct eval_table {
    size_t n;
    struct row *rows; /* of all tags and, last, of all questions */
};

/* --- counting --------------------------------------------------------------------------------------------------------- */

static bool has_tag(const struct eval_question *q, const char *tag)
{
    return tag == NULL || eval_list_has(q->tags, tag);
}

/* NAN: the run says nothing about it. */
static double measure(const struct eval_run *r, int which)
{
    if (!r->done)
        return NAN;
    if (which < EVAL_N_COLUMNS)
        return r->score.marks[which] == EVAL_NOT_ASKED ? NAN : r->score.marks[which] == EVAL_RIGHT;
    if (which < N_RATES)
        return which == PASSED ? r->score.passed : r->score.tooleval;
    return r->costs[which - FIRST_COST];
}

/* A value for each question: the mean over its runs.  Returns how many there are. */
static size_t collect(const struct eval *e, const char *tag, int which, double *values, size_t *n_runs)
{
    size_t n = 0;

    *n_runs = 0;
    for (size_t i = 0; i < e->n;) {
        const struct eval_question *q = e->runs[i].question;
        double sum = 0;
        size_t n_of = 0;

        for (; i < e->n && e->runs[i].question == q; i++) {
            const double x = has_tag(q, tag) ? measure(&e->runs[i], which) : NAN;

            if (!isnan(x)) {
                sum += x;
                n_of++;
            }
        }
        *n_runs += n_of;
        if (n_of > 0)
            values[n++] = sum / (double)n_of;
    }
    return n;
}

/* The questions of a tag, or, with NULL, all. */
static int count_row(const struct eval *e, const char *tag, struct row *row, struct err *err)
{
    double *values = malloc((e->n + 1) * sizeof(*values));
    size_t n_runs;

    if (values == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    memset(row, 0, sizeof(*row));
    row->tag = tag;
    for (int which = 0; which < N_MEASURES; which++) {
        const size_t n = collect(e, tag, which, values, &n_runs);
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += values[i];
        row->measures[which].n = n;
        row->measures[which].interval = which < N_RATES ? eval_rate(sum, n) : eval_mean(values, n, BOOTSTRAP_SEED);
        if (which == PASSED) {
            row->n_questions = n;
            row->n_runs = n_runs;
        }
    }
    free(values);
    return 0;
}

/* The tags in the order in which the suite has them; tags has room for all that questions name. */
static size_t list_tags(const struct eval *e, const char **tags)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++) {
        for (const struct json *t = json_first(e->runs[i].question->tags); t; t = json_next(t)) {
            size_t k = 0;

            while (k < n && strcmp(tags[k], json_text(t)) != 0)
                k++;
            if (k == n)
                tags[n++] = json_text(t);
        }
    }
    return n;
}

static int count_rows(struct eval_table *table, const struct eval *e, const char *const *tags, struct err *err)
{
    for (size_t i = 0; i < table->n; i++)
        if (count_row(e, tags[i], &table->rows[i], err) != 0)
            return -1;
    return 0;
}

struct eval_table *eval_table_create(const struct eval *e, struct err *err)
{
    struct eval_table *table = calloc(1, sizeof(*table));
    const char **tags;
    size_t n = 0;
    int rc = -1;

    for (size_t i = 0; i < e->n; i++)
        n += json_count(e->runs[i].question->tags);
    tags = calloc(n + 1, sizeof(*tags));
    if (table && tags) {
        table->n = list_tags(e, tags) + 1;
        table->rows = calloc(table->n, sizeof(*table->rows));
    }
    if (table && table->rows)
        rc = count_rows(table, e, tags, err);
    else
        fail(err, CORAX_E_INTERNAL, "out of memory");
    free(tags);
    if (rc == 0)
        return table;
    eval_table_destroy(table);
    return NULL;
}

void eval_table_destroy(struct eval_table *table)
{
    if (table)
        free(table->rows);
    free(table);
}

/* --- the table -------------------------------------------------------------------------------------------------------- */

/* Three digits that count: 0.123, 12.3, 1230. */
static void format_number(double x, char out[24])
{
    if (!isfinite(x))
        snprintf(out, 24, "-");
    else if (fabs(x) >= 100)
        snprintf(out, 24, "%.0f", x);
    else
        snprintf(out, 24, "%.*f", fabs(x) >= 10 ? 1 : 2, x);
}

/* The last of a row has no white space behind it. */
static void print_cell(FILE *f, const struct interval *i, double unit, size_t n, bool last)
{
    const int columns = last ? 0 : CELL_COLUMNS;
    char value[24], low[24], high[24], cell[80];

    if (n == 0) {
        fprintf(f, "  %-*s", columns, "-");
        return;
    }
    format_number(i->value * unit, value);
    format_number(i->low * unit, low);
    format_number(i->high * unit, high);
    if (isnan(i->low))
        snprintf(cell, sizeof(cell), "%s", value);
    else if (unit == 100)
        snprintf(cell, sizeof(cell), "%.1f [%.0f, %.0f]", i->value * unit, i->low * unit, i->high * unit);
    else
        snprintf(cell, sizeof(cell), "%s [%s, %s]", value, low, high);
    fprintf(f, "  %-*s", columns, cell);
}

static void print_row_begin(FILE *f, const struct row *row)
{
    const char *tag = row->tag ? row->tag : "all";

    term_line(f, tag, strlen(tag), TAG_COLUMNS);
    fprintf(f, "%*s %9zu", strlen(tag) < TAG_COLUMNS ? (int)(TAG_COLUMNS - strlen(tag)) : 0, "", row->n_questions);
}

static void print_rates(FILE *f, const struct row *rows, size_t n)
{
    static const char *const heads[] = { "TOOLS", "ARGUMENTS", "ANSWER", "LIMITS", "PASSED", "TOOLEVAL" };

    fprintf(f, "%-*s %9s", TAG_COLUMNS, "RIGHT IN %", "QUESTIONS");
    for (int i = 0; i < N_RATES; i++)
        fprintf(f, "  %-*s", i + 1 < N_RATES ? CELL_COLUMNS : 0, heads[i]);
    fputc('\n', f);
    for (size_t i = 0; i < n; i++) {
        print_row_begin(f, &rows[i]);
        for (int k = 0; k < N_RATES; k++)
            print_cell(f, &rows[i].measures[k].interval, 100, rows[i].measures[k].n, k + 1 == N_RATES);
        fputc('\n', f);
    }
}

static void print_costs(FILE *f, const struct row *rows, size_t n)
{
    static const struct {
        const char *head;
        enum eval_cost cost;
        double unit;
    } columns[] = { { "STEPS", EVAL_STEPS, 1 },
                    { "CALLS", EVAL_TOOL_CALLS, 1 },
                    { "TOKENS READ", EVAL_PROMPT_TOKENS, 1 },
                    { "WRITTEN", EVAL_COMPLETION_TOKENS, 1 },
                    { "SECONDS", EVAL_ACTIVE_MS, 1e-3 },
                    { "WITH QUEUE", EVAL_WALL_MS, 1e-3 } };
    const size_t n_columns = sizeof(columns) / sizeof(*columns);

    fprintf(f, "\n%-*s %9s", TAG_COLUMNS, "MEAN OF A RUN", "QUESTIONS");
    for (size_t i = 0; i < n_columns; i++)
        fprintf(f, "  %-*s", i + 1 < n_columns ? CELL_COLUMNS : 0, columns[i].head);
    fputc('\n', f);
    for (size_t i = 0; i < n; i++) {
        print_row_begin(f, &rows[i]);
        for (size_t k = 0; k < n_columns; k++)
            print_cell(f, &rows[i].measures[FIRST_COST + (int)columns[k].cost].interval, columns[k].unit,
                       rows[i].measures[FIRST_COST + (int)columns[k].cost].n, k + 1 == n_columns);
        fputc('\n', f);
    }
}

static void print_why(FILE *f, const char *what, const char *why)
{
    fprintf(f, "    %-10s ", what);
    term_line(f, why, strlen(why), 150);
    fputc('\n', f);
}

static void print_failed(FILE *f, const struct eval *e)
{
    bool any = false;

    for (size_t i = 0; i < e->n; i++) {
        const struct eval_run *r = &e->runs[i];

        if (!r->done || r->score.passed)
            continue;
        if (!any)
            fputs("\nnot passed (corax trace TASK shows how it went):\n", f);
        any = true;
        fprintf(f, "  %s", r->question->id);
        if (e->seeds > 1)
            fprintf(f, " (seed %d)", r->seed);
        fprintf(f, "  %s\n", r->task);
        if (!r->score.finished)
            print_why(f, "end", r->score.why_not);
        for (int c = 0; c < EVAL_N_COLUMNS; c++)
            if (r->score.marks[c] == EVAL_WRONG)
                print_why(f, eval_column_names[c], r->score.why[c]);
    }
}

static void print_wins(FILE *f, const struct eval_wins *wins)
{
    const struct interval rate = eval_rate(wins->sum, wins->n_questions);

    fprintf(f, "\nagainst the earlier evaluation: %zu won, %zu tied, %zu lost", wins->won, wins->tied, wins->lost);
    if (wins->n_questions > 0)
        fprintf(f, "; win rate %.1f %% [%.0f, %.0f] over %zu questions, a tie being half a win", rate.value * 100,
                rate.low * 100, rate.high * 100, wins->n_questions);
    fputc('\n', f);
    if (wins->other_suite)
        fputs("(the suite's file is not the one of the earlier evaluation)\n", f);
}

static void print_unsure(FILE *f, const struct eval *e)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++)
        n += e->runs[i].done && e->runs[i].score.status == EVAL_UNSURE;
    if (n > 0)
        fprintf(f, "%zu run%s could not be called solved or unsolved: TOOLEVAL counts %s as not passed\n", n,
                n == 1 ? "" : "s", n == 1 ? "it" : "them");
}

void eval_print(FILE *f, const struct eval *e, const struct eval_table *table, const struct eval_wins *wins)
{
    fprintf(f, "suite %s: ", e->suite->id);
    term_line(f, e->suite->description, strlen(e->suite->description), 200);
    fprintf(f, "\n%d seed%s a question", e->seeds, e->seeds == 1 ? "" : "s");
    if (e->answered_by) {
        fputs(", model ", f);
        term_line(f, e->answered_by, strlen(e->answered_by), 60);
    }
    if (e->partial)
        fprintf(f, "\npartial: interrupted after %zu of %zu runs", e->n_done, e->n);
    fputs("\n\n", f);
    print_rates(f, table->rows, table->n);
    print_costs(f, table->rows, table->n);
    fputs("In brackets: 95 % intervals over questions.\n", f);
    print_unsure(f, e);
    print_failed(f, e);
    if (wins)
        print_wins(f, wins);
}

/* --- JSON ------------------------------------------------------------------------------------------------------------- */

static void write_interval(struct jsonw *w, const char *key, const struct interval *i, size_t n)
{
    jsonw_object(w, key);
    jsonw_int(w, "questions", (int64_t)n);
    jsonw_number(w, "value", i->value);
    jsonw_number(w, "low", i->low);
    jsonw_number(w, "high", i->high);
    jsonw_end(w);
}

static void write_row(struct jsonw *w, const struct row *row)
{
    static const char *const rates[] = { "passed", "tooleval" };

    jsonw_object(w, NULL);
    jsonw_text(w, "tag", row->tag);
    jsonw_int(w, "questions", (int64_t)row->n_questions);
    jsonw_int(w, "runs", (int64_t)row->n_runs);
    for (int k = 0; k < N_MEASURES; k++)
        write_interval(w,
                       k < EVAL_N_COLUMNS ? eval_column_names[k]
                       : k < FIRST_COST   ? rates[k - EVAL_N_COLUMNS]
                                          : eval_cost_names[k - FIRST_COST],
                       &row->measures[k].interval, row->measures[k].n);
    jsonw_end(w);
}

static void write_marks(struct jsonw *w, const struct eval_score *s)
{
    jsonw_object(w, "right");
    for (int c = 0; c < EVAL_N_COLUMNS; c++) {
        if (s->marks[c] == EVAL_NOT_ASKED)
            jsonw_null(w, eval_column_names[c]);
        else
            jsonw_bool(w, eval_column_names[c], s->marks[c] == EVAL_RIGHT);
    }
    jsonw_end(w);
    jsonw_object(w, "why");
    if (!s->finished)
        jsonw_text(w, "end", s->why_not);
    for (int c = 0; c < EVAL_N_COLUMNS; c++)
        if (s->marks[c] == EVAL_WRONG)
            jsonw_text(w, eval_column_names[c], s->why[c]);
    jsonw_end(w);
}

static void write_run(struct jsonw *w, const struct eval_run *r)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "question", r->question->id);
    jsonw_int(w, "seed", r->seed);
    jsonw_text(w, "task", r->task);
    if (r->earlier) {
        jsonw_array(w, "earlier");
        for (size_t i = 0; i < json_count(r->question->earlier); i++)
            jsonw_text(w, NULL, r->earlier[i]);
        jsonw_end(w);
    }
    jsonw_bool(w, "deleted", r->deleted);
    jsonw_text(w, "outcome", r->outcome);
    jsonw_text(w, "answer", r->answer);
    jsonw_raw(w, "calls", r->calls, strlen(r->calls));
    jsonw_bool(w, "passed", r->score.passed);
    jsonw_bool(w, "tooleval", r->score.tooleval);
    jsonw_text(w, "status", eval_status_names[r->score.status]);
    if (r->n_votes > 0) {
        jsonw_object(w, "votes");
        for (int i = 0; i < 3; i++)
            jsonw_int(w, eval_status_names[i], r->votes[i]);
        jsonw_end(w);
    } else {
        jsonw_null(w, "votes");
    }
    write_marks(w, &r->score);
    for (int k = 0; k < EVAL_N_COSTS; k++)
        jsonw_number(w, eval_cost_names[k], r->costs[k]);
    jsonw_end(w);
}

static void write_head(struct jsonw *w, const struct eval *e)
{
    const struct eval_options *o = e->options;

    jsonw_int(w, "eval_result", 1);
    jsonw_object(w, "suite");
    jsonw_text(w, "id", e->suite->id);
    jsonw_text(w, "hash", e->suite->hash);
    jsonw_end(w);
    jsonw_text(w, "agent", o->agent ? o->agent : json_get_text(e->suite->task, "agent", NULL));
    jsonw_text(w, "planner", o->planner ? o->planner : json_get_text(e->suite->task, "planner", NULL));
    jsonw_text(w, "model", e->answered_by);
    jsonw_int(w, "seeds", e->seeds);
    jsonw_text(w, "judge", o->judge);
    jsonw_bool(w, "partial", e->partial);
}

static void write_wins(struct jsonw *w, const struct eval_wins *wins)
{
    const struct interval rate = eval_rate(wins->sum, wins->n_questions);

    jsonw_object(w, "against");
    jsonw_int(w, "won", (int64_t)wins->won);
    jsonw_int(w, "tied", (int64_t)wins->tied);
    jsonw_int(w, "lost", (int64_t)wins->lost);
    write_interval(w, "win_rate", &rate, wins->n_questions);
    jsonw_bool(w, "same_suite", !wins->other_suite);
    jsonw_end(w);
}

int eval_write(struct buf *out, const struct eval *e, const struct eval_table *table, const struct eval_wins *wins,
               struct err *err)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    write_head(&w, e);
    jsonw_array(&w, "table");
    for (size_t i = 0; i < table->n; i++)
        write_row(&w, &table->rows[i]);
    jsonw_end(&w);
    if (wins)
        write_wins(&w, wins);
    else
        jsonw_null(&w, "against");
    jsonw_array(&w, "runs");
    for (size_t i = 0; i < e->n; i++)
        if (e->runs[i].done)
            write_run(&w, &e->runs[i]);
    jsonw_end(&w);
    jsonw_end(&w);
    return out->failed ? fail(err, CORAX_E_LIMIT, "the result is too long to be written") : 0;
}
