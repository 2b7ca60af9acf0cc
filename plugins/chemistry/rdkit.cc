// rdkit.cc - molecules behind the C functions of rdkit.h: reading, masses, formula, canonical SMILES, descriptors, fingerprints.
//
// A SMILES is parsed without any chemistry first, to count its atoms, since the chemistry of large molecules takes long; then all is done to
// it that RDKit's own MolFromSmiles does, so that every figure is what RDKit's users expect.  Why a parse failed is known only
// from what RDKit logs, so its error log is led into a string for that moment and is silent otherwise.  That log is one for all
// threads: where there are several, nobody asks for reasons (rdkit_read without err).
#include "rdkit_molecule.hh"

#include <algorithm>
#include <sstream>

#include <DataStructs/ExplicitBitVect.h>
#include <GraphMol/Descriptors/Lipinski.h>
#include <GraphMol/Descriptors/MolDescriptors.h>
#include <GraphMol/Descriptors/MolSurf.h>
#include <GraphMol/Fingerprints/MorganFingerprints.h>
#include <GraphMol/MolOps.h>
#include <GraphMol/PeriodicTable.h>
#include <GraphMol/SanitException.h>
#include <GraphMol/SmilesParse/SmilesParse.h>
#include <GraphMol/SmilesParse/SmilesWrite.h>
#include <RDGeneral/RDLog.h>

