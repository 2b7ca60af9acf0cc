/*
 * search-t - search through corax-host: ranking, line numbers, snippets, errors to the letter, what is left out, what a changed
 * folder does, and a deadline in the middle of reading.
 *
 * Not here: how good the ranking is on real collections, and speed.
 */
#include "config.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>

#include "tests/tap.h"
#include "tests/tools/drive.h"

#define WAIT_US 1200000 /* past the second in which the folders are not walked again */

static struct drive d;
static char base[PATH_MAX]; /* notes/ and papers/ are roots, outside/ is not */

static const char *in_base(const char *name)
{
    static char path[2][PATH_MAX + 2048];
    static unsigned turn;
    char *p = path[turn++ % 2];

    snprintf(p, sizeof path[0], "%s/%s", base, name);
    return p;
}

static void make_folder(const char *name)
{
    if (mkdir(in_base(name), 0755) != 0)
        diag("%s: %s", name, strerror(errno));
}

static void put_bytes(const char *name, const char *bytes, size_t len)
{
    FILE *f = fopen(in_base(name), "w");

    if (f == NULL || fwrite(bytes, 1, len, f) != len)
        diag("%s: %s", name, strerror(errno));
    if (f)
        fclose(f);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    return remove(path);
}

static void start(void)
{
    char notes[PATH_MAX + 32], papers[PATH_MAX + 32];
    const char *const options[] = { "--root", notes, "--root", papers, NULL };

    snprintf(notes, sizeof notes, "notes=%s/notes", base);
    snprintf(papers, sizeof papers, "papers=%s/papers", base);
    ok(drive_start_with(&d, options, drive_module("", "search")), "the plugin starts");
}

/* query and limit as JSON; limit NULL: not given. */
static const char *search(const char *query, const char *limit)
{
    char args[8192];

    snprintf(args, sizeof args, "{\"query\":\"%s\"%s%s}", query, limit ? ",\"limit\":" : "", limit ? limit : "");
    return drive_call(&d, "search", args, 0);
}

static void finds(const char *query, const char *want)
{
    is_str(search(query, NULL), want, query);
}

/* Of three hits, the first line. */
static void finds_first(const char *query, const char *want)
{
    char first[4096];

    snprintf(first, sizeof first, "%s", search(query, NULL));
    first[strcspn(first, "\n")] = '\0';
    is_str(first, want, query);
}

/* --- what there is to find ----------------------------------------------------------------------------------------- */

static const char synthesis[] = "# Synthesis of aspirin\n" /* 1 */
                                "\n"
                                "Salicylic acid (2.0 g) is dissolved in acetic anhydride (5 mL) and five\n"
                                "drops of sulfuric acid are added.\n"
                                "\n"
                                "## Reaction ##\n" /* 6 */
                                "\n"
                                "- Heat the flask at 60 C for 15 min in a water bath.\n"
                                "- Cool slowly; crystals begin\n"
                                "  to form.\n" /* 10 */
                                "\n"
                                "# Synthesis of paracetamol\n"
                                "\n"
                                "    4-Aminophenol is stirred with acetic anhydride at 80 C.  \n" /* 14 */
                                "\n"
                                "| compound | solvent | boiling point |\n"
                                "| --- | --- | --- |\n"
                                "| ethanol | water | 78 C |\n"
                                "| toluene | none | 111 C |\n" /* 19 */
                                "\n"
                                "```sh\n"
                                "# not a heading\n" /* 22 */
                                "run_python --lab\n"
                                "```\n"
                                "\n"
                                "## Disposal\n"; /* 26 */

static const char rules[] = "\xef\xbb\xbfLaboratory rules\r\n"
                            "================\r\n"
                            "\r\n"
                            "Wear safety glasses at all times.\r\n" /* 4 */
                            "\r\n"
                            "Emergency phone: 4711.\r\n";

static const char server[] = "=======\nBackups\n=======\n\n"
                             "They run every night at 02:30.\n\n"         /* 5 */
                             "Router\n------\n\nAsk for the password.\n"; /* 10 */

static const char meeting[] = "* Meeting of 12 May\n** Decisions\n"
                              "1. The spectrometer is ordered.\n"                /* 3 */
                              "2. Bj\xc3\xb6rn repairs the evaporator.\n"        /* 4 */
                              "   S\xc3\xa4urechloride are kept under argon.\n"; /* 5 */

static void make_notes(void)
{
    make_folder("notes");
    make_folder("papers");
    make_folder("outside");
    make_folder("notes/lab");
    put("notes/synthesis.md", synthesis);
    put("notes/lab/rules.txt", rules);
    put("papers/server.rst", server);
    put("papers/meeting.org", meeting);
    put("papers/ignored.pdf", "aspirin in a file of another kind\n");
}

