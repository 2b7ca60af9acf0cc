/*
 * daemon/coraxd.h - the parts of the running daemon, for those that tie them together.
 */
#ifndef DAEMON_CORAXD_H
#define DAEMON_CORAXD_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"

struct options;
struct remodel;

struct coraxd {
    const struct options *options; /* of the command line (coraxd.c) */
    struct event_base *base;
    struct config config;
    struct policies *policies;
    struct registry *registry;
    struct retrieval *retrieval; /* over it */
    struct journal *journal;
    struct upkeep *upkeep;
    struct models *models;
    struct vectors *vectors; /* of texts; and of what they are: */
    struct memory_vectors *memory_vectors;
    struct tool_vectors *tool_vectors;
    struct hosts *hosts;
    struct foreign *foreign;
    int n_settled; /* of these two */
    struct isolation *isolation;
    struct alarms *alarms;
    struct scheduler *scheduler;
    struct schedules *schedules;
    struct http *http;
    struct mcp *mcp; /* NULL before it is there, and at the end */
    struct remodel *remodels; /* replays that ask the model: task_remodel.c's list */
    int64_t started_ms; /* monotonic */
    bool ending;        /* it was told to end */
};

#endif
