/*
 * tools/box_serve.h - `corax-box exec`, inside: one request, one program, one answer.
 */
#ifndef TOOLS_BOX_SERVE_H
#define TOOLS_BOX_SERVE_H

#include "tools/box.h"
#include "tools/box_exec.h"

/* As init of a finished box: reads the request from descriptor 0 and answers on 1.  The exit status: 1 when there was no request. */
int box_serve(const struct box *);

/*
 * Adds "files" and "left_out" to the open object: the new and changed regular files of the folder, in order of their names, as far as
 * files_bytes and the line allow.  Whatever else a program may have left there under an output's name is not even opened.
 */
void box_collect(int folder, const struct box_request *, struct jsonw *);

#endif
