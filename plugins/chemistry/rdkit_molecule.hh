// plugins/chemistry/rdkit_molecule.hh - what the files of rdkit.h share: the molecule behind its handle, and how an exception
// becomes an error.
#ifndef PLUGINS_CHEMISTRY_RDKIT_MOLECULE_HH
#define PLUGINS_CHEMISTRY_RDKIT_MOLECULE_HH

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include <GraphMol/RWMol.h>

#include <corax/plugin.h>

#include "rdkit.h"

using Molecule = std::unique_ptr<RDKit::RWMol>;

struct rdkit_mol {
    Molecule mol;
};

// What goes back to the model; thrown and caught behind rdkit.h alone.
struct refusal : std::exception {
    int status;
    std::string text;
    refusal(int s, std::string t) : status(s), text(std::move(t))
    {
    }
};

// Runs what may throw.
template <typename F> int guarded(struct rdkit_err *err, F &&work)
{
    try {
        work();
        return err->status = CORAX_OK;
    } catch (const refusal &e) {
        std::snprintf(err->msg, sizeof err->msg, "%s", e.text.c_str());
        return err->status = e.status;
    } catch (const std::bad_alloc &) {
        std::snprintf(err->msg, sizeof err->msg, "out of memory");
        return err->status = CORAX_E_LIMIT;
    } catch (const std::exception &e) {
        std::snprintf(err->msg, sizeof err->msg, "RDKit failed: %s", e.what());
    } catch (...) {
        std::snprintf(err->msg, sizeof err->msg, "RDKit failed");
    }
    return err->status = CORAX_E_INTERNAL;
}

// Without the blanks around it; refuses what is empty, too long, or holds anything but printable ASCII. what: "SMILES".
std::string trimmed(const char *text, size_t len, const char *what);
// Into a buffer of RDKIT_TEXT_SIZE, or CORAX_E_LIMIT.
void put_text(char *out, const std::string &text);
// Wildman and Crippen 1999, as RDKit's calcCrippenDescriptors (rdkit_crippen.cc).
void crippen(const RDKit::ROMol &, double &logp, double &refractivity);

#endif
