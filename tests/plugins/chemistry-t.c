/*
 * chemistry-t - the five tools: constants that any table has, every kind of invalid SMILES, the limits, and 230 molecules
 * against python3-rdkit.
 *
 * The comparison shares RDKit with the plugin, so it covers arguments, units, rounding and sentences; what checks the
 * chemistry are the constants.  Without RDKit at build time, only that every tool says so.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;

static const char *ask(const char *tool, const char *smiles)
{
    static char args[8192];

    snprintf(args, sizeof args, "{\"smiles\":\"%s\"}", smiles);
    return drive_call(&d, tool, args, 0);
}

#define ASPIRIN "CC(=O)Oc1ccccc1C(=O)O"

static const struct {
    const char *tool, *smiles, *want;
} cases[] = {
    { "mol_weight", ASPIRIN, "average 180.159 g/mol, monoisotopic 180.04226 Da" },
    { "mol_weight", "O", "average 18.015 g/mol, monoisotopic 18.01056 Da" },
    { "mol_weight", "Brc1ccccc1", "average 157.010 g/mol, monoisotopic 155.95746 Da" },
    { "mol_weight", "ClC(Cl)(Cl)Cl", "average 153.823 g/mol, monoisotopic 151.87541 Da" },
    { "mol_weight", " CCO\\n", "average 46.069 g/mol, monoisotopic 46.04186 Da" },
    { "mol_weight", "[V]", "average 50.942 g/mol, monoisotopic 50.94396 Da" },
    { "formula", ASPIRIN, "C9H8O4" },
    { "formula", "CC(=O)[O-]", "C2H3O2-" },
    { "formula", "[Na+].[Cl-]", "ClNa" },
    { "canonical_smiles", "OC(=O)c1ccccc1OC(C)=O", ASPIRIN },
    { "canonical_smiles", "C1=CC=CC=C1", "c1ccccc1" },
    { "descriptors", ASPIRIN, "logP 1.31, TPSA 63.60, HBD 1, HBA 3, rotatable bonds 2, rings 1" },
    /* errors */
    { "mol_weight", "C1CC", "error: invalid SMILES: unclosed ring" },
    { "mol_weight", "C(C)(C)(C)(C)C", "error: invalid SMILES: atom 1 (C) has too many bonds" },
    { "mol_weight", "CC(C)(C)(C)C", "error: invalid SMILES: atom 2 (C) has too many bonds" },
    { "formula", "C[N](C)(C)(C)C", "error: invalid SMILES: atom 2 (N) has too many bonds" },
    { "formula", "CC(", "error: invalid SMILES: syntax error" },
    { "formula", "CC(C", "error: invalid SMILES: extra open parentheses" },
    { "formula", "CC)", "error: invalid SMILES: extra close parentheses" },
    { "formula", "aspirin", "error: invalid SMILES: syntax error" },
    { "formula", "C[Q]", "error: invalid SMILES: syntax error" },
    { "formula", "\xc3\xa9", "error: invalid SMILES: syntax error" },
    { "formula", "C\\u0007", "error: invalid SMILES: syntax error" },
    { "canonical_smiles", "c1cccc1", "error: invalid SMILES: cannot kekulize atom 1 (C)" },
    { "canonical_smiles", "ccC", "error: invalid SMILES: cannot kekulize atom 1 (C)" },
    { "formula", "CC~C", "error: invalid SMILES: the bond between atoms 2 and 3 is of no kind" },
    { "canonical_smiles", "C11", "error: invalid SMILES: duplicated ring closure 1 bonds atom 0 to itself" },
    { "descriptors", "", "error: invalid SMILES: it is empty" },
    { "descriptors", " ", "error: invalid SMILES: it is empty" },
    { "descriptors", "CCO ethanol", "error: invalid SMILES: it contains a space; give one molecule" },
};

static void test_cases(void)
{
    char name[128];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(name, sizeof name, "%s of %s", cases[i].tool, cases[i].smiles);
        is_str(ask(cases[i].tool, cases[i].smiles), cases[i].want, name);
    }
    is_str(drive_call(&d, "similarity", "{\"a\":\"" ASPIRIN "\",\"b\":\"OC(=O)c1ccccc1O\"}", 0),
           "Tanimoto 0.448 (Morgan radius 2, 2048 bits)", "similarity");
    is_str(drive_call(&d, "similarity", "{\"a\":\"CCO\",\"b\":\"OCC\"}", 0),
           "Tanimoto 1.000 (Morgan radius 2, 2048 bits)", "similarity of one molecule to itself");
    is_str(drive_call(&d, "similarity", "{\"a\":\"CCO\",\"b\":\"C1\"}", 0), "error: b: invalid SMILES: unclosed ring",
           "similarity says which of the two is wrong");
    is_str(drive_call(&d, "similarity", "{\"a\":\"CCO\"}", 0), "error: b: is missing; give a string",
           "similarity needs two");
}

