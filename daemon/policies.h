/*
 * daemon/policies.h - the policy files of corax.conf, and which of them a task is judged by.
 *
 * The base is "policies" of corax.conf; "admin_policies" and, of the folder "user_policies", UID.json narrow it for everybody and for
 * that user's tasks; what an agent and a submission bring narrows it for one task (policies/policy.h, "Layers").
 *
 * Loaded as a whole, at the start and on SIGHUP.  A call that is under way holds on to the ones it was judged by.
 */
#ifndef DAEMON_POLICIES_H
#define DAEMON_POLICIES_H

#include <stdint.h>

#include "daemon/config.h"
#include "policies/policy.h"

struct policies;

/* Holds one reference.  NULL: err names the file and what is wrong. */
struct policies *policies_load(const struct config *, struct err *);
struct policies *policies_hold(struct policies *);
void policies_release(struct policies *); /* NULL: nothing */

/* The layers for a task of this user; own is the task's, or NULL.  Returns how many; some may be NULL. */
size_t policies_layers(const struct policies *, uint32_t uid, const struct policy *own,
                       const struct policy *layers[POLICY_MAX_LAYERS]);
const char *policies_layer_name(size_t i); /* "base", "admin", "user", "task" */
/*
 * The policy of an agent's file and that of a submission, each NULL for none, as the layer of a task.  NULL with CORAX_E_ARGS.
 */
struct policy *policies_narrowing(const struct json *of_agent, const struct json *of_task, struct err *);
/* Can they be one?  0 or -1, as above. */
int policies_check_narrowing(const struct json *of_agent, const struct json *of_task, struct err *);
/* Of the base where there is no other layer, else of all of them: 64 hex digits and a NUL. */
void policies_hash(const struct policies *, uint32_t uid, const struct policy *own, char out[65]);

#endif
