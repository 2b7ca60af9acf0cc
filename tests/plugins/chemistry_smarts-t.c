/*
 * chemistry_smarts-t - smarts_count: how often and where, stereo marks, limits, and what is no SMARTS.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;

static const char *ask(const char *smarts, const char *smiles)
{
    static char args[8192];

    snprintf(args, sizeof args, "{\"smarts\":\"%s\",\"smiles\":\"%s\"}", smarts, smiles);
    return drive_call(&d, "smarts_count", args, 0);
}

static const struct {
    const char *smarts, *smiles, *want;
} cases[] = {
    { "c1ccccc1", "c1ccccc1Cc1ccccc1", "2 matches\natoms 1 2 3 4 5 6\natoms 8 9 10 11 12 13" },
    { "[CX3](=O)[OX2H1]", "CC(=O)O", "1 match\natoms 2 3 4" },
    { "[CX3](=O)[OX2H1]", "CC(=O)OC", "0 matches" },
    { "[#6]", "C", "1 match\natoms 1" },
    { "[$(C=O)]", "CC(C)=O", "1 match\natoms 2" },
    { "C(=O)O", "OC(=O)C(=O)O", "2 matches\natoms 2 3 1\natoms 4 5 6" },
    { "N[C@@H](C)C(=O)O", "N[C@@H](C)C(=O)O", "1 match\natoms 1 2 3 4 5 6" },
    { "N[C@H](C)C(=O)O", "N[C@@H](C)C(=O)O", "0 matches" },
    { "C/C=C/C", "C/C=C\\\\C", "0 matches" },
    { "C/C=C/C", "C/C=C/C", "1 match\natoms 1 2 3 4" },
    { " [OH] ", "CCO", "1 match\natoms 3" },
    { "C.O", "CO", "1 match\natoms 1 2" },
    { "[!#1]", "CCCCCCCCCCCCCCCCCCCCCC",
      "22 matches\natoms 1\natoms 2\natoms 3\natoms 4\natoms 5\natoms 6\natoms 7\natoms 8\natoms 9\natoms 10\natoms "
      "11\n"
      "atoms 12\natoms 13\natoms 14\natoms 15\natoms 16\natoms 17\natoms 18\natoms 19\natoms 20\nand 2 more" },
    { "[#6", "C", "error: invalid SMARTS: syntax error" },
    { "C1CC", "C", "error: invalid SMARTS: syntax error" },
    { "", "C", "error: invalid SMARTS: it is empty" },
    { "C C", "C", "error: invalid SMARTS: it contains a space" },
    { "C", "C1", "error: invalid SMILES: unclosed ring" },
};

static void test_limits(void)
{
    char chain[1200];

    memset(chain, 'C', sizeof chain);
    chain[1100] = '\0';
    is_str(ask(chain, "C"), "error: the SMARTS has 1100 characters, at most 1000 are allowed", "a long SMARTS");
    chain[101] = '\0';
    is_str(ask(chain, "C"), "error: the SMARTS has 101 atoms, at most 100 are allowed", "a large SMARTS");
    chain[60] = '\0';
    has_str(ask("*.*", chain), "more than 1000 matches\n", "no more than 1,000 are listed");
}

int main(void)
{
    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(ask("C", "C"), "built without RDKit")) {
        is_str(ask("C", "C"), "error: unavailable: corax was built without RDKit", "without RDKit it says so");
    } else {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            is_str(ask(cases[i].smarts, cases[i].smiles), cases[i].want, cases[i].smarts);
        test_limits();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