static void test_lists(void)
{
    char args[20000] = "{\"smiles\":[", text[20000];
    size_t n = strlen(args), m = 0;

    is_str(drive_call(&d, "formula", "{\"smiles\":[\"CCO\",\"C1\",\"[Na+]\",\"C(C)(C)(C)(C)C\"]}", 0),
           "CCO: C2H6O\nC1: error: invalid SMILES: unclosed ring\n[Na+]: Na+\n"
           "C(C)(C)(C)(C)C: error: invalid SMILES: atom 1 (C) has too many bonds",
           "a list: a line for each, errors too");
    for (int i = 0; i < 500; i++) {
        n += (size_t)sprintf(args + n, "%s\"%.*s\"", i ? "," : "", 1 + i % 9, "CCCCCCCCC");
        m += (size_t)sprintf(text + m, "%s%.*s: %.*s", i ? "\n" : "", 1 + i % 9, "CCCCCCCCC", 1 + i % 9, "CCCCCCCCC");
    }
    strcpy(args + n, "]}");
    is_str(drive_call(&d, "canonical_smiles", args, 0), text, "two threads keep the order");
}

static void test_limits(void)
{
    char smiles[1300];
    int64_t start = clock_mono_ms();

    memset(smiles, 'C', sizeof smiles);
    smiles[1200] = '\0';
    is_str(ask("formula", smiles), "error: the SMILES has 1200 characters, at most 1000 are allowed", "a long SMILES");
    smiles[1000] = '\0';
    is_str(ask("formula", smiles), "error: the molecule has 1000 heavy atoms, at most 300 are allowed",
           "a large molecule");
    smiles[300] = '\0';
    is_str(ask("formula", smiles), "C300H602", "the largest molecule");
    has_str(ask("canonical_smiles", smiles), "CCCCCC", "its canonical form");
    diag("limits: %lld ms", (long long)(clock_mono_ms() - start));
}

static void compare(const char *tool, const char *smiles, const char *want, int *n_wrong)
{
    char escaped[1024], args[2100];
    const char *got;
    size_t n = 0;

    for (; *smiles; smiles++) {
        if (*smiles == '\\')
            escaped[n++] = '\\';
        escaped[n++] = *smiles;
    }
    escaped[n] = '\0';
    snprintf(args, sizeof args,
             strcmp(tool, "similarity") == 0 ? "{\"a\":\"%s\",\"b\":\"" ASPIRIN "\"}" : "{\"smiles\":\"%s\"}", escaped);
    got = drive_call(&d, tool, args, 0);
    if (strcmp(got, want) != 0) {
        ++*n_wrong;
        diag("%s %s: got %s, want %s", tool, args, got, want);
    }
}

static void test_oracle(void)
{
    static const char *const tools[] = { "mol_weight", "formula", "canonical_smiles", "descriptors", "similarity" };
    char command[2048], smiles[512], line[4096], list[1024];
    int n = 0, n_wrong = 0;
    FILE *in, *oracle;

    if (system("/usr/bin/python3 -c 'import rdkit' 2>/dev/null") != 0) {
        ok(true, "against python3-rdkit # SKIP it is not installed");
        return;
    }
    snprintf(list, sizeof list, "%s/tests/plugins/molecules.smi", getenv("CORAX_SRCDIR"));
    snprintf(command, sizeof command, "/usr/bin/python3 %s/tests/plugins/rdkit_oracle.py <%s", getenv("CORAX_SRCDIR"),
             list);
    in = fopen(list, "r");
    oracle = popen(command, "r");
    while (in && oracle && fgets(smiles, sizeof smiles, in) && fgets(line, sizeof line, oracle)) {
        char *rest = line;

        smiles[strcspn(smiles, "\n")] = '\0';
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
            compare(tools[i], smiles, strsep(&rest, "\t"), &n_wrong);
        n++;
    }
    ok(n >= 200 && n_wrong == 0, "%d molecules, five tools each, as python3-rdkit: %d differ", n, n_wrong);
    fclose(in);
    pclose(oracle);
}

int main(void)
{
    int64_t start = clock_mono_ms();

    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(ask("formula", "C"), "built without RDKit")) {
        is_str(ask("formula", "C"), "error: unavailable: corax was built without RDKit", "without RDKit it says so");
    } else {
        diag("start and first call: %lld ms", (long long)(clock_mono_ms() - start));
        test_cases();
        test_lists();
        test_limits();
        test_oracle();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
