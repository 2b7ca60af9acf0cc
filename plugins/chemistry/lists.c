/*
 * lists.c - the tools purchasable and patent: whether a molecule is in a list that the operator has put into a folder of roots.
 *
 * They say in which list of what date a molecule is or is not, and no more: a list may be old, and what no list has may be for
 * sale or patented.  A file of a list is mapped for the time of a call; who shortens it meanwhile ends this process, and the next
 * call starts another.
 */
#include "tools.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inchi.h"
#include "molecule_list.h"
#include "tool.h"

#define SUFFIX      ".molecules"
#define MAX_LISTS   16
#define MAX_ENTRIES 10000 /* of a folder that are looked at */

struct file {
    void *data;
    size_t len;
    struct molecule_list list;
};

/* Of the call in progress; calls come one after the other, and its threads only read. */
static struct file files[MAX_LISTS];
static size_t n_files;
static char refused[256]; /* what was wrong with a list: the last one's name and reason */

static void close_lists(void)
{
    while (n_files > 0) {
        n_files--;
        munmap(files[n_files].data, files[n_files].len);
    }
}

static void *map_file(int dir, const char *name, size_t *len)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    void *data = MAP_FAILED;
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        *len = (size_t)st.st_size;
        data = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    return data == MAP_FAILED ? NULL : data;
}

static void open_list(int dir, const char *name, const char *kind)
{
    struct file *f = &files[n_files];
    const char *wrong;

    f->data = map_file(dir, name, &f->len);
    if (f->data == NULL) {
        snprintf(refused, sizeof refused, "%.100s cannot be read", name);
        return;
    }
    wrong = molecule_list_open(&f->list, f->data, f->len);
    if (wrong)
        snprintf(refused, sizeof refused, "%.100s: %s", name, wrong);
    if (wrong || strcmp(f->list.kind, kind) != 0)
        munmap(f->data, f->len);
    else
        n_files++;
}

static void open_folder(const char *path, const char *kind)
{
    DIR *dir = opendir(path);
    const struct dirent *e;
    int left = MAX_ENTRIES;

    while (dir && left-- > 0 && n_files < MAX_LISTS && (e = readdir(dir)) != NULL) {
        size_t len = strlen(e->d_name);

        if (len > sizeof SUFFIX - 1 && strcmp(e->d_name + len - (sizeof SUFFIX - 1), SUFFIX) == 0)
            open_list(dirfd(dir), e->d_name, kind);
    }
    if (dir)
        closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->list.name, ((const struct file *)b)->list.name);
}

/* CORAX_E_UNAVAIL, said why, when there is none. */
static int open_lists(const struct corax_host *h, struct corax_call *c, const char *kind)
{
    const struct tool t = { .host = h, .call = c };
    const char *name, *path;

    refused[0] = '\0';
    for (size_t i = 0; CORAX_HAS(h, root) && h->root(i, &name, &path) == CORAX_OK; i++)
        open_folder(path, kind);
    qsort(files, n_files, sizeof *files, by_name);
    if (n_files > 0)
        return CORAX_OK;
    return tool_refuse(&t, CORAX_E_UNAVAIL,
                       "unavailable: no list of kind %s (*" SUFFIX ") in the folders that roots names%s%s", kind,
                       refused[0] ? "; " : "", refused);
}

static void add_list(struct answer *a, cJSON *results, const struct molecule_list *l, enum molecule_list_answer found)
{
    static const char *const words[] = { "not_in", "in", "variant_in", "damaged" };
    cJSON *item = cJSON_CreateObject();
    const char *sep = a->len ? "; " : "";

    if (found == MOLECULE_PRESENT && l->bloom)
        answer_addf(a, "%sin %s of %s (a filter: one in %.0f that it has not is said to be in it)", sep, l->name,
                    l->date, 1 / (molecule_list_false_hits(l) + 1e-12));
    else if (found == MOLECULE_VARIANT)
        answer_addf(a, "%snot in %s of %s, but with other stereo, isotopes or charge it is", sep, l->name, l->date);
    else if (found == MOLECULE_DAMAGED)
        answer_addf(a, "%s%s of %s is damaged", sep, l->name, l->date);
    else
        answer_addf(a, "%s%s %s of %s", sep, found == MOLECULE_PRESENT ? "in" : "not in", l->name, l->date);
    cJSON_AddStringToObject(item, "list", l->name);
    cJSON_AddStringToObject(item, "date", l->date);
    cJSON_AddStringToObject(item, "answer", words[found]);
    cJSON_AddItemToArray(results, item);
}

static int look_up(const struct rdkit_mol *mol, struct answer *a, struct rdkit_err *err)
{
    cJSON *results;
    char key[INCHI_KEY_SIZE];
    bool found = false;
    int rc = inchi_of(mol, NULL, 0, key, err);

    if (rc != CORAX_OK)
        return rc;
    results = cJSON_CreateArray();
    for (size_t i = 0; i < n_files; i++) {
        enum molecule_list_answer answer = molecule_list_find(&files[i].list, key);

        found = found || answer == MOLECULE_PRESENT;
        add_list(a, results, &files[i].list, answer);
    }
    answer_item(a, "lists", results);
    answer_string(a, "inchikey", key);
    answer_string(a, "status", found ? "ok" : "not_found");
    return CORAX_OK;
}

static int call_with(const struct corax_host *h, struct corax_call *c, const char *kind)
{
    int rc = open_lists(h, c, kind);

    if (rc == CORAX_OK)
        rc = tool_each(h, c, look_up);
    close_lists();
    return rc;
}

static int purchasable_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return call_with(h, c, "purchasable");
}

static int patent_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return call_with(h, c, "patent");
}

const struct corax_tool purchasable_tool = {
    .size = sizeof purchasable_tool,
    .effects = CORAX_FX_READ,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "purchasable",
    .summary =
        "Whether a molecule given as SMILES is in the operator's lists of chemicals for sale, with each list's date.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = purchasable_call,
};

const struct corax_tool patent_tool = {
    .size = sizeof patent_tool,
    .effects = CORAX_FX_READ,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "patent",
    .summary =
        "Whether a molecule given as SMILES is in the operator's lists of molecules that patents mention, with each "
        "list's date; it does not say whether it is new.",
    .args_schema = SMILES_OR_LIST_SCHEMA,
    .result_schema = ANSWER_SCHEMA,
    .call = patent_call,
};