static void test_finding(void)
{
    finds("salicylic", "notes/synthesis.md:3: Salicylic acid (2.0 g) is dissolved in acetic anhydride (5 mL) and five");
    finds("sulfuric drops", "notes/synthesis.md:4: drops of sulfuric acid are added.");
    finds("acid drops", "notes/synthesis.md:4: drops of sulfuric acid are added.");
    finds("SALICYLIC ACIDS",
          "notes/synthesis.md:3: Salicylic acid (2.0 g) is dissolved in acetic anhydride (5 mL) and five");
    finds("aspirin heating", "notes/synthesis.md:8: - Heat the flask at 60 C for 15 min in a water bath.");
    finds("how is aspirin heated?", "notes/synthesis.md:8: - Heat the flask at 60 C for 15 min in a water bath.");
    finds("to form crystals", "notes/synthesis.md:9: - Cool slowly; crystals begin");
    finds("forming", "notes/synthesis.md:10: to form.");
    finds("paracetamol anhydride", "notes/synthesis.md:14: 4-Aminophenol is stirred with acetic anhydride at 80 C.");
    finds("toluene boiling point", "notes/synthesis.md:19: | toluene | none | 111 C |");
    finds("ethanol boil", "notes/synthesis.md:18: | ethanol | water | 78 C |");
    finds("heading", "notes/synthesis.md:22: # not a heading");
    finds("run_python", "notes/synthesis.md:23: run_python --lab");
    finds("disposal", "notes/synthesis.md:26: ## Disposal");
    finds("laboratory glasses", "notes/lab/rules.txt:4: Wear safety glasses at all times.");
    finds("4711", "notes/lab/rules.txt:6: Emergency phone: 4711.");
    finds("backup night", "papers/server.rst:5: They run every night at 02:30.");
    finds("router password", "papers/server.rst:10: Ask for the password.");
    finds("spectrometer meeting", "papers/meeting.org:3: 1. The spectrometer is ordered.");
    finds("Bjorn", "papers/meeting.org:4: 2. Bj\xc3\xb6rn repairs the evaporator.");
    finds("BJ\xc3\x96RN", "papers/meeting.org:4: 2. Bj\xc3\xb6rn repairs the evaporator.");
    finds("bj\\u00f6rn", "papers/meeting.org:4: 2. Bj\xc3\xb6rn repairs the evaporator.");
    finds("spectro", "papers/meeting.org:3: 1. The spectrometer is ordered.");
    finds("saurechlor", "papers/meeting.org:5: S\xc3\xa4urechloride are kept under argon.");
    finds("where is a book", "error: nothing found for \"where is a book\": try fewer or other words");
}

static void test_ranking(void)
{
    put("notes/rank-a.md",
        "The quokka is mentioned once here, among many other words about other animals of the island.\n");
    put("notes/rank-b.md", "Quokka, quokka.\n");
    put("notes/rank-c.md", "A wombat.\n\nA wombat.\n\nA wombat.\n");
    put("papers/rank-d.md", "A wombat.\n");
    put("papers/rank-e.md",
        "# Numbat\n\nIt eats termites.\n\n# Other\n\nTermites are eaten by others, too, says the book.\n");
    put("papers/rank-f.md", "The numbat was seen.\n\nThe dunnart was seen.\n");
    usleep(WAIT_US);
    finds("quokka",
          "notes/rank-b.md:1: Quokka, quokka.\n"
          "notes/rank-a.md:1: The quokka is mentioned once here, among many other words about other animals of the "
          "island.");
    finds("wombat", "notes/rank-c.md:1: A wombat.\nnotes/rank-c.md:3: A wombat.\nnotes/rank-c.md:5: A wombat.");
    is_str(search("wombat", "1"), "notes/rank-c.md:1: A wombat.", "limit 1");
    is_str(search("wombat", "20"),
           "notes/rank-c.md:1: A wombat.\nnotes/rank-c.md:3: A wombat.\nnotes/rank-c.md:5: A wombat.\n"
           "papers/rank-d.md:1: A wombat.",
           "limit 20: equal ones by path and line");
    is_str(search("wombat", "2.0"), "notes/rank-c.md:1: A wombat.\nnotes/rank-c.md:3: A wombat.", "limit 2.0");
    has_str(search("wombat", "0"), "error: ", "limit 0 is refused");
    has_str(search("wombat", "21"), "error: ", "limit 21 is refused");
    finds_first("numbat termites", "papers/rank-e.md:3: It eats termites.");
    is_str(search("numbat dunnart", "20"),
           "papers/rank-f.md:3: The dunnart was seen.\npapers/rank-e.md:3: It eats termites.\n"
           "papers/rank-f.md:1: The numbat was seen.",
           "where no passage has all words, any of them will do, the rare one first");
    finds("rank-d", "papers/rank-d.md:1: A wombat.");
}

