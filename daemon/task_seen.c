/*
 * The label of all that a task has seen, and labels in its events.
 */
#include "daemon/task.h"
#include "policies/match.h"

void task_saw(struct task *t, struct label label)
{
    t->seen = label_join(t->seen, label);
}

void task_write_label(struct jsonw *w, const char *key, struct label label)
{
    jsonw_object(w, key);
    jsonw_text(w, "integrity", integrity_name(label.integrity));
    jsonw_text(w, "confidentiality", confidentiality_name(label.confidentiality));
    jsonw_end(w);
}

void task_record_label(struct entry *e, const char *key, struct label label)
{
    size_t at;

    if (label_is_within(label, (struct label){ TRUSTED, PUBLIC }))
        return;
    at = entry_mark(e);
    task_write_label(&e->w, key, label);
    entry_seal(e, key, at);
}

struct label task_read_label(const struct json *j)
{
    struct label label = { TRUSTED, PUBLIC };

    if (j && match_read_label(j, "label", &label, NULL) < 0)
        label = (struct label){ UNTRUSTED, SECRET };
    return label;
}
