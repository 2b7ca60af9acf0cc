/*
 * druglikeness.c - how much a molecule is like drugs: QED, Lipinski's rule, alerts, and whether it gets absorbed (BOILED-Egg).
 *
 * These are statistics of known drugs; each answer names the publication whose definition it follows, and gives the figures it comes from.
 */
#include "tools.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* --- QED ------------------------------------------------------------------------------------------------------- */

/* Asymmetric double sigmoids: Bickerton et al., Nature Chemistry 4, 90 (2012), supplementary table 1; max is the largest value. */
struct desirability {
    double weight; /* the mean of those of the 1,000 best sets of weights */
    double a, b, c, d, e, f, max;
};

static const struct desirability qed_mass = { 0.66,        2.817065973, 392.5754953, 290.7489764,
                                              2.419764353, 49.22325677, 65.37051707, 104.9805561 };
static const struct desirability qed_logp = { 0.46,        3.172690585, 137.8624751, 2.534937431,
                                              4.581497897, 0.822739154, 0.576295591, 131.3186604 };
static const struct desirability qed_hba = { 0.05,        2.948620388, 160.4605972, 3.615294657,
                                             4.435986202, 0.290141953, 1.300669958, 148.7763046 };
static const struct desirability qed_hbd = { 0.61,        1.618662227, 1010.051101, 0.985094388,
                                             0.000000001, 0.713820843, 0.920922555, 258.1632616 };
static const struct desirability qed_tpsa = { 0.06,        1.876861559, 125.2232657, 62.90773554,
                                              87.83366614, 12.01999824, 28.51324732, 104.5686167 };
static const struct desirability qed_rotatable = { 0.65,        0.010000000, 272.4121427, 2.558379970,
                                                   1.565547684, 1.271567166, 2.758063707, 105.4420403 };
static const struct desirability qed_aromatic = { 0.48,        3.217788970, 957.7374108, 2.274627939,
                                                  0.000000001, 1.317690384, 0.375760881, 312.3372610 };
static const struct desirability qed_alerts = { 0.95,        0.010000000, 1199.094025, -0.09002883,
                                                0.000000001, 0.185904477, 0.875193782, 417.7253140 };

/* The logarithm of how desirable x is, weighted. */
static double desire(double x, const struct desirability *p)
{
    double rise = 1 / (1 + exp(-(x - p->c + p->d / 2) / p->e));
    double fall = 1 - 1 / (1 + exp(-(x - p->c - p->d / 2) / p->f));

    return p->weight * log((p->a + p->b * rise * fall) / p->max);
}

static double qed_of(const struct rdkit_qed *q)
{
    double sum = desire(q->mass, &qed_mass) + desire(q->logp, &qed_logp) + desire(q->hba, &qed_hba) +
                 desire(q->hbd, &qed_hbd) + desire(q->tpsa, &qed_tpsa) + desire(q->rotatable, &qed_rotatable) +
                 desire(q->aromatic_rings, &qed_aromatic) + desire(q->alerts, &qed_alerts);
    double weights = qed_mass.weight + qed_logp.weight + qed_hba.weight + qed_hbd.weight + qed_tpsa.weight +
                     qed_rotatable.weight + qed_aromatic.weight + qed_alerts.weight;

    return exp(sum / weights);
}

