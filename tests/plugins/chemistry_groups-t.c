/*
 * chemistry_groups-t - functional_groups: each group of data/functional_groups.tsv with the molecules named there that have it and
 * that do not, whole answers of known molecules, and molecules without any group.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;

static const char *ask(const char *smiles)
{
    static char args[4096];

    snprintf(args, sizeof args, "{\"smiles\":\"%s\"}", smiles);
    return drive_call(&d, "functional_groups", args, 0);
}

/* "ether (2), ester (1 3 2)" has ether, and no "phenol ether". */
static bool lists(const char *text, const char *group)
{
    char head[100], later[100];

    snprintf(head, sizeof head, "%s (", group);
    snprintf(later, sizeof later, ", %s (", group);
    return strncmp(text, head, strlen(head)) == 0 || strstr(text, later) != NULL;
}

/* How many of the molecules are not as they should be. */
static int wrong(const char *group, char *molecules, bool has, int *n)
{
    int n_wrong = 0;

    for (char *smiles; (smiles = strsep(&molecules, " ")) != NULL; ++*n) {
        const char *text = ask(smiles);

        if (strncmp(text, "error", 5) == 0 || lists(text, group) != has) {
            diag("%s: %s", smiles, text);
            n_wrong++;
        }
    }
    return n_wrong;
}

static void test_table(void)
{
    char path[1024], line[4096];
    FILE *f;
    int n_groups = 0;

    snprintf(path, sizeof path, "%s/plugins/chemistry/data/functional_groups.tsv", getenv("CORAX_SRCDIR"));
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *rest = line, *group, *with, *without;
        int n_with = 0, n_without = 0, n_wrong;

        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        group = strsep(&rest, "\t");
        strsep(&rest, "\t");
        with = strsep(&rest, "\t");
        without = strsep(&rest, "\t");
        n_wrong = with && without ? wrong(group, with, true, &n_with) + wrong(group, without, false, &n_without) : 1;
        ok(n_with > 0 && n_without > 0 && n_wrong == 0, "%s: %d with, %d without", group, n_with, n_without);
        n_groups++;
    }
    ok(n_groups >= 60, "%d groups", n_groups);
    if (f)
        fclose(f);
}

static const struct {
    const char *what, *smiles, *want;
} cases[] = {
    { "aspirin", "CC(=O)Oc1ccccc1C(=O)O", "carboxylic acid (11 12 13), ester (2 3 4)" },
    { "paracetamol", "CC(=O)Nc1ccc(O)cc1", "secondary amide (2 3 4), phenol (9)" },
    { "morphine", "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
      "tertiary amine (2), phenol (11), secondary alcohol (16), ether (13), alkene (17 18)" },
    { "glucose", "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
      "hemiacetal (6 5 4), primary alcohol (1), secondary alcohol (8; 10; 12)" },
    { "penicillin G", "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
      "carboxylic acid (21 22 23), lactam (17 18 19), secondary amide (8 9 7), sulfide (4)" },
    { "TNT", "Cc1c([N+](=O)[O-])cc([N+](=O)[O-])cc1[N+](=O)[O-]", "nitro (4 5 6; 9 10 11; 14 15 16)" },
    { "acetic anhydride", "CC(=O)OC(C)=O", "acid anhydride (2 3 4 5 7)" },
    { "epichlorohydrin", "ClCC1CO1", "epoxide (3 5 4), alkyl chloride (1)" },
    { "invalid", "c1cccc1", "error: invalid SMILES: cannot kekulize atom 1 (C)" },
};

int main(void)
{
    static const char *const bare[] = { "C", "CC", "c1ccccc1", "O", "[Na+].[Cl-]", "CC(C)CC", "C1CCCCC1", "[Xe]" };

    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(ask("C"), "built without RDKit")) {
        is_str(ask("C"), "error: unavailable: corax was built without RDKit", "without RDKit it says so");
    } else {
        test_table();
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            is_str(ask(cases[i].smiles), cases[i].want, cases[i].what);
        for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
            has_str(ask(bare[i]), "none of the 1", bare[i]);
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
