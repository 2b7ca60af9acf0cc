/*
 * tools/confine.h - what corax-host gives up before it loads foreign code.
 *
 * One process confines itself; namespaces and a root of its own are a launcher's work, done before.  So a plugin can still
 * read what the user who runs the host can read.
 */
#ifndef TOOLS_CONFINE_H
#define TOOLS_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct confine {
    uint64_t address_space; /* bytes */
    uint64_t open_files;
    uint64_t cpu_seconds; /* of the whole process's life; 0: no limit, each call has a deadline */
};

/*
 * For this process and all its later threads, for ever; call it while there is one thread.  What the kernel does not offer
 * is logged as a warning and left out.  true when all of it is in force.
 */
bool confine_self(const struct confine *);

#endif
