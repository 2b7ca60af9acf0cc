/*
 * chemistry_names-t - name_to_smiles, smiles_to_name, cas_check.
 *
 * The table: each entry's InChIKey, which is Open Babel's, comes out of the plugin's own conversion; and, where Java and OPSIN are installed
 * (libopsin-java), each structure is what OPSIN reads of one of the compound's names.  OPSIN confirms 1,125 of 1,133.  The structures of the
 * other eight, which are "known" in the table, rest on general knowledge: TEMPO, myo-inositol, ethinylestradiol, artemisinin, atropine,
 * lindane, phosphorus pentoxide, Dess-Martin periodinane.
 *
 * The grammar: examples of each production and of what it must refuse; 2,599 names composed by chance against OPSIN's reading
 * (names_systematic.tsv, so that it needs no Java); the 568 names of Debian's chemical-structures-data against the structures there.
 * CORAX_TEST_NAMES=COUNT composes other names and asks OPSIN of them.
 *
 * Stereo: OPSIN's reading of names with descriptors is independent of our ranks; what neither decides is refused.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;

/* A call with one text, which is written as a JSON string. */
static const char *ask(const char *tool, const char *argument, const char *text)
{
    static char args[8192];
    size_t n = (size_t)snprintf(args, sizeof args, "{\"%s\":\"", argument);

    for (; *text && n < sizeof args - 8; text++) {
        if (*text == '"' || *text == '\\')
            args[n++] = '\\';
        args[n++] = *text;
    }
    strcpy(args + n, "\"}");
    return drive_call(&d, tool, args, 0);
}

