/*
 * chemistry_safety-t - what is controlled: each entry of the lists, alone and in a mixture; each family inside and outside,
 * and each form, by tests/plugins/controlled.tsv; the first 1,000 molecules of RDKit's NCI file.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;

static const char *ask(const char *tool, const char *smiles)
{
    static char args[8192];
    size_t n = (size_t)sprintf(args, "{\"smiles\":\"");

    for (; *smiles && n < sizeof args - 8; smiles++) {
        if (*smiles == '\\')
            args[n++] = '\\';
        args[n++] = *smiles;
    }
    strcpy(args + n, "\"}");
    return drive_call(&d, tool, args, 0);
}

/* The JSON of the last answer. */
static bool json_has(const char *what)
{
    return strstr(d.line, what) != NULL;
}

static bool starts_with(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

static FILE *open_source(const char *name)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", getenv("CORAX_SRCDIR"), name);
    return fopen(path, "r");
}

/* The next row that is none of comments, its fields ended with NUL; false at the end. */
static bool next_row(FILE *f, char *line, size_t size, char *field[6])
{
    while (f && fgets(line, (int)size, f)) {
        char *rest = line;

        if (*line == '#' || *line == '\n' || strncmp(line, "@columns", 8) == 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < 6; i++)
            field[i] = rest ? strsep(&rest, "\t") : NULL;
        return true;
    }
    return false;
}

static const char *title_of(const char *list)
{
    static const char *const titles[][2] = {
        { "cwc-1", "CWC Schedule 1" }, { "cwc-2", "CWC Schedule 2" },
        { "cwc-3", "CWC Schedule 3" }, { "australia-group", "Australia Group precursors" },
        { "dea-1", "DEA List I" },     { "dea-2", "DEA List II" },
    };

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i][0], list) == 0)
            return titles[i][1];
    return "no such list";
}

static bool says(const char *list, const char *entry, const char *smiles)
{
    char want[128];

    snprintf(want, sizeof want, "%s, entry %s: ", title_of(list), entry);
    return strstr(ask("controlled_check", smiles), want) != NULL;
}

/* --- the cases --------------------------------------------------------------------------------------------------- */

static bool case_holds(char *const field[6])
{
    if (*field[0] == '+')
        return says(field[1], field[2], field[3]) && json_has("\"findings\":[\"controlled\"") &&
               !json_has("\"atoms\":[]");
    if (*field[0] == '-')
        return !says(field[1], field[2], field[3]) && json_has("\"findings\":[");
    return !strstr(ask("controlled_check", field[3]), "error:") && !json_has("controlled\"") &&
           json_has("\"findings\":[");
}

static void test_cases(void)
{
    FILE *f = open_source("tests/plugins/controlled.tsv");
    char line[2048], *field[6];
    int n = 0, wrong = 0;

    while (next_row(f, line, sizeof line, field)) {
        n++;
        if (!case_holds(field)) {
            wrong++;
            diag("%s %s %s %s (%s): %s", field[0], field[1], field[2], field[3], field[4], d.line);
        }
    }
    ok(n >= 240 && wrong == 0, "%d molecules inside and outside of the lists: %d wrong", n, wrong);
    if (f)
        fclose(f);
}

/* The same molecules, written in other ways. */
static void test_random_forms(void)
{
    char command[2048], line[4096], *field[6];
    int n = 0, wrong = 0;
    FILE *f;

    if (system("/usr/bin/python3 -c 'import rdkit' 2>/dev/null") != 0) {
        ok(true, "other SMILES of the same molecules # SKIP python3-rdkit is not installed");
        return;
    }
    snprintf(command, sizeof command,
             "/usr/bin/python3 %s/tests/plugins/random_smiles.py <%s/tests/plugins/controlled.tsv",
             getenv("CORAX_SRCDIR"), getenv("CORAX_SRCDIR"));
    f = popen(command, "r");
    while (next_row(f, line, sizeof line, field)) {
        n++;
        if (!case_holds(field)) {
            wrong++;
            diag("%s %s %s %s (%s): %s", field[0], field[1], field[2], field[3], field[4], d.line);
        }
    }
    ok(n >= 750 && wrong == 0, "%d other SMILES of the same molecules: %d wrong", n, wrong);
    if (f)
        pclose(f);
}

/* --- every entry ------------------------------------------------------------------------------------------------- */

