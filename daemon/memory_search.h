/*
 * daemon/memory_search.h - a search among memories, by words and, where a model of embeddings is configured, by vectors.
 */
#ifndef DAEMON_MEMORY_SEARCH_H
#define DAEMON_MEMORY_SEARCH_H

#include "daemon/coraxd.h"
#include "daemon/journal_memory.h"

/*
 * In the place of journal_post(): where the list's query has words, their vector is made first, and it is posted with that.  Where there is
 * none in time the words alone are searched, and `why` says so.
 */
void memory_search(struct coraxd *, struct journal_memories *);

#endif