static const struct {
    const char *name, *want; /* NULL: not found */
} cases[] = {
    /* the table, however it is spelled */
    { "aspirin", "CC(=O)Oc1ccccc1C(=O)O" },
    { "Aspirin", "CC(=O)Oc1ccccc1C(=O)O" },
    { " acetyl salicylic-acid ", "CC(=O)Oc1ccccc1C(=O)O" },
    { "50-78-2", "CC(=O)Oc1ccccc1C(=O)O" },
    { "\xce\xb1-pinene", "CC1=CCC2CC1C2(C)C" },
    { "acetone", "CC(C)=O" },
    { "L-alanine", "C[C@H](N)C(=O)O" },
    { "D-alanine", "C[C@@H](N)C(=O)O" },
    { "sodium chloride", "[Cl-].[Na+]" },
    /* chains */
    { "dotriacontane", "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC" },
    { "2,2-dimethylbutane", "CCC(C)(C)C" },
    { "3-ethyl-2-methylpentane", "CCC(CC)C(C)C" },
    { "4-(propan-2-yl)heptane", "CCCC(CCC)C(C)C" },
    /* double and triple bonds */
    { "hex-1-ene", "C=CCCCC" },
    { "1-hexene", "C=CCCCC" },
    { "hexa-1,3-dien-5-yne", "C#CC=CC=C" },
    { "cyclohexa-1,4-diene", "C1=CCC=CC1" },
    { "hexene", NULL },
    { "butadien", NULL },
    /* rings */
    { "1,1-dimethylcyclobutane", "CC1(C)CCC1" },
    { "bicyclo[3.2.1]octane", "C1CC2CCC(C1)C2" },
    { "bicyclo[3.2.1]nonane", NULL },
    { "spiro[3.3]heptane", "C1CC2(C1)CCC2" },
    { "7-oxabicyclo[4.1.0]heptane", "C1CCC2OC2C1" },
    { "3,6-dioxaoctane-1,8-diol", "OCCOCCOCCO" },
    { "9-methyl-9H-carbazole", "Cn1c2ccccc2c2ccccc21" },
    { "1,2-dihydroquinoline", "C1=Cc2ccccc2NC1" },
    { "quinolin-2(1H)-one", "O=c1ccc2ccccc2[nH]1" },
    { "4H-pyran", "C1=COC=CC1" },
    { "pyran", NULL },
    { "9-methylpurine", NULL },
    { "1,2,3-trihydronaphthalene", NULL },
    /* substituents */
    { "1-bromo-4-chlorobenzene", "Clc1ccc(Br)cc1" },
    { "p-bromotoluene", "Cc1ccc(Br)cc1" },
    { "o-dibromobenzene", "Brc1ccccc1Br" },
    { "2-(4-methoxyphenyl)ethan-1-amine", "COc1ccc(CCN)cc1" },
    { "2-[4-(2-methylpropyl)phenyl]propanoic acid", "CC(C)Cc1ccc(C(C)C(=O)O)cc1" },
    { "pentachlorobenzene", "Clc1cc(Cl)c(Cl)c(Cl)c1Cl" },
    { "1-(trifluoromethyl)-3-nitrobenzene", "O=[N+]([O-])c1cccc(C(F)(F)F)c1" },
    { "tris(4-chlorophenyl)methanol", "OC(c1ccc(Cl)cc1)(c1ccc(Cl)cc1)c1ccc(Cl)cc1" },
    { "dichlorobenzene", NULL },
    { "chlorotoluene", NULL },
    { "2-chlorophenylacetic acid", NULL },
    { "chloromethylbenzene", NULL },
    { "7-chlorohexane", NULL },
    { "2,2,2-trimethylpropane", NULL },
    { "2,3-methylbutane", NULL },
    { "thioacetanilide", NULL },
    /* endings */
    { "butane-1,4-diol", "OCCCCO" },
    { "propane-2-thiol", "CC(C)S" },
    { "pentane-2,4-dione", "CC(=O)CC(C)=O" },
    { "hexanedial", "O=CCCCCC=O" },
    { "3-oxobutanoic acid", "CC(=O)CC(=O)O" },
    { "cyclohexanecarboxylic acid", "O=C(O)C1CCCCC1" },
    { "pyridine-3-carbaldehyde", "O=Cc1cccnc1" },
    { "N-methylbenzamide", "CNC(=O)c1ccccc1" },
    { "N-ethyl-N-methylpropan-2-amine", "CCN(C)C(C)C" },
    { "pent-4-enenitrile", "C=CCCC#N" },
    { "naphthalene-2-sulfonic acid", "O=S(=O)(O)c1ccc2ccccc2c1" },
    { "pentanol", NULL },
    { "pentanone", NULL },
    { "butanone", "CCC(C)=O" },
    { "hexan-7-ol", NULL },
    { "butan-2-al", NULL },
    { "propanetrioic acid", NULL },
    /* retained parents */
    { "4-nitroaniline", "Nc1ccc([N+](=O)[O-])cc1" },
    { "m-cresol", "Cc1cccc(O)c1" },
    { "2,6-dimethoxyphenol", "COc1cccc(OC)c1O" },
    { "4-chlorobenzaldehyde", "O=Cc1ccc(Cl)cc1" },
    { "2-bromopropionic acid", "CC(Br)C(=O)O" },
    { "4-methylacetanilide", NULL },
    { "xylene", NULL },
    { "cresol", NULL },
    /* functional class names */
    { "ethyl methyl ether", "CCOC" },
    { "diphenyl sulfide", "c1ccc(Sc2ccccc2)cc1" },
    { "diethyl ketone", "CCC(=O)CC" },
    { "tert-butyl bromide", "CC(C)(C)Br" },
    { "propanoyl chloride", "CCC(=O)Cl" },
    { "hexanedioyl dichloride", "O=C(Cl)CCCCC(=O)Cl" },
    { "pentyl alcohol", "CCCCCO" },
    { "butyl isocyanate", "CCCCN=C=O" },
    { "butanoic anhydride", "CCCC(=O)OC(=O)CCC" },
    { "acetic propanoic anhydride", "CCC(=O)OC(C)=O" },
    { "ethyl ether ether", NULL },
    { "methyl ether", NULL },
    { "methyl dichloride", NULL },
    /* esters and salts */
    { "propan-2-yl 2-methylpropanoate", "CC(C)OC(=O)C(C)C" },
    { "dimethyl malonate", "COC(=O)CC(=O)OC" },
    { "ethyl methyl succinate", "CCOC(=O)CCC(=O)OC" },
    { "ethyl hydrogen malonate", "CCOC(=O)CC(=O)O" },
    { "2,2,2-trichloroethyl benzoate", "O=C(OCC(Cl)(Cl)Cl)c1ccccc1" },
    { "tributyl borate", "CCCCOB(OCCCC)OCCCC" },
    { "calcium propanoate", "CCC(=O)[O-].CCC(=O)[O-].[Ca+2]" },
    { "disodium hexanedioate", "O=C([O-])CCCCC(=O)[O-].[Na+].[Na+]" },
    { "potassium propan-2-olate", "CC(C)[O-].[K+]" },
    { "magnesium bromide", "[Br-].[Br-].[Mg+2]" },
    { "tetraethylammonium chloride", "CC[N+](CC)(CC)CC.[Cl-]" },
    { "piperidine hydrochloride", "C1CCNCC1.Cl" },
    { "ethyl malonate", NULL },
    { "ethyl methyl 2-methylbutanedioate", NULL },
    { "sodium dichloride", NULL },
    { "tridecyl phosphate", NULL },
    { "dicyclopropylmethyl oxalate", NULL },
    /* amines in the old style */
    { "ethylmethylamine", "CCNC" },
    { "2-phenylethylamine", "NCCc1ccccc1" },
    { "phenylpropylamine", NULL },
    { "chloroethylamine", NULL },
    { "methylaniline", NULL },
    /* stereo */
    { "(E)-but-2-ene", "C/C=C/C" },
    { "cis-hex-3-ene", "CC/C=C\\CC" },
    { "(2Z)-3-chlorobut-2-enoic acid", "C/C(Cl)=C/C(=O)O" },
    { "(2R,3S)-3-bromobutan-2-ol", "C[C@H](Br)[C@@H](C)O" },
    { "(S)-1-phenylethan-1-ol", "C[C@H](O)c1ccccc1" },
    { "(2E,4Z)-hexa-2,4-diene", "C/C=C\\C=C\\C" },
    { "(2R)-propan-2-ol", NULL },
    { "(E)-2-methylbut-2-ene", NULL },
    { "(3E)-but-1-ene", NULL },
    { "(R)-butane-2,3-diol", NULL },
    { "cis-3-methylpent-2-ene", NULL },
    /* what is no name */
    { "CCO", NULL },
    { "foo", NULL },
    { "ethan", NULL },
    { "ethanee", NULL },
    { "2-", NULL },
    { "(((((((((ethyl)))))))))benzene", NULL },
    { "methyl(", NULL },
    { "\xc3\xa9thanol", NULL },
    { "sodium", NULL },
    { "ether of wine", NULL },
};

