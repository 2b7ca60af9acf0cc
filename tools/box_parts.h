/*
 * tools/box_parts.h - what box.c puts a box together from.  Each says in the state whether it is in force.
 */
#ifndef TOOLS_BOX_PARTS_H
#define TOOLS_BOX_PARTS_H

#include "tools/box.h"

/* Why a part is missing, and what to do about it; returns false. */
bool box_lacks(struct box_state *, enum box_part, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* box_root.c: in a mount namespace of its own.  uid and gid own the writable folders, as numbers of the current namespace. */
void box_root_build(const struct box_spec *, struct box_state *, uid_t uid, gid_t gid);
/* box_landlock.c, box_filter.c: for the calling process and all its children, after no_new_privs. */
void box_landlock_apply(const struct box_spec *, struct box_state *);
void box_filter_apply(const struct box_spec *, struct box_state *);

/* box_cgroup.c.  Outside: makes one where that is possible.  Its descriptors stay usable inside. */
void box_cgroup_create(struct box_cgroup *, struct box_state *);
bool box_cgroup_join(const struct box_cgroup *); /* the calling process */
/* Inside: 0 on success, else an errno. */
int box_cgroup_limit(const struct box_cgroup *, int64_t memory_bytes, int64_t processes);
int64_t box_cgroup_oom_kills(const struct box_cgroup *);
int64_t box_cgroup_peak(const struct box_cgroup *); /* bytes; 0: not known */
/* Outside, once it is empty. */
void box_cgroup_destroy(struct box_cgroup *);

#endif