namespace
{

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

// Atoms and bonds as they are written, without any chemistry.
Molecule parse(const std::string &smiles)
{
    RDKit::SmilesParserParams params;

    params.sanitize = false;
    params.removeHs = false;
    params.allowCXSMILES = false;
    params.parseName = false;
    return Molecule(RDKit::SmilesToMol(smiles, params));
}

Molecule parse_raw(const std::string &smiles, bool with_reason)
{
    std::ostringstream log;
    Molecule mol;

    if (!with_reason) {
        mol = parse(smiles);
        if (!mol)
            invalid("syntax error");
        return mol;
    }
    rdErrorLog = std::make_shared<boost::logging::rdLogger>(&log);
    try {
        mol = parse(smiles);
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

// What SmilesToMol does with a SMILES that it has parsed.
void sanitize(RDKit::RWMol &mol)
{
    const bool implicit_only = false, update_explicit_count = true, clean = true, force = true, flag_possible = true;

    RDKit::MolOps::removeHs(mol, implicit_only, update_explicit_count);
    RDKit::MolOps::assignStereochemistry(mol, clean, force, flag_possible);
}

Molecule read_molecule(const char *smiles, size_t len, bool with_reason)
{
    const std::string text = trimmed(smiles, len, "SMILES");
    Molecule mol = parse_raw(text, with_reason);
    const auto heavy = std::count_if(mol->atoms().begin(), mol->atoms().end(),
                                     [](const RDKit::Atom *a) { return a->getAtomicNum() != 1; });

    if (heavy > RDKIT_MAX_HEAVY_ATOMS)
        throw refusal(CORAX_E_LIMIT, "the molecule has " + std::to_string(heavy) + " heavy atoms, at most " +
                                         std::to_string(RDKIT_MAX_HEAVY_ATOMS) + " are allowed");
    if (mol->getNumAtoms() == 0)
        invalid("it has no atoms");
    for (const auto *bond : mol->bonds())
        if (bond->hasQuery()) // "~", which is any bond, as in a pattern
            invalid("the bond between atoms " + std::to_string(bond->getBeginAtomIdx() + 1) + " and " +
                    std::to_string(bond->getEndAtomIdx() + 1) + " is of no kind");
    // An error has the numbers of atoms of this moment, when hydrogens are gone, but names are wanted as they were written.
    try {
        sanitize(*mol);
    } catch (const RDKit::AtomValenceException &e) {
        invalid(atom_name(*parse(text), e.getAtomIdx()) + " has too many bonds");
    } catch (const RDKit::AtomSanitizeException &e) {
        invalid("cannot kekulize " + atom_name(*parse(text), e.getAtomIdx()));
    } catch (const RDKit::KekulizeException &e) {
        invalid("cannot kekulize " +
                atom_name(*parse(text), e.getAtomIndices().empty() ? -1U : e.getAtomIndices().front()));
    } catch (const RDKit::MolSanitizeException &e) {
        invalid(e.what());
    }
    return mol;
}

// RDKit takes vanadium for its isotope 50, of which there is 0.25 %.
double vanadium_correction(const RDKit::ROMol &mol)
{
    const int vanadium = 23;
    const auto *table = RDKit::PeriodicTable::getTable();
    const auto n = std::count_if(mol.atoms().begin(), mol.atoms().end(), [](const RDKit::Atom *a) {
        return a->getAtomicNum() == vanadium && a->getIsotope() == 0;
    });

    return n ? double(n) * (table->getMassForIsotope(vanadium, 51) - table->getMostCommonIsotopeMass(vanadium)) : 0;
}

} // namespace

std::string trimmed(const char *smiles, size_t len, const char *what)
{
    static const char blanks[] = " \t\r\n";
    const std::string invalid_what = std::string("invalid ") + what + ": ";
    std::string s(smiles, len);
    size_t from = s.find_first_not_of(blanks), n = 0;

    for (unsigned char c : s)
        n += (c & 0xc0) != 0x80;
    if (n > RDKIT_MAX_SMILES)
        throw refusal(CORAX_E_LIMIT, std::string("the ") + what + " has " + std::to_string(n) +
                                         " characters, at most " + std::to_string(RDKIT_MAX_SMILES) + " are allowed");
    if (from == std::string::npos)
        throw refusal(CORAX_E_ARGS, invalid_what + "it is empty");
    s = s.substr(from, s.find_last_not_of(blanks) + 1 - from);
    if (s.find_first_of(blanks) != std::string::npos)
        throw refusal(CORAX_E_ARGS, invalid_what + "it contains a space" +
                                        (std::string("SMILES") == what ? "; give one molecule" : ""));
    for (unsigned char c : s)
        if (c < 0x21 || c > 0x7e) // RDKit's scanner skips some of them
            throw refusal(CORAX_E_ARGS, invalid_what + "syntax error");
    return s;
}

void put_text(char *out, const std::string &text)
{
    if (text.size() >= RDKIT_TEXT_SIZE)
        throw refusal(CORAX_E_LIMIT, "the result has " + std::to_string(text.size()) + " characters, at most " +
                                         std::to_string(RDKIT_TEXT_SIZE - 1) + " are allowed");
    text.copy(out, text.size());
    out[text.size()] = '\0';
}

struct rdkit_mol *rdkit_read(const char *smiles, size_t len, struct rdkit_err *err)
{
    struct rdkit_err unread;
    struct rdkit_mol *out = nullptr;

    guarded(err ? err : &unread, [&] { out = new rdkit_mol{ read_molecule(smiles, len, err != nullptr) }; });
    return out;
}

void rdkit_free(struct rdkit_mol *mol)
{
    delete mol;
}

int rdkit_masses(const struct rdkit_mol *m, double *average, double *monoisotopic, struct rdkit_err *err)
{
    return guarded(err, [&] {
        *average = RDKit::Descriptors::calcAMW(*m->mol);
        *monoisotopic = RDKit::Descriptors::calcExactMW(*m->mol) + vanadium_correction(*m->mol);
    });
}

int rdkit_formula(const struct rdkit_mol *m, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return guarded(err, [&] { put_text(out, RDKit::Descriptors::calcMolFormula(*m->mol)); });
}

int rdkit_charge(const struct rdkit_mol *m)
{
    int charge = 0;

    for (const auto *atom : m->mol->atoms())
        charge += atom->getFormalCharge();
    return charge;
}

int rdkit_canonical(const struct rdkit_mol *m, char out[RDKIT_TEXT_SIZE], struct rdkit_err *err)
{
    return guarded(err, [&] { put_text(out, RDKit::MolToSmiles(*m->mol)); });
}

int rdkit_describe(const struct rdkit_mol *m, struct rdkit_descriptors *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        crippen(*m->mol, out->logp, out->refractivity);
        out->tpsa = RDKit::Descriptors::calcTPSA(*m->mol);
        out->hbd = RDKit::Descriptors::calcNumHBD(*m->mol);
        out->hba = RDKit::Descriptors::calcNumHBA(*m->mol);
        out->rotatable = RDKit::Descriptors::calcNumRotatableBonds(*m->mol, RDKit::Descriptors::Strict);
        out->rings = RDKit::Descriptors::calcNumRings(*m->mol);
        out->csp3 = RDKit::Descriptors::calcFractionCSP3(*m->mol);
        out->aromatic_rings = RDKit::Descriptors::calcNumAromaticRings(*m->mol);
        out->heavy_atoms = m->mol->getNumHeavyAtoms();
    });
}

int rdkit_fingerprint(const struct rdkit_mol *m, struct rdkit_bits *out, struct rdkit_err *err)
{
    return guarded(err, [&] {
        const std::unique_ptr<ExplicitBitVect> bits(
            RDKit::MorganFingerprints::getFingerprintAsBitVect(*m->mol, 2, RDKIT_BITS));
        IntVect on;

        bits->getOnBits(on);
        *out = {};
        for (int bit : on)
            out->word[bit / 64] |= std::uint64_t(1) << bit % 64;
    });
}
