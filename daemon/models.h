/*
 * daemon/models.h - all models that corax.conf names, and which of them are loaded.
 *
 * The default is loaded at the start and stays.  The others are loaded when a chat needs them, at most max_models at the same time: the
 * one that was used longest ago and has no chat makes room.  Where all have chats, a chat waits until one has none.
 */
#ifndef DAEMON_MODELS_H
#define DAEMON_MODELS_H

#include "daemon/model.h"

struct models;

/* config stays the caller's, and its models where they are. */
struct models *models_create(struct event_base *, const struct config *, struct err *);
void models_destroy(struct models *);

/* of is one of the config's.  As model_chat. */
struct model_chat *models_chat(struct models *, const struct model_file *of, const struct model_ask *,
                               const struct model_chat_ops *, void *arg);
const char *models_name(const struct models *, const struct model_file *of); /* as model_name; of NULL "" */
/* Tokens that its context holds; 0: not known yet. */
int64_t models_context(const struct models *, const struct model_file *of);
/* The members "model", the default, and "models".  true when none is down. */
bool models_write_health(const struct models *, struct jsonw *);

#endif
