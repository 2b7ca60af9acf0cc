/*
 * daemon/mcp.h - coraxd as an MCP server: /mcp (docs/mcp.md).
 *
 * Tools are the registry's, each called by a task of its own (agent/planner_call.c), and run_task, which is a whole
 * task; prompts and resources are the operator's (daemon/mcp_offer.h), and tasks can be read as resources.
 *
 * The parts: mcp_request.c reads what a client sent, mcp_answer.c is the HTTP answer, mcp_call.c a call of a tool,
 * mcp_ask.c what a call asks its client, mcp_task.c the tasks extension, mcp_session.c sessions and who listens for
 * changes, mcp_seal.c and mcp_offer.c what their names say.
 */
#ifndef DAEMON_MCP_H
#define DAEMON_MCP_H

#include "daemon/coraxd.h"
#include "daemon/http.h"
#include "daemon/mcp_offer.h"

struct mcp;

/* Takes the offer when it succeeds. */
struct mcp *mcp_create(struct coraxd *, struct mcp_offer *, struct err *);
/* Ends what listens; before the server of HTTP goes. */
void mcp_stop(struct mcp *);
void mcp_destroy(struct mcp *);
/* Another offer, which is taken: clients that listen are told. */
void mcp_reloaded(struct mcp *, struct mcp_offer *);
/* Plugins may have brought tools, or lost them. */
void mcp_tools_changed(struct mcp *);
/* A task has further events: who watches it is told.  NULL is fine. */
void mcp_task_changed(struct mcp *, const char *id, uint32_t uid);
/* Any method. */
void mcp_handle(struct mcp *, struct evhttp_request *, const struct http_peer *);

#endif
