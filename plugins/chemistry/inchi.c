#include "inchi.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

static int refuse(struct rdkit_err *err, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int refuse(struct rdkit_err *err, int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return err->status = status;
}

#ifdef HAVE_INCHI

#include <inchi_api.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void put_atom(inchi_Atom *out, const struct rdkit_atom *a)
{
    snprintf(out->elname, sizeof out->elname, "%s", a->symbol);
    out->isotopic_mass = (AT_NUM)a->isotope;
    out->charge = (S_CHAR)a->charge;
    out->num_iso_H[0] = (S_CHAR)a->n_hydrogens;
    out->radical = (S_CHAR)(a->n_radicals == 0   ? INCHI_RADICAL_NONE
                            : a->n_radicals == 1 ? INCHI_RADICAL_DOUBLET
                                                 : INCHI_RADICAL_TRIPLET);
}

/* false: the atom has more neighbours than libinchi takes. */
static bool put_bond(inchi_Atom *atoms, const struct rdkit_bond *b)
{
    inchi_Atom *from = &atoms[b->from];

    if (from->num_bonds == MAXVAL)
        return false;
    from->neighbor[from->num_bonds] = (AT_NUM)b->to;
    from->bond_type[from->num_bonds++] = (S_CHAR)b->order;
    return true;
}

static void put_stereo(inchi_Stereo0D *out, const struct rdkit_stereo *s)
{
    for (int i = 0; i < 4; i++)
        out->neighbor[i] = (AT_NUM)s->neighbour[i];
    out->central_atom = (AT_NUM)(s->centre < 0 ? NO_ATOM : s->centre);
    out->type = (S_CHAR)(s->centre < 0 ? INCHI_StereoType_DoubleBond : INCHI_StereoType_Tetrahedral);
    out->parity = (S_CHAR)(s->clockwise ? INCHI_PARITY_EVEN : INCHI_PARITY_ODD);
}

static int ask_libinchi(inchi_Input *in, char *inchi, size_t size, char *key, struct rdkit_err *err)
{
    inchi_Output out = { 0 };
    char own_key[INCHI_KEY_SIZE];
    int rc;

    pthread_mutex_lock(&turn);
    rc = GetStdINCHI(in, &out);
    if (out.szInChI == NULL || out.szInChI[0] == '\0' || (rc != inchi_Ret_OKAY && rc != inchi_Ret_WARNING))
        rc = refuse(err, out.szMessage && strstr(out.szMessage, "Time limit") ? CORAX_E_LIMIT : CORAX_E_ARGS,
                    "no InChI for this structure: %.120s",
                    out.szMessage && out.szMessage[0] ? out.szMessage : "unknown reason");
    else if (GetStdINCHIKeyFromStdINCHI(out.szInChI, key ? key : own_key) != 0)
        rc = refuse(err, CORAX_E_INTERNAL, "no InChIKey for %.120s", out.szInChI);
    else if (inchi && (size_t)snprintf(inchi, size, "%s", out.szInChI) >= size)
        rc = refuse(err, CORAX_E_LIMIT, "the InChI has %zu characters, at most %zu are allowed", strlen(out.szInChI),
                    size - 1);
    else
        rc = err->status = CORAX_OK;
    FreeStdINCHI(&out);
    pthread_mutex_unlock(&turn);
    return rc;
}

int inchi_of(const struct rdkit_mol *mol, char *inchi, size_t size, char key[INCHI_KEY_SIZE], struct rdkit_err *err)
{
    char options[] = "-W2"; /* seconds */
    inchi_Input in = { .szOptions = options };
    struct rdkit_structure s;
    int rc = rdkit_structure_of(mol, &s, err);

    if (rc != CORAX_OK)
        return rc;
    in.atom = calloc(s.n_atoms + 1, sizeof(*in.atom));
    in.stereo0D = calloc(s.n_stereo + 1, sizeof(*in.stereo0D));
    in.num_atoms = (AT_NUM)s.n_atoms;
    in.num_stereo0D = (AT_NUM)s.n_stereo;
    if (in.atom == NULL || in.stereo0D == NULL)
        rc = refuse(err, CORAX_E_LIMIT, "out of memory");
    for (unsigned i = 0; rc == CORAX_OK && i < s.n_atoms; i++)
        put_atom(&in.atom[i], &s.atoms[i]);
    for (unsigned i = 0; rc == CORAX_OK && i < s.n_bonds; i++)
        if (!put_bond(in.atom, &s.bonds[i]))
            rc = refuse(err, CORAX_E_ARGS, "no InChI for this structure: an atom has more than %d bonds", MAXVAL);
    for (unsigned i = 0; rc == CORAX_OK && i < s.n_stereo; i++)
        put_stereo(&in.stereo0D[i], &s.stereo[i]);
    if (rc == CORAX_OK)
        rc = ask_libinchi(&in, inchi, size, key, err);
    free(in.atom);
    free(in.stereo0D);
    rdkit_structure_finish(&s);
    return rc;
}

#else

int inchi_of(const struct rdkit_mol *mol, char *inchi, size_t size, char key[INCHI_KEY_SIZE], struct rdkit_err *err)
{
    return refuse(err, CORAX_E_UNAVAIL, "unavailable: corax was built without libinchi");
}

#endif