static int qed(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct rdkit_qed q;
    int rc = rdkit_qed_of(mol, &q, err);

    if (rc != CORAX_OK)
        return rc;
    answer_addf(
        a,
        "QED %.3f (mass %.2f, logP %.2f, HBA %u, HBD %u, TPSA %.2f, rotatable bonds %u, aromatic rings %u, alerts %u)",
        qed_of(&q), q.mass, rounded(q.logp, 2), q.hba, q.hbd, q.tpsa, q.rotatable, q.aromatic_rings, q.alerts);
    answer_number(a, "qed", qed_of(&q), 4);
    answer_number(a, "mass", q.mass, 3);
    answer_number(a, "logp", q.logp, 2);
    answer_number(a, "hba", q.hba, 0);
    answer_number(a, "hbd", q.hbd, 0);
    answer_number(a, "tpsa", q.tpsa, 2);
    answer_number(a, "rotatable_bonds", q.rotatable, 0);
    answer_number(a, "aromatic_rings", q.aromatic_rings, 0);
    answer_number(a, "alerts", q.alerts, 0);
    answer_define(
        a, "qed",
        "Bickerton et al. 2012, mean weights; from 0 to 1, most like oral drugs; properties as RDKit counts them");
    return CORAX_OK;
}

static int qed_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, qed);
}

const struct corax_tool qed_tool = {
    .size = sizeof qed_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "qed",
    .summary = "QED, the quantitative estimate of druglikeness from 0 to 1, of a molecule given as SMILES.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = qed_call,
};

/* --- Lipinski's rule of five ------------------------------------------------------------------------------------ */

static int n_violations(const struct answer *a)
{
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(a->json, "violations"));
}

static void limit(struct answer *a, const char *figure, double value, int decimals, double most)
{
    cJSON *name;

    if (value <= most)
        return;
    answer_addf(a, "%s%s %.*f is above %g", n_violations(a) ? ", " : "", figure, decimals, value, most);
    name = cJSON_CreateString(figure);
    if (name == NULL || !cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(a->json, "violations"), name)) {
        cJSON_Delete(name);
        a->failed = true;
    }
}

static int lipinski(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    struct rdkit_lipinski l;
    int n, rc = rdkit_lipinski_of(mol, &l, err);

    if (rc != CORAX_OK)
        return rc;
    answer_item(a, "violations", cJSON_CreateArray());
    n = (l.mass > 500) + (l.logp > 5) + (l.donors > 5) + (l.acceptors > 10);
    answer_addf(a, n == 0 ? "no violation" : n == 1 ? "1 violation: " : "%d violations: ", n);
    limit(a, "mass", l.mass, 2, 500);
    limit(a, "logP", l.logp, 2, 5);
    limit(a, "donors", l.donors, 0, 5);
    limit(a, "acceptors", l.acceptors, 0, 10);
    answer_addf(a, " (mass %.2f, logP %.2f, donors %u, acceptors %u)", l.mass, rounded(l.logp, 2), l.donors,
                l.acceptors);
    answer_number(a, "mass", l.mass, 3);
    answer_number(a, "logp", l.logp, 2);
    answer_number(a, "donors", l.donors, 0);
    answer_number(a, "acceptors", l.acceptors, 0);
    answer_bool(a, "passes", n <= 1);
    answer_define(a, "violations",
                  "Lipinski et al. 1997: mass above 500, logP (Crippen's) above 5, more than 5 hydrogens on N and O, "
                  "more than 10 N and O");
    answer_define(a, "passes", "at most one violation");
    return CORAX_OK;
}

static int lipinski_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, lipinski);
}

const struct corax_tool lipinski_tool = {
    .size = sizeof lipinski_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "lipinski",
    .summary = "Lipinski's rule of five for a molecule given as SMILES: which limits for oral drugs it violates.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = lipinski_call,
};

/* --- PAINS and Brenk -------------------------------------------------------------------------------------------- */

static void say_alert(struct answer *a, cJSON *list, const struct rdkit_alert *alert)
{
    cJSON *object = cJSON_CreateObject(), *atoms = cJSON_CreateArray();

    answer_addf(a, "%s%s %s (atoms", a->len ? ", " : "", alert->set, alert->name);
    for (unsigned i = 0; i < alert->n_atoms; i++) {
        answer_addf(a, " %u", alert->atoms[i] + 1);
        cJSON_AddItemToArray(atoms, cJSON_CreateNumber(alert->atoms[i] + 1));
    }
    answer_add(a, ")");
    if (cJSON_AddStringToObject(object, "set", alert->set) == NULL ||
        cJSON_AddStringToObject(object, "name", alert->name) == NULL ||
        !cJSON_AddItemToObject(object, "atoms", atoms) || !cJSON_AddItemToArray(list, object))
        a->failed = true;
}