static void test_cases(void)
{
    char what[160];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = ask("name_to_smiles", "name", cases[i].name);

        snprintf(what, sizeof what, "the structure of \"%s\"", cases[i].name);
        if (cases[i].want)
            is_str(got, cases[i].want, what);
        else
            has_str(got, "error: no structure found for", what);
    }
}

static void test_words(void)
{
    char name[600];

    has_str(ask("name_to_smiles", "name", "asprin"), "Did you mean: aspirin? ", "a slip: the name that is meant");
    has_str(ask("name_to_smiles", "name", "ibuprofin"), "Did you mean: ibuprofen", "another one");
    has_str(ask("name_to_smiles", "name", "xylenol blue"), "Give the systematic (IUPAC) name", "what would help");
    has_str(ask("name_to_smiles", "name", "butanol"), "it leaves open which isomer is meant", "why a name is refused");
    has_str(ask("name_to_smiles", "name", "(2R)-propan-2-ol"), "where no stereo is possible", "a descriptor too many");
    is_str(ask("name_to_smiles", "name", "50-78-3"),
           "error: 50-78-3 is no CAS number: its last digit would have to be 2", "a wrong CAS number");
    is_str(ask("name_to_smiles", "name", "99999-99-2"),
           "error: CAS number 99999-99-2 is of valid form, but not in the table: give the compound's name",
           "an unknown one");
    is_str(ask("name_to_smiles", "name", " "), "error: name is empty: give the name of a compound", "no name");
    memset(name, 'a', sizeof name);
    name[599] = '\0';
    is_str(ask("name_to_smiles", "name", name), "error: the name has 599 bytes, at most 500 are allowed", "a long one");
    ask("name_to_smiles", "name", "aspirin");
    has_str(d.line, "BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "the InChIKey is in the JSON");
    has_str(d.line, "50-78-2", "the CAS number, too");

    is_str(ask("smiles_to_name", "smiles", "OC(=O)c1ccccc1OC(C)=O"), "aspirin", "a name of a SMILES");
    is_str(ask("smiles_to_name", "smiles", "[Na+].[O-]C(=O)c1ccccc1OC(C)=O"), "no name in the table",
           "its salt is another compound");
    has_str(d.line, "not_found", "and has a status");
    is_str(ask("smiles_to_name", "smiles", "C[C@H](N)C(O)=O"), "L-alanine", "stereo counts");
    is_str(ask("smiles_to_name", "smiles", "C[C@@H](N)C(O)=O"), "D-alanine", "either way");
    is_str(ask("smiles_to_name", "smiles", "CC(N)C(O)=O"), "no name in the table", "and without");
    has_str(ask("smiles_to_name", "smiles", "C1CC"), "error: invalid SMILES", "an invalid SMILES");

    is_str(ask("cas_check", "cas", "64-17-5"), "64-17-5: valid, ethanol, CCO", "a CAS number in the table");
    is_str(ask("cas_check", "cas", "7732-18-5"), "7732-18-5: valid, water, O", "another one");
    is_str(ask("cas_check", "cas", " 0000064-17-5 "), "64-17-5: valid, ethanol, CCO", "with zeros in front");
    is_str(ask("cas_check", "cas", "64-17-6"), "64-17-6: invalid, its last digit would have to be 5", "a wrong digit");
    is_str(ask("cas_check", "cas", "99999-99-2"), "99999-99-2: valid form, not in the table", "an unknown one");
    has_str(ask("cas_check", "cas", "64-175"), "is not of the form of a CAS number", "a wrong form");
    has_str(ask("cas_check", "cas", "aspirin"), "is not of the form of a CAS number", "a name");
    has_str(ask("cas_check", "cas", "12345678-17-5"), "is not of the form of a CAS number", "too many digits");
}

static const char *source(const char *name)
{
    static char path[1024];

    snprintf(path, sizeof path, "%s/%s", getenv("CORAX_SRCDIR"), name);
    return path;
}

/* Each entry has its own name, its InChIKey, and a valid CAS number. */
static void test_table(void)
{
    FILE *f = fopen(source("plugins/chemistry/data/names.tsv"), "r");
    char line[2048], want[64], text[2048];
    int n = 0, n_wrong = 0;

    while (f && fgets(line, sizeof line, f)) {
        char *rest = line, *name, *smiles, *cas, *key, *synonyms, *synonym;

        if (line[0] == '#')
            continue;
        name = strsep(&rest, "\t");
        synonyms = strsep(&rest, "\t");
        smiles = strsep(&rest, "\t");
        cas = strsep(&rest, "\t");
        key = strsep(&rest, "\t");
        n++;
        if (strcmp(ask("smiles_to_name", "smiles", smiles), name) != 0 || !strstr(d.line, key)) {
            diag("%s: %s is named %s", name, smiles, ask("smiles_to_name", "smiles", smiles));
            n_wrong++;
        }
        snprintf(text, sizeof text, "%s", ask("name_to_smiles", "name", name));
        if (!strstr(d.line, key) || strcmp(ask("inchikey", "smiles", text), key) != 0) {
            diag("%s: its SMILES is %s", name, text);
            n_wrong++;
        }
        while ((synonym = strsep(&synonyms, ";")) != NULL && *synonym)
            if (strcmp(ask("name_to_smiles", "name", synonym), text) != 0) {
                diag("%s is not %s", synonym, name);
                n_wrong++;
            }
        snprintf(want, sizeof want, "%s: valid, %s, ", cas, name);
        if (cas[0] && strncmp(ask("cas_check", "cas", cas), want, strlen(want)) != 0) {
            diag("%s: %s", name, ask("cas_check", "cas", cas));
            n_wrong++;
        }
    }
    ok(n >= 1000 && n_wrong == 0, "%d compounds of the table: %d with another name, InChIKey or CAS number", n,
       n_wrong);
    if (f)
        fclose(f);
}

/* Lines with a name and an InChIKey.  wrong_there: names for which the list has another structure than they say. */
static void compare(FILE *f, const char *what, int least, int percent, const char *const *wrong_there)
{
    char line[1024], smiles[2048];
    int n = 0, n_found = 0, n_wrong = 0, n_excused = 0;
    int64_t names_ms = 0, start;

    while (f && fgets(line, sizeof line, f)) {
        char *key = line, *name = strsep(&key, "\t");
        const char *const *excuse = wrong_there;

        if (line[0] == '#' || key == NULL)
            continue;
        key[strcspn(key, "\n")] = '\0';
        n++;
        start = clock_mono_ms();
        snprintf(smiles, sizeof smiles, "%s", ask("name_to_smiles", "name", name));
        names_ms += clock_mono_ms() - start;
        if (strncmp(smiles, "error: no structure found", 25) == 0)
            continue;
        n_found++;
        if (strcmp(ask("inchikey", "smiles", smiles), key) == 0)
            continue;
        while (*excuse && strcmp(*excuse, name) != 0)
            excuse++;
        if (*excuse) {
            n_excused++;
            continue;
        }
        n_wrong++;
        diag("%s: %s, which is not %s", name, smiles, key);
    }
    diag("%s: %.1f %% found, %.2f ms a name", what, 100.0 * n_found / (n ? n : 1), (double)names_ms / (n ? n : 1));
    ok(n >= least && n_wrong == 0 && n_found * 100 >= n * percent && names_ms < 5 * n,
       "%s: of %d names %d found, %d wrong (%d more in the list)", what, n, n_found, n_wrong, n_excused);
}

/*
 * Names whose stored structure is another: nitro groups are drawn with five bonds or lack their charges, the bromine is at 3, the
 * descriptors are not those of the drawing (OPSIN reads what we read); or the drawing states stereo that the name has no word for (bridgeheads,
 * double bonds in a ring).
 */
static const char *const wrong_in_debian[] = {
    "Nitromethane",
    "Nitroethane",
    "Nitrobenzene",
    "2-Chloro-4-nitroaniline",
    "2-Bromophenol",
    "(3R)-3-Ethyl-2,5-dimethylhexane",
    "(1R,4S)-1,7,7-Trimethylnorbornan-2-one",
    "Cycloocta-1,3-diene",
    "Cycloocta-1,3,5-triene",
    "Cycloocta-1,3,5,7-tetraene",
    "Porphyrin",
    "Cubane",
    "Bicyclo[2.2.1]heptane",
    NULL,
};
static const char *const none[] = { NULL };

static bool has(const char *command)
{
    return system(command) == 0;
}

static void test_lists(void)
{
    char command[2048];
    FILE *f = fopen(source("tests/plugins/names_systematic.tsv"), "r");

    compare(f, "systematic names", 2000, 95, none);
    if (f)
        fclose(f);
    if (has("test -d /usr/share/chemical-structures && /usr/bin/python3 -c 'import openbabel' 2>/dev/null")) {
        snprintf(command, sizeof command, "/usr/bin/python3 %s structures", source("tests/plugins/names_oracle.py"));
        f = popen(command, "r");
        compare(f, "Debian's chemical-structures-data", 560, 60, wrong_in_debian);
        pclose(f);
    } else {
        ok(true, "Debian's names # SKIP chemical-structures-data or python3-openbabel is not installed");
    }
    if (!has("test -e /usr/share/java/opsin.jar && command -v java >/dev/null && /usr/bin/python3 -c 'import "
             "openbabel' 2>/dev/null")) {
        ok(true, "the table against OPSIN # SKIP libopsin-java, Java or python3-openbabel is not installed");
        return;
    }
    snprintf(
        command, sizeof command,
        "out=$(/usr/bin/python3 %s/tests/plugins/names_oracle.py table %s/plugins/chemistry/data/names.tsv); rc=$?; "
        "echo \"$out\" | sed 's/^/# /'; exit $rc",
        getenv("CORAX_SRCDIR"), getenv("CORAX_SRCDIR"));
    ok(has(command), "the table against OPSIN");
    if (getenv("CORAX_TEST_NAMES")) {
        snprintf(command, sizeof command, "/usr/bin/python3 %s systematic %d", source("tests/plugins/names_oracle.py"),
                 atoi(getenv("CORAX_TEST_NAMES")));
        f = popen(command, "r");
        compare(f, "more systematic names", 1, 95, none);
        pclose(f);
    }
}

int main(void)
{
    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(ask("formula", "smiles", "C"), "built without RDKit")) {
        is_str(ask("name_to_smiles", "name", "ethanol"), "error: unavailable: corax was built without RDKit",
               "without RDKit it says so");
    } else if (strstr(ask("inchikey", "smiles", "C"), "built without libinchi")) {
        test_cases();
    } else {
        test_cases();
        test_words();
        test_table();
        test_lists();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
