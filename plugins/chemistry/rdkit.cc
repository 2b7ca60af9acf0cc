// rdkit.cc - RDKit behind the C functions of rdkit.h.
//
// A SMILES is parsed twice: first without any chemistry, to count atoms and to have their symbols for an error, then as
// RDKit's own MolFromSmiles does it, so that every figure is what RDKit's users expect.  Why a parse failed is known only
// from what RDKit logs, so its error log is led into a string for that moment and is silent otherwise.
#include "rdkit.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <sstream>
#include <string>

#include <DataStructs/BitOps.h>
#include <DataStructs/ExplicitBitVect.h>
#include <GraphMol/Descriptors/Crippen.h>
#include <GraphMol/Descriptors/Lipinski.h>
#include <GraphMol/Descriptors/MolDescriptors.h>
#include <GraphMol/Descriptors/MolSurf.h>
#include <GraphMol/Fingerprints/MorganFingerprints.h>
#include <GraphMol/RWMol.h>
#include <GraphMol/SanitException.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/SmilesParse/SmilesWrite.h>
#include <RDGeneral/RDLog.h>

#include <corax/plugin.h>

namespace
{

using Molecule = std::unique_ptr<RDKit::RWMol>;

// What goes back to the model; thrown and caught in this file alone.
struct refusal : std::exception {
    int status;
    std::string text;
    refusal(int s, std::string t) : status(s), text(std::move(t))
    {
    }
};

[[noreturn]] void invalid(const std::string &why)
{
    throw refusal(CORAX_E_ARGS, "invalid SMILES: " + why);
}

// "SMILES Parse Error: unclosed ring for input: 'C1CC'" -> "unclosed ring"
std::string parse_reason(const std::string &log)
{
    static const char head[] = "SMILES Parse Error: ";
    size_t from = log.find(head), to;

    if (from == std::string::npos)
        return "syntax error";
    from += sizeof head - 1;
    to = std::min({ log.find(" while parsing", from), log.find(" for input", from), log.find('\n', from) });
    return to == std::string::npos || to - from > 100 ? "syntax error" : log.substr(from, to - from);
}

Molecule parse(const std::string &smiles, bool sanitize)
{
    RDKit::SmilesParserParams params;

    params.sanitize = sanitize;
    params.removeHs = sanitize;
    params.allowCXSMILES = false;
    params.parseName = false;
    return Molecule(RDKit::SmilesToMol(smiles, params));
}

Molecule parse_raw(const std::string &smiles)
{
    std::ostringstream log;
    Molecule mol;

    rdErrorLog = std::make_shared<boost::logging::rdLogger>(&log);
    try {
        mol = parse(smiles, false);
    } catch (...) {
        rdErrorLog.reset();
        throw;
    }
    rdErrorLog.reset();
    if (!mol)
        invalid(parse_reason(log.str()));
    return mol;
}

// Atoms are counted from 1 in what people and models read.
std::string atom_name(const RDKit::ROMol &mol, unsigned index)
{
    if (index >= mol.getNumAtoms())
        return "an atom";
    return "atom " + std::to_string(index + 1) + " (" + mol.getAtomWithIdx(index)->getSymbol() + ")";
}

std::string trimmed(const char *smiles, size_t len)
{
    static const char blanks[] = " \t\r\n";
    std::string s(smiles, len);
    size_t from = s.find_first_not_of(blanks), n = 0;

    for (unsigned char c : s)
        n += (c & 0xc0) != 0x80;
    if (n > RDKIT_MAX_SMILES)
        throw refusal(CORAX_E_LIMIT, "the SMILES has " + std::to_string(n) + " characters, at most " +
                                         std::to_string(RDKIT_MAX_SMILES) + " are allowed");
    if (from == std::string::npos)
        invalid("it is empty");
    s = s.substr(from, s.find_last_not_of(blanks) + 1 - from);
    if (s.find_first_of(blanks) != std::string::npos)
        invalid("it contains a space; give one molecule");
    for (unsigned char c : s)
        if (c < 0x21 || c > 0x7e) // RDKit's scanner skips some of them
            invalid("syntax error");
    return s;
}

Molecule read_molecule(const char *smiles, size_t len)
{
    const std::string text = trimmed(smiles, len);
    const Molecule raw = parse_raw(text);
    const auto heavy = std::count_if(raw->atoms().begin(), raw->atoms().end(),
                                     [](const RDKit::Atom *a) { return a->getAtomicNum() != 1; });
    Molecule mol;

    if (heavy > RDKIT_MAX_HEAVY_ATOMS)
        throw refusal(CORAX_E_LIMIT, "the molecule has " + std::to_string(heavy) + " heavy atoms, at most " +
                                         std::to_string(RDKIT_MAX_HEAVY_ATOMS) + " are allowed");
    if (raw->getNumAtoms() == 0)
        invalid("it has no atoms");
    try {
        mol = parse(text, true);
    } catch (const RDKit::AtomValenceException &e) {
        invalid(atom_name(*raw, e.getAtomIdx()) + " has too many bonds");
    } catch (const RDKit::AtomSanitizeException &e) {
        invalid("cannot kekulize " + atom_name(*raw, e.getAtomIdx()));
    } catch (const RDKit::KekulizeException &e) {
        invalid("cannot kekulize " + atom_name(*raw, e.getAtomIndices().empty() ? -1U : e.getAtomIndices().front()));
    } catch (const RDKit::MolSanitizeException &e) {
        invalid(e.what());
    }
    if (!mol)
        invalid("syntax error");
    return mol;
}

// Runs what may throw.
template <typename F> int guarded(struct rdkit_err *err, F &&work)
{
    try {
        work();
        return CORAX_OK;
    } catch (const refusal &e) {
        std::snprintf(err->msg, sizeof err->msg, "%s", e.text.c_str());
        return e.status;
    } catch (const std::bad_alloc &) {
        std::snprintf(err->msg, sizeof err->msg, "out of memory");
        return CORAX_E_LIMIT;
    } catch (const std::exception &e) {
        std::snprintf(err->msg, sizeof err->msg, "RDKit failed: %s", e.what());
    } catch (...) {
        std::snprintf(err->msg, sizeof err->msg, "RDKit failed");
    }
    return CORAX_E_INTERNAL;
}

void put_text(char out[RDKIT_TEXT_SIZE], const std::string &text)
{
    if (text.size() >= RDKIT_TEXT_SIZE)
        throw refusal(CORAX_E_LIMIT, "the result has " + std::to_string(text.size()) + " characters, at most " +
                                         std::to_string(RDKIT_TEXT_SIZE - 1) + " are allowed");
    text.copy(out, text.size());
    out[text.size()] = '\0';
}

std::unique_ptr<ExplicitBitVect> fingerprint(const char *which, const char *smiles, size_t len)
{
    try {
        const Molecule mol = read_molecule(smiles, len);
        return std::unique_ptr<ExplicitBitVect>(RDKit::MorganFingerprints::getFingerprintAsBitVect(*mol, 2, 2048));
    } catch (refusal &e) {
        throw refusal(e.status, std::string(which) + ": " + e.text);
    }
}

} // namespace

