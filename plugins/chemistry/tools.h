/* plugins/chemistry/tools.h - the tools, each where its file defines it; chemistry.c lists them. */
#ifndef PLUGINS_CHEMISTRY_TOOLS_H
#define PLUGINS_CHEMISTRY_TOOLS_H

#include <corax/plugin.h>

extern const struct corax_tool mol_weight_tool, formula_tool; /* mass.c */
extern const struct corax_tool canonical_smiles_tool, inchi_tool, inchikey_tool, same_molecule_tool; /* identity.c */
extern const struct corax_tool descriptors_tool;              /* descriptors.c */
extern const struct corax_tool similarity_tool, rank_similarity_tool; /* similarity.c */
extern const struct corax_tool smarts_count_tool;             /* smarts.c */
extern const struct corax_tool functional_groups_tool;        /* functional_groups.c */
extern const struct corax_tool controlled_check_tool;         /* controlled.c */
extern const struct corax_tool qed_tool, lipinski_tool, alerts_tool, boiled_egg_tool; /* druglikeness.c */
extern const struct corax_tool depict_tool;                   /* depict.c */
extern const struct corax_tool synthetic_accessibility_tool;  /* synthesis.c */
extern const struct corax_tool explosive_check_tool;          /* explosive.c */
extern const struct corax_tool safety_summary_tool;           /* ghs.c */
extern const struct corax_tool purchasable_tool, patent_tool;  /* lists.c */
extern const struct corax_tool price_tool, web_search_tool, literature_search_tool; /* services.c */
extern const struct corax_tool reaction_predict_tool, reaction_name_tool; /* reactions.c */
extern const struct corax_tool retro_step_tool;               /* retro.c */
extern const struct corax_tool modify_mol_tool;               /* modify.c */
extern const struct corax_tool name_to_smiles_tool, smiles_to_name_tool, cas_check_tool; /* names.c */

#endif
