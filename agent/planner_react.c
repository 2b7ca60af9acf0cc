/*
 * ReAct: thought, action, observation, until an answer.
 *
 *     Yao et al., ReAct: Synergizing Reasoning and Acting in Language Models, arXiv:2210.03629
 */
#include "agent/planner_kind.h"

const struct planner_kind planner_react = {
    .name = "react",
    .begin = planner_ask_model,
    .said = planner_answer,
    .observed = planner_ask_model,
};