int rdkit_masses(const char *smiles, size_t len, double *average, double *monoisotopic, struct rdkit_err *err)
{
    return guarded(err, [&] {
        const Molecule mol = read_molecule(smiles, len);
        *average = RDKit::Descriptors::calcAMW(*mol);
        *monoisotopic = RDKit::Descriptors::calcExactMW(*mol);
    });
}

int rdkit_formula(const char *smiles, size_t len, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return guarded(err, [&] { put_text(out, RDKit::Descriptors::calcMolFormula(*read_molecule(smiles, len))); });
}

int rdkit_canonical(const char *smiles, size_t len, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return guarded(err, [&] { put_text(out, RDKit::MolToSmiles(*read_molecule(smiles, len))); });
}

int rdkit_describe(const char *smiles, size_t len, struct rdkit_descriptors *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        const Molecule mol = read_molecule(smiles, len);
        double refractivity;

        RDKit::Descriptors::calcCrippenDescriptors(*mol, out->logp, refractivity);
        out->tpsa = RDKit::Descriptors::calcTPSA(*mol);
        out->hbd = RDKit::Descriptors::calcNumHBD(*mol);
        out->hba = RDKit::Descriptors::calcNumHBA(*mol);
        out->rotatable = RDKit::Descriptors::calcNumRotatableBonds(*mol, RDKit::Descriptors::Strict);
        out->rings = RDKit::Descriptors::calcNumRings(*mol);
    });
}

int rdkit_similarity(const char *a, size_t a_len, const char *b, size_t b_len, double *tanimoto, struct rdkit_err *err)
{
    return guarded(err, [&] {
        const auto fa = fingerprint("a", a, a_len), fb = fingerprint("b", b, b_len);
        *tanimoto = TanimotoSimilarity(*fa, *fb);
    });
}
