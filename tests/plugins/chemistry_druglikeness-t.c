/*
 * chemistry_druglikeness-t - QED, synthetic accessibility, Lipinski, alerts, BOILED-Egg: drugs with what the publications and their
 * programs say of them, and 230 molecules against python3-rdkit and its SA_Score.  rank_similarity, too.
 *
 * The comparison shares RDKit with the plugin.  QED's functions and the score of synthetic accessibility are our own code there, so for
 * them it covers the arithmetic.
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

#define ASPIRIN   "CC(=O)Oc1ccccc1C(=O)O"
#define CAFFEINE  "Cn1cnc2c1c(=O)n(C)c(=O)n2C"
#define GLUCOSE   "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O"
#define AMIKACIN  "NCCC(O)C(=O)NC1CC(N)C(OC2OC(CN)C(O)C(O)C2O)C(O)C1OC1OC(CO)C(O)C(N)C1O"
#define DIAZEPAM  "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21"
#define ATENOLOL  "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1"
#define LONG_ACID "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCO"

static const struct {
    const char *tool, *smiles, *want; /* want: part of the text */
} cases[] = {
    { "qed", ASPIRIN,
      "QED 0.550 (mass 180.16, logP 1.31, HBA 4, HBD 1, TPSA 63.60, rotatable bonds 2, aromatic rings 1, alerts 2)" },
    { "qed", DIAZEPAM, "QED 0.792 " },
    /* the examples of RDKit's QED, values of the authors' own program */
    { "qed", "N=C(CCSCc1csc(N=C(N)N)n1)NS(N)(=O)=O", "QED 0.253 " },
    { "qed", "CNC(=NCCSCc1nc[nH]c1C)NC#N", "QED 0.235 " },
    { "qed", "CCCCCNC(=N)NN=Cc1c[nH]c2ccc(CO)cc12", "QED 0.235 " },
    { "synthetic_accessibility", ASPIRIN, "synthetic accessibility 1.58 (1 easy, 10 hard)" },
    { "synthetic_accessibility", "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
      "synthetic accessibility 5.27 " },
    { "lipinski", ASPIRIN, "no violation (mass 180.16, logP 1.31, donors 1, acceptors 4)" },
    { "lipinski", LONG_ACID, "2 violations: mass 579.10 is above 500, logP 14.82 is above 5 (mass " },
    { "lipinski", AMIKACIN,
      "3 violations: mass 585.61 is above 500, donors 17 is above 5, acceptors 18 is above 10 (" },
    { "alerts", "c1ccccc1N=Nc1ccccc1", "PAINS_A azo_A(324) (atoms 7 8), Brenk diazo_group (atoms 7 8)" },
    { "alerts", "O=C1C=CC(=O)C=C1", "PAINS_A quinone_A(370) (atoms 1 2 3 4 5 6 7 8), Brenk chinone_1 (atoms " },
    { "alerts", CAFFEINE, "no alert (PAINS A to C, Brenk)" },
    /* drugs that reach the brain, and that do not; sugars and aminoglycosides are not absorbed passively */
    { "boiled_egg", DIAZEPAM, "GI absorption high, BBB permeation yes (WLOGP 3.15, TPSA 32.67)" },
    { "boiled_egg", "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
      "GI absorption high, BBB permeation yes (" },
    { "boiled_egg", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "GI absorption high, BBB permeation yes (" },
    { "boiled_egg", ATENOLOL, "GI absorption high, BBB permeation no (" },
    { "boiled_egg", CAFFEINE, "GI absorption high, BBB permeation no (WLOGP -1.03, TPSA 61.82)" },
    { "boiled_egg", GLUCOSE, "GI absorption low, BBB permeation no (" },
    { "boiled_egg", AMIKACIN, "GI absorption low, BBB permeation no (" },
    { "boiled_egg", LONG_ACID, "GI absorption low, BBB permeation no (" },
    { "boiled_egg", "CS(C)=O", "TPSA 36.28)" },
    { "qed", "C1CC", "error: invalid SMILES: unclosed ring" },
    { "alerts", "", "error: invalid SMILES: it is empty" },
};

static bool unavailable(const char *text)
{
    return strncmp(text, "error: unavailable: ", 20) == 0;
}

