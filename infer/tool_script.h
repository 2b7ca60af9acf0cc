/* infer/tool_script.h - scripts of replies that are more than calls between marks. */
#ifndef INFER_TOOL_SCRIPT_H
#define INFER_TOOL_SCRIPT_H

#include "infer/tool_format.h"

void tool_script_harmony(struct script *, const struct tool_format *, const struct thinking_marks *, const struct tool_wish *);
void tool_script_command(struct script *, const struct tool_format *, const struct thinking_marks *, const struct tool_wish *);
void tool_script_react(struct script *, const struct tool_format *, const struct thinking_marks *, const struct tool_wish *);

#endif
