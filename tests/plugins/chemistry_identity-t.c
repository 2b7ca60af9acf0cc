/*
 * chemistry_identity-t - whether two SMILES are one molecule, InChI and InChIKey: keys that databases print, and 400 molecules (100 of them with stereo centres and double
 * bonds) against Open Babel.
 *
 * Open Babel calls the same libinchi, so that comparison covers what is handed to it, not libinchi.  What checks both are the keys.
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

static const struct {
    const char *what, *smiles, *key;
} keys[] = {
    { "water", "O", "XLYOFNOQVPJJNP-UHFFFAOYSA-N" },
    { "heavy water", "[2H]O[2H]", "XLYOFNOQVPJJNP-ZSJDYOACSA-N" },
    { "ethanol", "CCO", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N" },
    { "benzene", "c1ccccc1", "UHOVQNZJYSORNB-UHFFFAOYSA-N" },
    { "benzene, Kekule's", "C1=CC=CC=C1", "UHOVQNZJYSORNB-UHFFFAOYSA-N" },
    { "aspirin", "CC(=O)Oc1ccccc1C(=O)O", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N" },
    { "caffeine", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "RYYVLZVUVIJVGH-UHFFFAOYSA-N" },
    { "paracetamol", "CC(=O)Nc1ccc(O)cc1", "RZVAJINKPMORJF-UHFFFAOYSA-N" },
    { "ibuprofen", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "HEFNNWSXXWATRW-UHFFFAOYSA-N" },
    { "L-alanine", "N[C@@H](C)C(=O)O", "QNAYBMKLOCPYGJ-REOHCLBHSA-N" },
    { "L-alanine, its hydrogen written", "C[C@]([H])(N)C(=O)O", "QNAYBMKLOCPYGJ-REOHCLBHSA-N" },
    { "L-tryptophan", "c1ccc2c(c1)c(c[nH]2)C[C@@H](C(=O)O)N", "QIVBCDIJIAJPQS-VIFPVBQESA-N" },
    { "nicotine", "CN1CCC[C@H]1c1cccnc1", "SNICXCGAKADSCV-JTQLQIEISA-N" },
    { "beta-D-glucose", "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O", "WQZGKKKJIJFFOK-VFUOTHLCSA-N" },
    { "cholesterol", "C[C@H](CCCC(C)C)[C@H]1CC[C@@H]2[C@@]1(CC[C@H]3[C@H]2CC=C4[C@@]3(CC[C@@H](C4)O)C)C",
      "HVYWMOMLDIMFJA-DPAQBDIFSA-N" },
    { "morphine", "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5", "BQJCRHHNABKAKU-KBQPJGBKSA-N" },
    { "penicillin G", "CC1([C@@H](N2[C@H](S1)[C@@H](C2=O)NC(=O)Cc3ccccc3)C(=O)O)C", "JGSARLDLIJGVTE-MBNYWOFBSA-N" },
    { "fumaric acid", "OC(=O)/C=C/C(=O)O", "VZCYOOQTPOCHFL-OWOJBTEDSA-N" },
    { "maleic acid", "OC(=O)/C=C\\\\C(=O)O", "VZCYOOQTPOCHFL-UPHRSURJSA-N" },
    { "table salt", "[Na+].[Cl-]", "FAPWRFPIFSIZLT-UHFFFAOYSA-M" },
    { "perchloric acid", "OCl(=O)(=O)=O", "VLTRZXGMWDSKGL-UHFFFAOYSA-N" },
    { "nitrobenzene, five bonds at nitrogen", "c1ccccc1N(=O)=O", "LQNUZADURLCDLV-UHFFFAOYSA-N" },
    { "nitrobenzene, charges", "c1ccccc1[N+](=O)[O-]", "LQNUZADURLCDLV-UHFFFAOYSA-N" },
    { "oxygen as a diradical", "[O][O]", "MYMOFIZGZYHOMD-UHFFFAOYSA-N" },
};

static void test_keys(void)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        is_str(ask("inchikey", keys[i].smiles), keys[i].key, keys[i].what);
    is_str(ask("inchi", "CC(=O)Oc1ccccc1C(=O)O"),
           "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)", "InChI of aspirin");
    is_str(ask("inchi", "C1CC"), "error: invalid SMILES: unclosed ring", "InChI of nothing");
    is_str(ask("inchi", "*C"), "error: atom 1 (*) is of no element", "InChI of a part");
    is_str(ask("inchi", "C$C"), "error: the bond between atoms 1 and 2 is of no whole order",
           "InChI of a quadruple bond");
    is_str(drive_call(&d, "inchikey", "{\"smiles\":[\"O\",\"*\"]}", 0),
           "O: XLYOFNOQVPJJNP-UHFFFAOYSA-N\n*: error: atom 1 (*) is of no element", "a list");
}

static const struct {
    const char *a, *b, *want;
} pairs[] = {
    { "CCO", "OCC", "same" },
    { "c1ccccc1", "C1=CC=CC=C1", "same" },
    { "C[N+](=O)[O-]", "CN(=O)=O", "same" },
    { "[H]OC", "CO", "same" },
    { "CCO", "COC", "different: isomers, both C2H6O" },
    { "CCO", "CCC", "different: C2H6O and C3H8" },
    { "C1=CC=CC=C1", "C1=CCC=CC1", "different: C6H6 and C6H8" },
    { "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "same but for stereo: they are enantiomers; both are CC(N)C(=O)O" },
    { "C[C@H](N)C(=O)O", "CC(N)C(=O)O", "same but for stereo: b leaves open what a states; both are CC(N)C(=O)O" },
    { "CC(N)C(=O)O", "C[C@H](N)C(=O)O", "same but for stereo: a leaves open what b states; both are CC(N)C(=O)O" },
    { "C/C=C/C", "C/C=C\\\\C", "same but for stereo: they are diastereomers; both are CC=CC" },
    { "O=C(O)[C@H](O)[C@@H](O)C(=O)O", "O=C(O)[C@@H](O)[C@H](O)C(=O)O",
      "same but for stereo: they are enantiomers; both are O=C(O)C(O)C(O)C(=O)O" },
    { "O=C(O)[C@H](O)[C@@H](O)C(=O)O", "O=C(O)[C@@H](O)[C@@H](O)C(=O)O",
      "same but for stereo: they are diastereomers; both are O=C(O)C(O)C(O)C(=O)O" },
    { "CCO", "CC[18OH]", "same but for isotopes; both are CCO" },
    { "[2H]C", "C", "same but for isotopes; both are C" },
    { "NCC(=O)O", "[NH3+]CC(=O)[O-]", "same but for charge or salt form; both are NCC(=O)O" },
    { "CC(=O)[O-].[Na+]", "CC(=O)O", "same but for charge or salt form; both are CC(=O)O" },
    { "CC(=O)O[Na]", "CC(=O)O", "same but for charge or salt form; both are CC(=O)O" },
    { "CC(=O)[O-].[Na+]", "CC(=O)[O-].[K+]", "same but for charge or salt form; both are CC(=O)O" },
    { "[Na+].[Cl-]", "[K+].[Cl-]", "different: ClNa and ClK" },
    { "[Fe+2]", "[Fe+3]", "different: Fe+2 and Fe+3" },
    { "[CH3]", "C", "different: CH3 and CH4" },
    { "CC(C)=O", "CC(O)=C", "same but for tautomer; both are CC(C)=O" },
    { "Oc1ccccn1", "O=c1cccc[nH]1", "same but for tautomer; both are O=c1cccc[nH]1" },
    { "Nc1nc2[nH]cnc2c(=O)[nH]1", "Nc1nc(O)c2nc[nH]c2n1", "same but for tautomer; both are Nc1nc(=O)c2[nH]cnc2[nH]1" },
    { "OC1OC(CO)C(O)C(O)C1O", "OCC(O)C(O)C(O)C(O)C=O", "different: isomers, both C6H12O6" },
    { "C[C@H](N)C(=O)O", "C[C@@H]([NH3+])C(=O)O.[Cl-]",
      "same but for stereo and charge or salt form; both are CC(N)C(=O)O" },
    { "[2H]C[C@H](N)C(=O)O", "C[C@@H]([NH3+])C(=O)O.[Cl-]",
      "same but for stereo, isotopes and charge or salt form; both are CC(N)C(=O)O" },
    { "C(C", "C", "error: a: invalid SMILES: extra open parentheses" },
    { "C", "C(C", "error: b: invalid SMILES: extra open parentheses" },
};

static void test_pairs(void)
{
    char args[2000], name[300];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        snprintf(args, sizeof args, "{\"a\":\"%s\",\"b\":\"%s\"}", pairs[i].a, pairs[i].b);
        snprintf(name, sizeof name, "%s and %s", pairs[i].a, pairs[i].b);
        is_str(drive_call(&d, "same_molecule", args, 0), pairs[i].want, name);
    }
}

static void test_oracle(void)
{
    static const char list[] = "%s/tests/plugins/openbabel_oracle.py %s/tests/plugins/molecules.smi";
    char command[2100], line[8192], args[2100];
    int n = 0, n_stereo = 0, n_wrong = 0;
    FILE *oracle;

    if (system("/usr/bin/python3 -c 'import rdkit, openbabel' 2>/dev/null") != 0) {
        ok(true, "against Open Babel # SKIP python3-openbabel or python3-rdkit is not installed");
        return;
    }
    snprintf(command, sizeof command, "/usr/bin/python3 ");
    snprintf(command + strlen(command), sizeof command - strlen(command), list, getenv("CORAX_SRCDIR"),
             getenv("CORAX_SRCDIR"));
    oracle = popen(command, "r");
    while (oracle && fgets(line, sizeof line, oracle)) {
        char *inchi = line, *smiles = strsep(&inchi, "\t");
        size_t len = 0;

        inchi[strcspn(inchi, "\n")] = '\0';
        len += (size_t)sprintf(args, "{\"smiles\":\"");
        for (const char *c = smiles; *c && len < sizeof args - 8; c++) {
            if (*c == '\\')
                args[len++] = '\\';
            args[len++] = *c;
        }
        strcpy(args + len, "\"}");
        n++;
        n_stereo += strpbrk(smiles, "@/") != NULL;
        if (strcmp(drive_call(&d, "inchi", args, 0), inchi) != 0) {
            n_wrong++;
            diag("%s: want %s", smiles, inchi);
        }
    }
    ok(n >= 300 && n_stereo >= 100 && n_wrong == 0, "%d molecules, %d with stereo, as Open Babel: %d differ", n,
       n_stereo, n_wrong);
    pclose(oracle);
}

int main(void)
{
    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strncmp(ask("inchikey", "C"), "error: unavailable: ", 20) == 0) {
        has_str(ask("inchikey", "C"), "corax was built without ", "without RDKit or libinchi it says so");
    } else {
        test_pairs();
        test_keys();
        test_oracle();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