static void test_cases(void)
{
    char name[256];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = ask(cases[i].tool, cases[i].smiles);

        snprintf(name, sizeof name, "%s of %s", cases[i].tool, cases[i].smiles);
        if (unavailable(got))
            ok(true, "%s # SKIP its parameters were missing at build time", name);
        else
            has_str(got, cases[i].want, name);
    }
}

static void test_ranking(void)
{
    is_str(drive_call(&d, "rank_similarity",
                      "{\"query\":\"" ASPIRIN "\",\"smiles\":[\"CCO\",\"OC(=O)c1ccccc1O\",\"C1\",\"" ASPIRIN
                      "\",\"c1ccccc1\"],\"top\":3}",
                      0),
           "1.000 " ASPIRIN "\n0.448 OC(=O)c1ccccc1O\n0.125 c1ccccc1\n1 of the list was left out: no molecule",
           "the three most similar");
    is_str(drive_call(&d, "rank_similarity", "{\"query\":\"CCO\",\"smiles\":[\"OCC\",\"CCO\",\"C(O)C\"]}", 0),
           "1.000 OCC\n1.000 CCO\n1.000 C(O)C", "equal ones stay in order");
    is_str(drive_call(&d, "rank_similarity", "{\"query\":\"C1\",\"smiles\":[\"CCO\"]}", 0),
           "error: query: invalid SMILES: unclosed ring", "a query that is none");
    is_str(drive_call(&d, "rank_similarity", "{\"query\":\"C\",\"smiles\":[\"C1\",\"C)\"]}", 0),
           "error: none of the list is a molecule: invalid SMILES: unclosed ring", "a list of none");
}

/* What the oracle says of the second, third ... tool is the whole text, or its beginning or end. */
static bool agrees(int tool, const char *got, const char *want)
{
    size_t n = strlen(want), m = strlen(got);

    if (unavailable(got))
        return true;
    switch (tool) {
    case 0:
        return strncmp(got, want, n) == 0;
    case 2:
        return strncmp(got, "no violation", 12) == 0 ? strcmp(want, "0") == 0 : strncmp(got, want, n) == 0;
    case 4:
        return m >= n && strcmp(got + m - n, want) == 0;
    default:
        return strcmp(got, want) == 0;
    }
}

static void test_oracle(void)
{
    static const char *const tools[] = { "qed", "synthetic_accessibility", "lipinski", "alerts", "boiled_egg" };
    char command[2100], smiles[512], line[8192], list[1024];
    int n = 0, n_wrong = 0;
    FILE *in, *oracle;

    if (system("/usr/bin/python3 -c 'import rdkit' 2>/dev/null") != 0) {
        ok(true, "against python3-rdkit # SKIP it is not installed");
        return;
    }
    snprintf(list, sizeof list, "%s/tests/plugins/molecules.smi", getenv("CORAX_SRCDIR"));
    snprintf(command, sizeof command, "/usr/bin/python3 %s/tests/plugins/druglikeness_oracle.py <%s",
             getenv("CORAX_SRCDIR"), list);
    in = fopen(list, "r");
    oracle = popen(command, "r");
    while (in && oracle && fgets(smiles, sizeof smiles, in) && fgets(line, sizeof line, oracle)) {
        char *rest = line, escaped[1024];
        size_t len = 0;

        smiles[strcspn(smiles, "\n")] = '\0';
        line[strcspn(line, "\n")] = '\0';
        for (const char *c = smiles; *c; c++) {
            if (*c == '\\')
                escaped[len++] = '\\';
            escaped[len++] = *c;
        }
        escaped[len] = '\0';
        for (int i = 0; i < 5; i++) {
            const char *want = strsep(&rest, "\t"), *got = ask(tools[i], escaped);

            if (!agrees(i, got, want)) {
                n_wrong++;
                diag("%s of %s: got %s, want %s", tools[i], smiles, got, want);
            }
        }
        n++;
    }
    ok(n >= 200 && n_wrong == 0, "%d molecules, five tools each, as python3-rdkit: %d differ", n, n_wrong);
    fclose(in);
    pclose(oracle);
}

int main(void)
{
    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(ask("lipinski", "C"), "built without RDKit")) {
        is_str(ask("qed", "C"), "error: unavailable: corax was built without RDKit", "without RDKit it says so");
    } else {
        test_cases();
        test_ranking();
        test_oracle();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