static void test_json(void)
{
    struct tool_result r;
    struct err err = { 0 };
    char copy[512] = "";

    drive_begin(&d, "search", "{\"query\":\"quokka\",\"limit\":1}", 0);
    if (!ok(drive_result(&d, &r, &err) == 0 && !r.error && r.structured_len < sizeof copy, "a structured result"))
        return;
    memcpy(copy, r.structured, r.structured_len);
    has_str(copy, "{\"hits\":[{\"path\":\"notes/rank-b.md\",\"line\":1,\"text\":\"Quokka, quokka.\",\"score\":",
            "has the same hit");
}

static void test_errors(void)
{
    char args[8192] = "";

    finds("", "error: the query has no word to look for");
    finds("  \\t\\n", "error: the query has no word to look for");
    finds("?! -- \xe2\x80\x94", "error: the query has no word to look for");
    finds("xylophone", "error: nothing found for \"xylophone\": try fewer or other words");
    memset(args, 'x', 1001);
    finds(args, "error: the query has 1001 characters, at most 1000 are allowed");
    args[1000] = '\0';
    has_str(search(args, NULL), "error: nothing found for \"xxxxx", "1000 are");
    has_str(search(args, NULL), "xxx\xe2\x80\xa6\": try fewer or other words", "the error repeats the beginning");
    args[0] = '\0';
    for (int i = 0; i < 65; i++)
        strcat(args, "wombat ");
    finds(args, "error: the query has 65 words, at most 64 are allowed");
    args[64 * 7] = '\0';
    has_str(search(args, NULL), "notes/rank-c.md:1:", "64 words are looked for");
    has_str(drive_call(&d, "search", "{}", 0), "error: ", "no query");
    has_str(drive_call(&d, "search", "{\"query\":1}", 0), "error: ", "a query that is no string");
}

/* The words are data: nothing in them is FTS5's syntax, SQL or a pattern. */
static void test_syntax(void)
{
    static const char *const queries[] = {
        "\\\"quokka",
        "quokka\\\"",
        "\\\"\\\"quokka\\\"\\\"",
        "quokka*",
        "^quokka",
        "quokka^",
        "-quokka",
        "+quokka",
        "(quokka",
        "quokka)",
        "{body} : quokka",
        "body:quokka zzz",
        "quokka; DROP TABLE words; --",
        "'quokka'",
        "quokka' OR '1'='1",
        "quokka AND",
        "NEAR(quokka, 2)",
        "quokka NOT zzzz",
        "OR quokka",
        "quokka\\u0001",
        "quokka %s %n",
        "\\\\quokka",
        "quokka + +",
        "quokka:*",
    };

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        has_str(search(queries[i], NULL), "notes/rank-b.md:1: Quokka, quokka.", queries[i]);
    finds("NOT", "notes/synthesis.md:22: # not a heading");
    has_str(search("AND OR NOT NEAR", NULL), "notes/", "nothing but operators");
    finds("qu*ka", "error: nothing found for \"qu*ka\": try fewer or other words");
}

/* --- snippets ------------------------------------------------------------------------------------------------------ */

static void is_snippet(const char *query, const char *begin, const char *end, const char *word)
{
    const char *got = search(query, "1"), *text = strstr(got, ": ");
    size_t chars = 0;

    for (const char *p = text ? text + 2 : ""; *p; p++)
        chars += ((unsigned char)*p & 0xc0) != 0x80;
    if (!ok(text && chars <= 160 && chars >= 120, "%s: %zu characters", query, chars))
        diag("got %s", got);
    has_str(got, word, "with the word");
    ok(text && strncmp(text + 2, begin, strlen(begin)) == 0, "begins with \"%s\"", begin);
    ok(strlen(got) > strlen(end) && strcmp(got + strlen(got) - strlen(end), end) == 0, "ends with \"%s\"", end);
}

