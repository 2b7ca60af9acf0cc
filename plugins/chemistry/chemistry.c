/*
 * chemistry.c - the chemistry plugin: the list of its tools.
 *
 * The chemistry is RDKit's (rdkit.h).  Each file of tools computes and words its answers (answer.h); tool.h has the way of a call.
 */
#include <corax/plugin.h>

#include "tools.h"

static const struct corax_tool *const tools[] = {
    &mol_weight_tool,
    &formula_tool,
    &canonical_smiles_tool,
    &descriptors_tool,
    &similarity_tool,
    &rank_similarity_tool,
    &same_molecule_tool,
    &inchi_tool,
    &inchikey_tool,
    &smarts_count_tool,
    &functional_groups_tool,
    &controlled_check_tool,
    &qed_tool,
    &synthetic_accessibility_tool,
    &lipinski_tool,
    &alerts_tool,
    &boiled_egg_tool,
    &explosive_check_tool,
    &depict_tool,
    &safety_summary_tool,
    &purchasable_tool,
    &patent_tool,
    &price_tool,
    &web_search_tool,
    &literature_search_tool,
    &reaction_predict_tool,
    &reaction_name_tool,
    &retro_step_tool,
    &modify_mol_tool,
    &name_to_smiles_tool,
    &smiles_to_name_tool,
    &cas_check_tool,
    NULL,
};

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "chemistry", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
