/*
 * daemon/delegate.h - the tool delegate: tasks given to other agents (daemon/builtins.h).
 */
#ifndef DAEMON_DELEGATE_H
#define DAEMON_DELEGATE_H

#include "daemon/builtins.h"

extern const struct builtin builtin_delegate;

#endif