static void test_snippets(void)
{
    static char line[300000];
    size_t at = 0;

    at += (size_t)sprintf(line + at, "alphaword ");
    for (int i = 0; i < 50; i++)
        at += (size_t)sprintf(line + at, "fill%02d ", i);
    at += (size_t)sprintf(line + at, "middleword ");
    for (int i = 50; i < 100; i++)
        at += (size_t)sprintf(line + at, "fill%02d ", i);
    sprintf(line + at, "omegaword\n");
    put("notes/long.txt", line);
    at = 0;
    for (int i = 0; i < 100; i++) /* no space to cut at, two bytes each */
        at += (size_t)sprintf(line + at, "\xc3\xa4\xc3\xb6,");
    sprintf(line + at, "umlautword");
    put("notes/umlauts.txt", line);
    at = 0;
    for (int i = 0; i < 30000; i++)
        at += (size_t)sprintf(line + at, i == 20000 ? "needleword " : "hay%05d ", i);
    put("notes/hay.txt", line);
    memset(line, 'z', 159);
    strcpy(line + 159, " exactword trailing");
    put("notes/exact.txt", line);
    memset(line, 'y', 148);
    strcpy(line + 148, " wholesword ");
    put("notes/whole.txt", line);
    usleep(WAIT_US);
    is_snippet("alphaword", "alphaword fill00 ", "\xe2\x80\xa6", "alphaword");
    is_snippet("middleword",
               "\xe2\x80\xa6"
               "fill",
               "\xe2\x80\xa6", " middleword ");
    is_snippet("omegaword",
               "\xe2\x80\xa6"
               "fill",
               " omegaword", "omegaword");
    is_snippet("umlautword", "\xe2\x80\xa6", "umlautword", "\xc3\xb6,umlautword");
    is_snippet("needleword", "\xe2\x80\xa6hay", "\xe2\x80\xa6", " needleword hay");
    has_str(search("needleword", NULL), "notes/hay.txt:1: ", "a piece of a long line has the line's number");
    has_str(search("exactword", NULL), "notes/exact.txt:1: \xe2\x80\xa6", "a line that is just too long");
    is_int((long long)strlen(search("wholesword", NULL)), (long long)strlen("notes/whole.txt:1: ") + 159,
           "a line of 159 characters is shown whole");
}

/* --- files that are no notes --------------------------------------------------------------------------------------- */

static void test_odd_files(void)
{
    char path[PATH_MAX + 32], deep[2048] = "notes";
    int fd;

    put("outside/secret.md", "strangeword in a secret\n");
    snprintf(path, sizeof path, "%s/outside/secret.md", base);
    if (symlink(path, in_base("notes/link.md")) != 0 || symlink("../outside", in_base("notes/linked")) != 0 ||
        symlink("synthesis.md", in_base("notes/again.md")) != 0 || mkfifo(in_base("notes/fifo.md"), 0644) != 0)
        diag("%s", strerror(errno));
    make_folder("notes/folder.md");
    put("notes/.hidden.md", "strangeword\n");
    make_folder("notes/.git");
    put("notes/.git/note.md", "strangeword\n");
    put_bytes("notes/binary.txt", "strangeword\n\0\n", 14);
    put_bytes("notes/utf16.txt", "\xff\xfes\0t\0r\0a\0n\0g\0e\0", 16);
    put("notes/huge.txt", "strangeword\n");
    fd = open(in_base("notes/huge.txt"), O_WRONLY | O_APPEND);
    ok(fd >= 0 && ftruncate(fd, 5 << 20) == 0, "a file of 5 MiB");
    close(fd);
    put("notes/unreadable.md", "strangeword\n");
    chmod(in_base("notes/unreadable.md"), 0);
    for (int i = 0; i < 30; i++) {
        strcat(deep, "/deep");
        make_folder(deep);
    }
    strcat(deep, "/note.md");
    put(deep, "strangeword\n");
    put("notes/deep/deep/deep/note.md", "deepword\n");
    put("notes/latin1.txt", "caf\xe9 latinword \xf0\x28\xed\xa0\x80 end\n");
    put("notes/new\nline\x1b.md", "linefeedword\n");
    put("notes/bad\xff.md", "badnameword\n");
    put("notes/empty.md", "");
    put("notes/blank.md", "\n\n \n");
    usleep(WAIT_US);
    if (geteuid() == 0) /* root reads it all the same */
        remove(in_base("notes/unreadable.md"));
    usleep(geteuid() == 0 ? WAIT_US : 0);
    finds("strangeword", "error: nothing found for \"strangeword\": try fewer or other words");
    finds("salicylic", "notes/synthesis.md:3: Salicylic acid (2.0 g) is dissolved in acetic anhydride (5 mL) and five");
    finds("deepword", "notes/deep/deep/deep/note.md:1: deepword");
    finds("latinword",
          "notes/latin1.txt:1: caf\xef\xbf\xbd latinword \xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd end");
    finds("linefeedword", "notes/new\xef\xbf\xbdline\xef\xbf\xbd.md:1: linefeedword");
    finds("badnameword", "notes/bad\xef\xbf\xbd.md:1: badnameword");
}

