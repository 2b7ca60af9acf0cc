/*
 * chemistry_mutants-t - mutated SMILES, SMARTS and reactions through the real host: each gets an answer, the host stays alive, and the answers
 * are the same in a second run of the same strings.
 *
 * 6,000 strings; CORAX_MUTANTS=100000 for as many.  Seeds and the generator are fixed, so a failure comes again.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

#define BATCH 200

static struct drive d;
static char seeds[400][256];
static int n_seeds;
static uint64_t state = 88172645463325252u;

static unsigned pick(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % n;
}

static void read_seeds(const char *name, int column)
{
    char path[1024], line[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", getenv("CORAX_SRCDIR"), name);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f) && n_seeds < 400) {
        char *rest = line, *word = NULL;

        for (int i = 0; i <= column; i++)
            word = strsep(&rest, "\t\n");
        if (line[0] != '#' && word && strlen(word) < sizeof seeds[0] / 2)
            strcpy(seeds[n_seeds++], word);
    }
    if (f)
        fclose(f);
}

/* A seed with a few bytes changed, or the beginning of one and the end of another.  No character that JSON escapes but the backslash. */
static void mutate(char out[512])
{
    static const char letters[] = "CNOPSFIBrclnops[]()=#@/\\+-.:%0123456789*~$!&,;HXRDva>{}<?^_|'";
    char text[256];
    size_t n;

    strcpy(text, seeds[pick((unsigned)n_seeds)]);
    if (pick(4) == 0) {
        const char *other = seeds[pick((unsigned)n_seeds)];

        n = pick((unsigned)strlen(text) + 1);
        snprintf(text + n, sizeof text - n, "%s", other + pick((unsigned)strlen(other) + 1));
    }
    for (unsigned i = 1 + pick(4); i > 0; i--) {
        n = strlen(text);
        if (n > 0 && pick(3) == 0) {
            size_t at = pick((unsigned)n);
            memmove(text + at, text + at + 1, n - at);
        } else if (n > 0 && pick(2) == 0) {
            text[pick((unsigned)n)] = letters[pick(sizeof letters - 1)];
        } else if (n < sizeof text - 1) {
            size_t at = pick((unsigned)n + 1);
            memmove(text + at + 1, text + at, n - at + 1);
            text[at] = letters[pick(sizeof letters - 1)];
        }
    }
    n = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            out[n++] = '\\';
        out[n++] = *c;
    }
    out[n] = '\0';
}

static uint64_t hash(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

/* Answers of one list, or of one call; 0: there was none. */
static uint64_t ask(const char *tool, const char *args)
{
    const char *text = drive_call(&d, tool, args, 0);

    if (strncmp(text, "failure: ", 9) == 0 || text[0] == '\0') {
        diag("%s %.300s: %.200s", tool, args, text);
        return 0;
    }
    return hash(14695981039346656037u, text);
}

static uint64_t ask_list(const char *tool)
{
    static char args[BATCH * 520];
    size_t n = (size_t)sprintf(args, "{\"smiles\":[");

    for (int i = 0; i < BATCH; i++) {
        char text[512];

        mutate(text);
        n += (size_t)sprintf(args + n, "%s\"%s\"", i ? "," : "", text);
    }
    strcpy(args + n, "]}");
    return ask(tool, args);
}

/* All answers of so many strings as one number; 0: an answer was missing. */
static uint64_t run(int n)
{
    static const char *const lists[] = { "mol_weight", "canonical_smiles", "descriptors", "inchi" };
    uint64_t sum = 1, one;
    char text[512], args[1200];

    state = 88172645463325252u;
    for (int i = 0; i < n * 8 / 10 / BATCH; i++) {
        if ((one = ask_list(lists[i % 4])) == 0)
            return 0;
        sum = sum * 31 + one;
    }
    for (int i = 0; i < n / 10; i++) {
        mutate(text);
        snprintf(args, sizeof args, "{\"smarts\":\"%s\",\"smiles\":\"CC(=O)Oc1ccccc1C(=O)N[C@@H](C)C(=O)O\"}", text);
        if ((one = ask("smarts_count", args)) == 0)
            return 0;
        sum = sum * 31 + one;
        mutate(text);
        snprintf(args, sizeof args, "{\"smiles\":\"%s>>CCO\"}", text);
        if ((one = ask("depict", args)) == 0)
            return 0;
        sum = sum * 31 + one;
    }
    return sum;
}

int main(void)
{
    const char *wanted = getenv("CORAX_MUTANTS");
    int n = wanted ? atoi(wanted) : 6000;
    uint64_t first;

    plan_later();
    read_seeds("tests/plugins/molecules.smi", 0);
    read_seeds("plugins/chemistry/data/functional_groups.tsv", 1);
    ok(n_seeds > 300, "%d seeds", n_seeds);
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    first = run(n);
    ok(first != 0, "%d strings have an answer each", n);
    ok(first == run(n), "and the same again");
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