static int count_cases(const char *list, const char *entry, char sign)
{
    FILE *f = open_source("tests/plugins/controlled.tsv");
    char line[2048], *field[6];
    int n = 0;

    while (next_row(f, line, sizeof line, field))
        n += *field[0] == sign && strcmp(field[1], list) == 0 && strcmp(field[2], entry) == 0;
    if (f)
        fclose(f);
    return n;
}

/* Replaces the first `from` that stands alone. */
static bool replaced(const char *smiles, const char *from, const char *to, char *out)
{
    const char *at = smiles;

    while ((at = strstr(at, from)) != NULL) {
        const char *open = at;

        while (open > smiles && *open != '[' && *open != ']')
            open--;
        if (*from == '[' || (*open != '[' && (from[1] || !strchr("luardso", at[1]) || at[1] == '\0'))) {
            sprintf(out, "%.*s%s%s", (int)(at - smiles), smiles, to, at + strlen(from));
            return true;
        }
        at++;
    }
    return false;
}

static int neighbours; /* that were no molecules */

/* A molecule near an entry's, which is not that one: a carbon more, another halogen or another cation. */
static bool neighbour_is_not(const char *tool, const char *name, const char *smiles)
{
    char text[1024], want[256];

    if (!replaced(smiles, "[K+]", "[Rb+]", text) && !replaced(smiles, "[Na+]", "[Rb+]", text) &&
        !replaced(smiles, "[NH4+]", "[Rb+]", text) && !replaced(smiles, "C", "CC", text) &&
        !replaced(smiles, "Cl", "Br", text))
        snprintf(text, sizeof text, "C%s", smiles);
    snprintf(want, sizeof want, ": %s", name);
    ask(tool, text);
    neighbours += json_has("\"isError\":true");
    return !json_has(want);
}

static bool entry_holds(const char *list, char *const field[6])
{
    char text[1024];

    if (strcmp(field[1], "none") == 0)
        return true;
    if (strcmp(field[1], "except") == 0)
        return !says(list, field[0], field[3]);
    if (strcmp(field[1], "family") == 0)
        return count_cases(list, field[0], '+') > 0 && count_cases(list, field[0], '-') > 0;
    snprintf(text, sizeof text, "CC(C)O.%s.[Ca+2]", field[3]);
    return says(list, field[0], field[3]) && says(list, field[0], text) &&
           neighbour_is_not("controlled_check", field[2], field[3]);
}