static int alerts(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    cJSON *list = cJSON_CreateArray();
    struct rdkit_alert *found;
    unsigned n;
    int rc = rdkit_alerts(mol, &found, &n, err);

    answer_item(a, "alerts", list);
    if (rc != CORAX_OK)
        return rc;
    for (unsigned i = 0; list && i < n; i++)
        say_alert(a, list, &found[i]);
    free(found);
    if (n == 0)
        answer_add(a, "no alert (PAINS A to C, Brenk)");
    answer_define(a, "alerts",
                  "RDKit's catalogues of PAINS A, B and C (Baell and Holloway 2010) and Brenk (Brenk et al. 2008); "
                  "an alert is a warning, not a verdict");
    return CORAX_OK;
}

static int alerts_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, alerts);
}

const struct corax_tool alerts_tool = {
    .size = sizeof alerts_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "alerts",
    .summary = "Structural alerts of a molecule given as SMILES: PAINS (assay interference) and Brenk (unwanted "
               "groups), with atoms.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = alerts_call,
};

/* --- BOILED-Egg ------------------------------------------------------------------------------------------------- */

/* In the plane of TPSA (A^2, x) and WLOGP (y): Daina & Zoete, ChemMedChem 11, 1117 (2016).  Full axes; degrees. */
struct ellipse {
    double x, y, width, height, angle;
};

static const struct ellipse white = { 71.051, 2.292, 142.081, 8.740, -1.031325 };
static const struct ellipse yolk = { 38.117, 3.177, 82.061, 5.557, -0.171887 };

static bool inside(const struct ellipse *e, double x, double y)
{
    double angle = e->angle * 3.14159265358979323846 / 180;
    double along = ((x - e->x) * cos(angle) + (y - e->y) * sin(angle)) / (e->width / 2);
    double across = ((y - e->y) * cos(angle) - (x - e->x) * sin(angle)) / (e->height / 2);

    return along * along + across * across <= 1;
}

static int boiled_egg(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    double logp, tpsa;
    int rc = rdkit_permeation(mol, &logp, &tpsa, err);

    if (rc != CORAX_OK)
        return rc;
    answer_addf(a, "GI absorption %s, BBB permeation %s (WLOGP %.2f, TPSA %.2f)",
                inside(&white, tpsa, logp) ? "high" : "low", inside(&yolk, tpsa, logp) ? "yes" : "no", rounded(logp, 2),
                tpsa);
    answer_string(a, "gi_absorption", inside(&white, tpsa, logp) ? "high" : "low");
    answer_bool(a, "bbb_permeation", inside(&yolk, tpsa, logp));
    answer_number(a, "wlogp", logp, 2);
    answer_number(a, "tpsa", tpsa, 2);
    answer_define(a, "gi_absorption", "BOILED-Egg, Daina and Zoete 2016: passive absorption, inside the white");
    answer_define(a, "bbb_permeation",
                  "BOILED-Egg, Daina and Zoete 2016: passive permeation of the blood-brain barrier, inside the yolk");
    answer_define(a, "wlogp", "Wildman and Crippen 1999");
    answer_define(a, "tpsa", "square angstrom, Ertl, Rohde and Selzer 2000, with sulfur and phosphorus");
    return CORAX_OK;
}

static int boiled_egg_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_each(h, c, boiled_egg);
}

const struct corax_tool boiled_egg_tool = {
    .size = sizeof boiled_egg_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "boiled_egg",
    .summary = "Whether a molecule given as SMILES is absorbed from the gut and passes the blood-brain barrier, by the "
               "BOILED-Egg model.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = boiled_egg_call,
};