/* --- changes ------------------------------------------------------------------------------------------------------- */

static void test_changes(void)
{
    put("notes/change.md", "firstword here\n");
    usleep(WAIT_US);
    finds("firstword", "notes/change.md:1: firstword here");
    put("notes/change.md", "nextsword here\n"); /* as long, and perhaps in the same tick of the file system's clock */
    usleep(WAIT_US);
    finds("nextsword", "notes/change.md:1: nextsword here");
    finds("firstword", "error: nothing found for \"firstword\": try fewer or other words");
    put("notes/change.md", "\n\nthirdword here\n");
    put("notes/added.md", "addedword\n");
    remove(in_base("notes/rank-b.md"));
    rename(in_base("notes/lab"), in_base("notes/hall"));
    usleep(WAIT_US);
    finds("thirdword", "notes/change.md:3: thirdword here");
    finds("addedword", "notes/added.md:1: addedword");
    finds("4711", "notes/hall/rules.txt:6: Emergency phone: 4711.");
    finds_first("quokka",
                "notes/rank-a.md:1: The quokka is mentioned once here, among many other words about other animals of "
                "the island.");
    rename(in_base("papers"), in_base("gone"));
    usleep(WAIT_US);
    finds("spectrometer", "error: nothing found for \"spectrometer\": try fewer or other words");
    rename(in_base("gone"), in_base("papers"));
    usleep(WAIT_US);
    finds("spectrometer", "papers/meeting.org:3: 1. The spectrometer is ordered.");
}

static void test_no_roots(void)
{
    ok(drive_start(&d, NULL, drive_module("", "search")), "the plugin starts without roots");
    finds("aspirin", "error: there is nothing to search: corax.conf names no roots");
    is_int(drive_end(&d), 0, "and ends well");
    start();
    finds("aspirin", "error: there is nothing to search: no .txt, .md, .markdown, .rst or .org file in notes, papers");
    make_notes();
    usleep(WAIT_US);
    has_str(search("aspirin", NULL), "notes/synthesis.md:", "files that come later are found");
    is_int(drive_end(&d), 0, "and ends well");
}

/* Each call gets a little further; none is late, and the last one answers. */
static void test_deadline(void)
{
    static char text[20000];
    size_t at = 0;
    int refused = 0, status = -1;
    char got[512] = "";

    make_folder("notes/many");
    for (int i = 0; at < sizeof text - 100; i++)
        at += (size_t)sprintf(text + at, "Paragraph %d has a few words of its own: w%dx w%dy.\n\n", i, i * 7919,
                              i * 104729);
    for (int i = 0; i < 600; i++) {
        char name[64];

        sprintf(name, "notes/many/%03d.md", i);
        put(name, text);
    }
    for (int i = 0; i < 2500; i++) { /* more than FTS5 has room for segments */
        char name[64];

        sprintf(name, "notes/many/tiny-%04d.md", i);
        put(name, "A tiny note.\n");
    }
    put("notes/many/zz.md", "lastword\n");
    usleep(2100000); /* until the files are old enough not to be read twice */
    for (int64_t deadline_ms = 400; deadline_ms < 10000; deadline_ms *= 4) {
        start();
        refused = 0;
        for (int i = 0; i < 1000; i++) {
            snprintf(got, sizeof got, "%s", drive_call(&d, "search", "{\"query\":\"lastword\"}", deadline_ms));
            if (strstr(got, "error: the files are still being read (") && strstr(got, " so far): search again"))
                refused++;
            else if (strcmp(got, "error: there was no time to look for all of that: try fewer words") != 0)
                break;
        }
        status = drive_end(&d);
        if (status == 0)
            break;
        diag("%s: a machine this busy needs longer deadlines", got);
    }
    is_str(got, "notes/many/zz.md:1: lastword", "the last file is found in the end");
    ok(refused > 0, "after %d calls that were told to search again", refused);
    is_int(status, 0, "and no call was late");
}

int main(void)
{
    snprintf(base, sizeof base, "%s/corax-search.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(base) == NULL)
        skip_all("no temporary folder");
    plan_later();
    test_no_roots();
    start();
    test_finding();
    test_ranking();
    test_json();
    test_errors();
    test_syntax();
    test_snippets();
    test_odd_files();
    test_changes();
    is_int(drive_end(&d), 0, "the plugin ends well");
    test_deadline();
    done();
    nftw(base, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return tap_status();
}