static void test_entries(const char *name)
{
    char path[128], line[2048], list[32] = "", *field[6];
    int n = 0, wrong = 0;
    FILE *f;

    neighbours = 0;
    snprintf(path, sizeof path, "plugins/chemistry/data/%s.tsv", name);
    f = open_source(path);
    while (next_row(f, line, sizeof line, field)) {
        if (strcmp(field[0], "@list") == 0) {
            snprintf(list, sizeof list, "%s", field[1]);
            continue;
        }
        n++;
        if (!entry_holds(list, field)) {
            wrong++;
            diag("%s %s %s", list, field[0], field[2]);
        }
    }
    ok(n > 40 && wrong == 0 && neighbours < n / 10,
       "%s: %d entries found, alone and in a mixture, their neighbours not (%d were no molecules); families have "
       "cases: "
       "%d wrong",
       name, n, neighbours, wrong);
    if (f)
        fclose(f);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void test_answers(void)
{
    is_str(ask("controlled_check", "CP(=O)(F)OC1CCCCC1"),
           "CWC Schedule 1, entry 1.A.1: O-alkyl alkylphosphonofluoridate (sarin family)", "a family");
    ok(json_has("\"atoms\":[2,3,4,5]"), "with its atoms");
    ok(json_has("\"findings\":[\"controlled\",\"cwc-1\"]"), "and its words");
    is_str(ask("controlled_check", "[Cl-].C[NH+](CCCl)CC[37Cl]"),
           "CWC Schedule 1, entry 1.A.6: HN2 (drawn as one of several pieces, with isotopes, charged)",
           "how it was drawn");
    ok(json_has("\"atoms\":[2,3,4,5,6,7,8,9]"), "atoms are those of the SMILES");
    is_str(ask("controlled_check", "CC(C)=O"), "DEA List II, entry 6532: acetone", "an everyday solvent");
    ok(json_has("\"findings\":[\"dea-2\"]"), "is reported and not refused");
    is_str(ask("controlled_check", "OCCSCCO"),
           "CWC Schedule 2, entry 2.B.13: thiodiglycol; Australia Group precursors, entry 1: thiodiglycol",
           "two lists");
    ok(json_has("\"findings\":[\"controlled\",\"cwc-2\",\"australia-group\"]"), "two words");
    is_str(ask("controlled_check", "C"),
           "not listed in CWC Schedule 1 (2020-06-07), CWC Schedule 2 (1997-04-29), CWC Schedule 3 (1997-04-29), "
           "Australia Group precursors (2020), DEA List I (2023-11-30), DEA List II (2023-11-30); other lists were not "
           "looked through",
           "methane: where it is not, and no word of safety");
    ok(json_has("\"findings\":[]"), "no finding");
    is_str(ask("controlled_check", "C(C)(C)(C)(C)C"), "error: invalid SMILES: atom 1 (C) has too many bonds",
           "five bonds are an error");
    is_str(ask("controlled_check", "c1cccc1"), "error: invalid SMILES: cannot kekulize atom 1 (C)",
           "so is an impossible ring");
    is_str(ask("controlled_check", "OC1=C(I)C=C(I)o=C1I"),
           "error: invalid SMILES: an atom of an aromatic ring has too many bonds", "a ring that RDKit lets pass");
    is_str(ask("controlled_check", "sarin"), "error: invalid SMILES: syntax error", "so is a name");
    is_str(ask("controlled_check", "107-44-8"), "error: invalid SMILES: syntax error", "so is a CAS number");
    is_str(ask("controlled_check", "*P(=O)(F)OC(C)C"), "error: atom 1 (*) may be anything: give the whole molecule",
           "so is a wildcard");
    drive_call(&d, "controlled_check", "{\"smiles\":[\"C\",\"CP(=O)(F)OC(C)C\",\"c1cccc1\",\"C*\"]}", 0);
    ok(json_has("\"findings\":[],\"entries\":[],\"smiles\":\"C\"") &&
           json_has("\"findings\":[\"controlled\",\"cwc-1\"]") &&
           json_has("{\"status\":\"error\",\"message\":\"invalid SMILES: cannot kekulize atom 1 "
                    "(C)\",\"smiles\":\"c1cccc1\"}") &&
           json_has("{\"status\":\"error\",\"message\":\"atom 2 (*) may be anything: give the whole molecule\","
                    "\"smiles\":\"C*\"}"),
       "a list has words for each, and an error for each that is no molecule");
}

/* --- explosives -------------------------------------------------------------------------------------------------- */

static bool explosive_case_holds(char *const field[6])
{
    const char *text = ask("explosive_check", field[3]);
    char want[64];
    bool good;

    good = (*field[0] == '+') == starts_with(text, "explosive") && !starts_with(text, "error:") &&
           json_has(*field[0] == '+' ? "\"findings\":[\"explosive\"]" : "\"findings\":[]");
    snprintf(want, sizeof want, " %s", field[1]);
    good = good && (strcmp(field[1], "-") == 0 || strstr(text, want) != NULL);
    snprintf(want, sizeof want, "oxygen balance %s %%", field[2]);
    return good && (strcmp(field[2], "-") == 0 || strstr(text, want) != NULL);
}

static void test_explosives(void)
{
    FILE *f = open_source("tests/plugins/explosives.tsv");
    char line[2048], *field[6];
    int n = 0, wrong = 0;

    while (next_row(f, line, sizeof line, field)) {
        n++;
        if (!explosive_case_holds(field)) {
            wrong++;
            diag("%s %s: %s", field[0], field[4], ask("explosive_check", field[3]));
        }
    }
    ok(n >= 95 && wrong == 0, "%d molecules that are explosives or not: %d wrong", n, wrong);
    if (f)
        fclose(f);
}

/* Each known one is found as itself. */
static void test_known_explosives(void)
{
    FILE *f = open_source("plugins/chemistry/data/explosives.tsv");
    char line[2048], want[256], *field[6];
    int n = 0, wrong = 0;

    while (next_row(f, line, sizeof line, field)) {
        if (strcmp(field[0], "@list") == 0)
            continue;
        n++;
        snprintf(want, sizeof want, "%s%s%s", field[2], strcmp(field[0], "-") ? " " : "",
                 strcmp(field[0], "-") ? field[0] : "");
        if (!starts_with(ask("explosive_check", field[3]), "explosive: ") || !strstr(d.line, want) ||
            !neighbour_is_not("explosive_check", field[2], field[3])) {
            wrong++;
            diag("%s: %s, wanted %s", field[2], d.line, want);
        }
    }
    ok(n > 70 && wrong == 0, "%d known explosives: %d wrong", n, wrong);
    if (f)
        fclose(f);
}

/* Each group of the table is named by a case. */
static void test_explosive_groups(void)
{
    FILE *f = open_source("plugins/chemistry/data/explosive_groups.tsv"), *cases;
    char line[2048], row[2048], *field[6], *of_case[6];
    int n = 0, without = 0;

    while (next_row(f, line, sizeof line, field)) {
        bool found = false;

        cases = open_source("tests/plugins/explosives.tsv");
        while (next_row(cases, row, sizeof row, of_case))
            found = found || strcmp(of_case[1], field[0]) == 0;
        if (cases)
            fclose(cases);
        n++;
        without += !found;
    }
    ok(n >= 20 && without == 0, "%d patterns of groups: %d without a case", n, without);
    if (f)
        fclose(f);
}

static void test_explosive_answers(void)
{
    is_str(ask("explosive_check", "Cc1c(cc(cc1[N+](=O)[O-])[N+](=O)[O-])[N+](=O)[O-]"),
           "explosive: TNT UN0209; groups: 3 nitro on an aromatic ring; oxygen balance -74.0 %", "TNT");
    is_str(ask("explosive_check", "OCCN=[N+]=[N-]"),
           "explosive by the rule: 1 energetic group and 2 carbons; groups: 1 azide; oxygen balance -101.1 %",
           "by the rule");
    ok(json_has("\"atoms\":[3,4,5,6]"), "with the group's atoms");
    is_str(ask("explosive_check", "O=[N+]([O-])c1ccccc1"),
           "alert, but no finding by the rule: 1 nitro on an aromatic ring; oxygen balance -162.5 %", "an alert");
    is_str(ask("explosive_check", "CC(=O)Oc1ccccc1C(=O)O"),
           "no known explosive and none of the groups looked for; oxygen balance -159.9 %", "no word of safety");
    is_str(ask("explosive_check", "C1CC"), "error: invalid SMILES: unclosed ring", "an invalid SMILES is an error");
    is_str(ask("explosive_check", "CO*"), "error: atom 3 (*) may be anything: give the whole molecule",
           "so is a wildcard");
    drive_call(&d, "explosive_check", "{\"smiles\":[\"C1CC\",\"CN=[N+]=[N-]\"]}", 0);
    ok(json_has("{\"status\":\"error\",") && json_has("\"findings\":[\"explosive\"]"), "a list");
}

/* --- GHS --------------------------------------------------------------------------------------------------------- */

/* Each row is found, with each of its codes and their texts. */
static void test_ghs_table(void)
{
    FILE *f = open_source("plugins/chemistry/data/ghs_substances.tsv");
    char line[2048], want[256], *field[6], *code;
    int n = 0, wrong = 0;

    while (next_row(f, line, sizeof line, field)) {
        const char *text = ask("safety_summary", field[2]);
        bool good;

        snprintf(want, sizeof want, "%s, CAS %s; ", field[0], field[1]);
        good = starts_with(text, want) && strstr(text, field[4]) && json_has("\"status\":\"ok\"");
        while ((code = strsep(&field[3], " ")) != NULL) {
            snprintf(want, sizeof want, "{\"code\":\"%s\",\"text\":\"", code);
            good = good && json_has(want);
        }
        n++;
        wrong += !good;
        if (!good)
            diag("%s: %s", field[0], d.line);
    }
    ok(n >= 150 && wrong == 0, "%d compounds with their hazard statements: %d wrong", n, wrong);
    if (f)
        fclose(f);
}

static void test_ghs(void)
{
    test_ghs_table();
    is_str(ask("safety_summary", "CC(C)=O"),
           "acetone, CAS 67-64-1; Danger, GHS02 flame, GHS07 exclamation mark; H225 Highly flammable liquid and "
           "vapour. H319 "
           "Causes serious eye irritation. H336 May cause drowsiness or dizziness. EUH066 Repeated exposure may cause "
           "skin "
           "dryness or cracking. Source: CLP Annex VI, Table 3 (a minimum).",
           "acetone");
    ask("safety_summary", "CC(=O)O");
    ok(json_has("\"pictograms\":[\"GHS02\",\"GHS05\"]") && json_has("\"signal_word\":\"Danger\""), "acetic acid");
    ask("safety_summary", "Oc1ccccc1");
    ok(json_has("\"pictograms\":[\"GHS05\",\"GHS06\",\"GHS08\"]"), "the skull leaves out the exclamation mark: phenol");
    ask("safety_summary", "Nc1ccccc1");
    ok(json_has("\"pictograms\":[\"GHS05\",\"GHS06\",\"GHS08\",\"GHS09\"]"), "aniline");
    ask("safety_summary", "[Na+].[OH-]");
    ok(json_has("\"pictograms\":[\"GHS05\"]"), "sodium hydroxide");
    ask("safety_summary", "O=C1OC(=O)c2ccccc12");
    ok(json_has("\"pictograms\":[\"GHS05\",\"GHS07\",\"GHS08\"]"), "harmful if swallowed keeps it: phthalic anhydride");
    ask("safety_summary", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C");
    ok(json_has("\"signal_word\":\"Warning\""), "caffeine: Warning");
    ask("safety_summary", "[Ag+].[O-][N+](=O)[O-]");
    ok(json_has("\"pictograms\":[\"GHS03\",\"GHS05\",\"GHS09\"]"), "silver nitrate");
    ask("safety_summary", "CC(C)(C#N)N=NC(C)(C)C#N");
    ok(json_has("\"signal_word\":\"Danger or Warning (the category decides)\""),
       "AIBN: the signal word does not follow");
    ask("safety_summary", "CC(=O)Oc1ccccc1C(=O)O");
    ok(json_has("\"status\":\"unknown\"") && json_has("unknown: not among the") && !json_has("\"hazards\""),
       "what is not in the table is unknown");
    ask("safety_summary", "OC(=O)/C=C\\C(=O)O");
    ok(json_has("\"status\":\"unknown\""), "maleic acid is not fumaric acid");
    ask("safety_summary", "CC(=O)[O-].[Na+]");
    ok(json_has("\"status\":\"unknown\""), "a salt is not its acid");
    is_str(ask("safety_summary", "C1CC"), "error: invalid SMILES: unclosed ring", "an invalid SMILES is an error");
}

/* --- molecules at large ------------------------------------------------------------------------------------------ */

#define NCI "/usr/share/RDKit/Data/NCI/first_5K.smi"

/* What of them is controlled, looked up by hand. */
static const char *const nci_controlled[][2] = {
    { "NC1=C(C=CC=C1)C(O)=O", "DEA List I, entry 8530: anthranilic acid" },
    { "COC(=O)C(O)(C1=CC=CC=C1)C2=CC=CC=C2", "Australia Group precursors, entry 25: methyl benzilate" },
    { "CN(CCCl)CCCl", "CWC Schedule 1, entry 1.A.6: HN2" },
    { "CC(=O)C(C)(C)C", "Australia Group precursors, entry 39: pinacolone" },
    { "C[CH](O)C(C)(C)C", "CWC Schedule 2, entry 2.B.14: pinacolyl alcohol; Australia Group precursors, entry 28: "
                          "pinacolyl alcohol" },
};

static const char *const nci_explosive[] = {
    "[O-][N+](=O)C1=CC(=C(SSC2=C(C=C(C=C2)[N+]([O-])=O)[N+]([O-])=O)C=C1)[N+]([O-])=O", /* four nitro groups */
    "CC1=C(C=C(C(=C1[N+]([O-])=O)Br)[N+]([O-])=O)[N+]([O-])=O",                         /* 3-bromotrinitrotoluene */
    "CC(=O)OOC(C)=O",                                                                   /* diacetyl peroxide */
    "CC1=CN2N=NN=C2C(=C1)[N+]([O-])=O",                                                 /* nitrotetrazolopyridine */
};

static bool is_nci_explosive(const char *smiles)
{
    for (size_t i = 0; i < sizeof nci_explosive / sizeof *nci_explosive; i++)
        if (strcmp(smiles, nci_explosive[i]) == 0)
            return true;
    return false;
}

static bool is_nci_controlled(const char *smiles, const char *text)
{
    for (size_t i = 0; i < sizeof nci_controlled / sizeof *nci_controlled; i++)
        if (strcmp(smiles, nci_controlled[i][0]) == 0)
            return strcmp(text, nci_controlled[i][1]) == 0;
    return false;
}

static void test_nci(void)
{
    FILE *f = fopen(NCI, "r");
    char line[1024], first[16384];
    int n = 0, invalid = 0, controlled = 0, right = 0, everyday = 0, explosive = 0, changed = 0;
    int64_t start = clock_mono_ms(), slowest = 0;

    if (f == NULL) {
        ok(true, "the first 1,000 molecules of NCI # SKIP " NCI " is not there");
        return;
    }
    while (n < 1000 && fgets(line, sizeof line, f)) {
        int64_t before = clock_mono_ms();
        const char *text;

        line[strcspn(line, " \t\n")] = '\0';
        text = ask("controlled_check", line);
        slowest = clock_mono_ms() - before > slowest ? clock_mono_ms() - before : slowest;
        n++;
        invalid += starts_with(text, "error: ");
        everyday += json_has("\"findings\":[\"dea-2\"]");
        if (json_has("\"findings\":[\"controlled\"")) {
            controlled++;
            right += is_nci_controlled(line, text);
            diag("%s: %s", line, text);
        }
        snprintf(first, sizeof first, "%s", text);
        if (starts_with(ask("explosive_check", line), "explosive")) {
            explosive++;
            right += is_nci_explosive(line);
        }
        if (n % 10 == 0)
            changed += strcmp(first, ask("controlled_check", line)) != 0;
    }
    fclose(f);
    diag("%d molecules in %lld ms, the slowest in %lld ms", n, (long long)(clock_mono_ms() - start),
         (long long)slowest);
    ok(n == 1000 && controlled == 5 && explosive == 4 && right == 9 && invalid == 0,
       "the first %d molecules of NCI: %d controlled, %d on DEA List II alone, %d explosive, %d no molecules", n,
       controlled, everyday, explosive, invalid);
    is_int(changed, 0, "asked again they get the same answer");
}

/* The largest and oddest that may be given. */
static void test_limits(void)
{
    char smiles[1001];
    int64_t start = clock_mono_ms();

    for (int i = 0; i < 100; i++)
        memcpy(smiles + 3 * i, i < 99 ? "CN." : "CN", 4);
    ok(strstr(ask("controlled_check", smiles), "methylamine") != NULL, "a hundred pieces");
    memset(smiles, 'C', 300);
    smiles[300] = '\0';
    ok(starts_with(ask("controlled_check", smiles), "not listed"), "three hundred atoms");
    for (int i = 0; i < 75; i++)
        memcpy(smiles + 4 * i, "P(C)", 5);
    ok(strstr(ask("controlled_check", smiles), "entry 2.B.4") != NULL, "75 phosphorus atoms with a methyl group each");
    ok(clock_mono_ms() - start < 5000, "limits: %lld ms", (long long)(clock_mono_ms() - start));
}

static void test_speed(void)
{
    int64_t start = clock_mono_ms();

    for (int i = 0; i < 100; i++)
        ask("controlled_check", "CN1CCC(CC1)(C(=O)OCC)c1ccccc1");
    diag("100 calls: %lld ms", (long long)(clock_mono_ms() - start));
    ok(clock_mono_ms() - start < 5000, "a warm call takes a few ms at most");
}

int main(void)
{
    int64_t start = clock_mono_ms();

    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(ask("controlled_check", "C"), "built without RDKit")) {
        is_str(ask("controlled_check", "C"), "error: unavailable: corax was built without RDKit",
               "without RDKit it says so");
        has_str(drive_call(&d, "controlled_check", "{\"smiles\":[\"C\",\"CC\"]}", 0),
                "C: error: unavailable: corax was built without RDKit", "of a list, too");
    } else {
        diag("start and first call: %lld ms", (long long)(clock_mono_ms() - start));
        test_cases();
        test_random_forms();
        test_entries("cwc");
        test_entries("australia_group");
        test_entries("dea");
        test_answers();
        test_explosives();
        test_known_explosives();
        test_explosive_groups();
        test_explosive_answers();
        test_ghs();
        test_nci();
        test_limits();
        test_speed();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
