/*
 * chemistry_depict-t - depict: what it says it drew, and a picture that is an SVG with the letters of the atoms, highlights where they were
 * asked for.  How it looks was judged by eye; here it is held to be well-formed, small enough, and the same each time.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;
static struct tool_result r;

/* The picture of a call; NULL: it has none. */
static const char *picture(const char *args)
{
    struct err err = { 0 };

    drive_begin(&d, "depict", args, 0);
    if (drive_result(&d, &r, &err) != 0 || r.error)
        return NULL;
    for (size_t i = 0; i < r.n_parts; i++)
        if (strcmp(r.parts[i].mime, "image/svg+xml") == 0)
            return r.parts[i].data;
    return NULL;
}

static int count(const char *text, const char *what)
{
    int n = 0;

    for (; text && (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

static const struct {
    const char *args, *want;
} cases[] = {
    { "{\"smiles\":\"CC(=O)Oc1ccccc1C(=O)O\"}", "drew C9H8O4, 13 atoms, 400 x 300 pixels" },
    { "{\"smiles\":\"CC(=O)Oc1ccccc1C(=O)O\",\"highlight\":\"[CX3](=O)[OX2H1]\"}",
      "drew C9H8O4, 13 atoms, 3 highlighted, 400 x 300 pixels" },
    { "{\"smiles\":\"CCO\",\"atoms\":[3,3],\"width\":200,\"height\":100}",
      "drew C2H6O, 3 atoms, 1 highlighted, 200 x 100 pixels" },
    { "{\"smiles\":\"CCO.CC(=O)O>[H+]>CC(=O)OCC.O\"}",
      "drew a reaction of 2 reactants to 2 products with 1 agent, 800 x 300 pixels" },
    { "{\"smiles\":\"C=C>>CC\"}", "drew a reaction of 1 reactant to 1 product, 800 x 300 pixels" },
    { "{\"smiles\":\"CCO\",\"atoms\":[9]}", "error: there is no atom 9: the molecule has 3" },
    { "{\"smiles\":\"CCO\",\"highlight\":\"N\"}", "error: highlight: the SMARTS matches no atom" },
    { "{\"smiles\":\"CCO\",\"highlight\":\"[N\"}", "error: highlight: invalid SMARTS: syntax error" },
    { "{\"smiles\":\"C1\"}", "error: invalid SMILES: unclosed ring" },
    { "{\"smiles\":\"CCO>>\"}", "error: invalid reaction SMILES: reactants or products are missing" },
    { "{\"smiles\":\"C1>>C\"}", "error: reactants: invalid SMILES: unclosed ring" },
    { "{\"smiles\":\"C>>CC(\"}", "error: products: invalid SMILES: syntax error" },
    { "{\"smiles\":\"C>C\"}",
      "error: invalid reaction SMILES: it has the form reactants>agents>products, agents may be left out" },
    { "{\"smiles\":\"C>>C>>C\"}",
      "error: invalid reaction SMILES: it has the form reactants>agents>products, agents may be left out" },
    { "{\"smiles\":\"C>>C\",\"atoms\":[1]}",
      "error: atoms of a reaction cannot be highlighted: draw one of its molecules" },
};

static void test_pictures(void)
{
    char args[1200] = "{\"smiles\":\"", *first;
    const char *svg = picture(cases[0].args);

    ok(svg && strncmp(svg, "<?xml", 5) == 0 && count(svg, "<svg") == 1 && count(svg, "</svg>") == 1,
       "aspirin is an SVG");
    ok(count(svg, ">O<") == 4 && count(svg, ">H<") == 1, "with four letters O and an H");
    is_int(count(svg, "<ellipse"), 0, "and nothing highlighted");
    first = strdup(svg ? svg : "");
    svg = picture(cases[0].args);
    is_str(svg, first, "drawn again it is the same");
    free(first);
    svg = picture(cases[1].args);
    is_int(count(svg, "<ellipse"), 3, "three highlighted atoms");
    svg = picture(cases[2].args);
    has_str(svg ? svg : "", "width='200px' height='100px'", "of the size that was asked for");
    svg = picture(cases[3].args);
    ok(count(svg, "<svg") == 1 && count(svg, ">O<") >= 4, "a reaction is one SVG");
    memset(args + strlen(args), 'C', 300);
    strcat(args, "\"}");
    svg = picture(args);
    ok(svg && strlen(svg) < 200000, "the largest molecule has a picture, too");
}

int main(void)
{
    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "chemistry")), "the plugin starts");
    if (strstr(drive_call(&d, "depict", "{\"smiles\":\"C\"}", 0), "built without RDKit")) {
        is_str(drive_call(&d, "depict", "{\"smiles\":\"C>>C\"}", 0),
               "error: unavailable: corax was built without RDKit", "without RDKit it says so");
    } else {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            is_str(drive_call(&d, "depict", cases[i].args, 0), cases[i].want, cases[i].args);
        test_pictures();
    }
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
