/*
 * chemistry_lists-t - purchasable and patent over lists that plugins/chemistry/make-molecules made, a list by hand, and damaged
 * ones; what price, web_search and literature_search answer where there is no service.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;
static char folder[] = "/tmp/corax-lists-XXXXXX";

static const char *ask(const char *tool, const char *smiles)
{
    static char args[8192];

    snprintf(args, sizeof args, "{\"smiles\":\"%s\"}", smiles);
    return drive_call(&d, tool, args, 0);
}

static bool json_has(const char *what)
{
    return strstr(d.line, what) != NULL;
}

static void start(void)
{
    static char root[128];

    snprintf(root, sizeof root, "lists=%s", folder);
    ok(drive_start_with(&d, (const char *const[]){ "--root", root, NULL }, drive_module("", "chemistry")),
       "the plugin starts");
}

static void end(void)
{
    is_int(drive_end(&d), 0, "the plugin ends well");
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

static void remove_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

/* Both runs of the program: true when each made its file. */
static bool make_lists(void)
{
    static const char *const options[][2] = { { "--kind purchasable --name Shop", "shop.molecules" },
                                              { "--kind patent --name Filings --bloom 1e-6", "filings.molecules" } };
    char command[2048];

    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "printf 'CCO ethanol\\nCC(=O)Oc1ccccc1C(=O)O\\nC[C@H](N)C(=O)O\\nnonsense\\n\\n"
                 "OKKJLVBELUTLKV-UHFFFAOYSA-N\\n' | python3 %s/plugins/chemistry/make-molecules %s --date 2024-05-01 "
                 "--host %s/corax-host --plugin %s %s/%s",
                 getenv("CORAX_SRCDIR"), options[i][0], getenv("CORAX_BUILDDIR"), drive_module("", "chemistry"), folder,
                 options[i][1]);
        if (system(command) != 0)
            return false;
    }
    return true;
}

static void test_none(void)
{
    start();
    is_str(ask("purchasable", "CCO"),
           "error: unavailable: no list of kind purchasable (*.molecules) in the folders that roots names",
           "without a list it is unavailable");
    is_str(ask("patent", "CCO"),
           "error: unavailable: no list of kind patent (*.molecules) in the folders that roots names", "patents, too");
    end();
}

static void test_made(void)
{
    char args[4096];
    int n = 0;

    if (!make_lists()) {
        ok(false, "make-molecules");
        return;
    }
    start();
    is_str(ask("purchasable", "OCC"), "in Shop of 2024-05-01", "ethanol is in the list");
    ok(json_has("\"status\":\"ok\"") && json_has("\"answer\":\"in\""), "and the JSON says so");
    is_str(ask("purchasable", "CO"), "in Shop of 2024-05-01", "so is methanol, given by its key");
    is_str(ask("purchasable", "CCC"), "not in Shop of 2024-05-01", "propane is not in it: no word of what is for sale");
    ok(json_has("\"status\":\"not_found\"") && json_has("\"answer\":\"not_in\""), "and the JSON says so");
    is_str(ask("purchasable", "C[C@@H](N)C(=O)O"),
           "not in Shop of 2024-05-01, but with other stereo, isotopes or charge it is", "the other enantiomer");
    is_str(ask("purchasable", "C1CC"), "error: invalid SMILES: unclosed ring", "an invalid SMILES is an error");
    has_str(ask("patent", "CCO"), "in Filings of 2024-05-01 (a filter: one in ", "the filter has it");
    is_str(ask("patent", "CCC"), "not in Filings of 2024-05-01", "the filter has it not");
    for (int i = 1; i <= 60; i++) {
        snprintf(args, sizeof args, "%.*s", i, "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC");
        n += strncmp(ask("patent", args), "in ", 3) == 0;
    }
    is_int(n, 0, "sixty others are not in the filter");
    is_str(drive_call(&d, "purchasable", "{\"smiles\":[\"CCO\",\"C1\",\"CCC\"]}", 0),
           "CCO: in Shop of 2024-05-01\nC1: error: invalid SMILES: unclosed ring\nCCC: not in Shop of 2024-05-01",
           "many at once");
    end();
}

#define HEAD "corax-molecules: 1\nkind: purchasable\nname: Odd\ndate: 2020\nmolecules: 1\n"

static void test_damaged(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "hello", "odd.molecules: its head is not one of a list of molecules" },
        { "hello\n\n", "odd.molecules: a line of its head is not NAME: VALUE" },
        { HEAD "form: tree\n\n", "odd.molecules: a line of its head makes no sense" },
        { HEAD "hashes: 65\n\n", "odd.molecules: a line of its head makes no sense" },
        { "corax-molecules: 2\n\n", "odd.molecules: a line of its head makes no sense" },
        { "corax-molecules: 1\nkind: purchasable\n\n",
          "odd.molecules: its head lacks corax-molecules: 1, kind, name or date" },
        { HEAD "form: bloom\n\nx", "odd.molecules: the filter is empty, or its head lacks hashes" },
        { HEAD "form: list\n\nLFQSCWFLJHTTHZ\n", "odd.molecules: its lines are not all InChIKeys" },
        { "", "odd.molecules cannot be read" },
    };
    char want[512];

    remove_file("shop.molecules");
    remove_file("filings.molecules");
    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file("odd.molecules", cases[i].text);
        snprintf(want, sizeof want,
                 "error: unavailable: no list of kind purchasable (*.molecules) in the folders that roots names; %s",
                 cases[i].want);
        is_str(ask("purchasable", "CCO"), want, "a file that is no list");
    }
    write_file("odd.molecules", HEAD
               "form: list\n\n01234567890123456789012345678901234567890123456789012345678901234567890123456789012\n");
    is_str(ask("purchasable", "CCO"), "Odd of 2020 is damaged", "lines of another length");
    remove_file("odd.molecules");
    end();
}

static void test_services(void)
{
    start();
    has_str(ask("price", "CCO"), "error: unavailable: no service for prices is configured; ", "price");
    is_str(ask("price", "C1"), "error: invalid SMILES: unclosed ring", "price of what is no molecule");
    has_str(drive_call(&d, "web_search", "{\"query\":\"aspirin\"}", 0),
            "error: unavailable: no service for web search is configured; ", "web_search");
    has_str(drive_call(&d, "literature_search", "{\"query\":\"aspirin\"}", 0),
            "error: unavailable: no service for literature is configured; ", "literature_search");
    end();
}

int main(void)
{
    const char *probe;

    plan_later();
    if (mkdtemp(folder) == NULL)
        skip_all("no temporary folder");
    start();
    probe = ask("inchikey", "CCO");
    if (strstr(probe, "built without")) {
        ok(true, "lists # SKIP built without RDKit or libinchi");
        end();
    } else {
        end();
        test_none();
        test_made();
        test_damaged();
        test_services();
    }
    rmdir(folder);
    done();
    return tap_status();
}
