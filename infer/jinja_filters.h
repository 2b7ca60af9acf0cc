/*
 * infer/jinja_filters.h - the filters, in two tables: those that make text, and those that work on lists and values.
 */
#ifndef INFER_JINJA_FILTERS_H
#define INFER_JINJA_FILTERS_H

#include "infer/jinja_value.h"

const struct builtin *text_filter_find(const char *name, size_t len);
const struct builtin *list_filter_find(const char *name, size_t len);

#endif
