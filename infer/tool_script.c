/* How formats become scripts. */
#include "infer/tool_script.h"

#include <string.h>

/* --- calls -------------------------------------------------------------------------------------------------------- */

static int state_ends(struct script *s)
{
    const int state = script_state(s, SCRIPT_NOTHING);

    s->states[state].ends = s->n_ends > 0;
    s->states[state].done = s->n_ends == 0;
    return state;
}

/* From behind the trigger on.  Returns where that goes. */
static int add_calls(struct script *s, const struct tool_format *f, const struct tool_wish *wish)
{
    const int name = script_state(s, SCRIPT_NAME), arguments = script_state(s, SCRIPT_ARGUMENTS);
    const int next = f->end ? script_state(s, SCRIPT_NOTHING) : state_ends(s);
    const int after = *f->close[0] ? script_state(s, SCRIPT_NOTHING) : next;
    int open;

    for (int i = 0; i < TOOL_FORMAT_VARIANTS && f->middle[i]; i++)
        if (*f->middle[i])
            script_exit(s, name, f->middle[i], arguments);
        else
            script_exit_before(s, name, "{", arguments);
    script_exit(s, arguments, "", after);
    for (int i = 0; i < TOOL_FORMAT_VARIANTS && f->close[i] && after != next; i++)
        script_exit(s, after, f->close[i], next);
    if (f->again && !wish->one_call)
        script_exit(s, next, f->again, name);
    if (f->end)
        script_exit(s, next, f->end, state_ends(s));
    if (!*f->open)
        return name;
    open = script_state(s, SCRIPT_NOTHING);
    script_exit(s, open, f->open, name);
    return open;
}

static void add_triggers(struct script *s, int from, const struct tool_format *f, int calls)
{
    script_exit(s, from, f->trigger[0], calls);
    if (f->trigger[1])
        script_exit(s, from, f->trigger[1], calls);
}

/* An answer, and perhaps a text that ends it. */
static int add_text(struct script *s, const struct tool_wish *wish)
{
    const int text = script_state(s, SCRIPT_TEXT);

    s->states[text].ends = true;
    if (wish->stop) {
        const int done = script_state(s, SCRIPT_NOTHING);

        s->states[done].done = true;
        script_exit(s, text, wish->stop, done);
    }
    return text;
}

/* What follows reasoning, or where there is none the reply.  think -1: none may come. */
static int add_begin(struct script *s, const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish, int text,
                     int calls, int think)
{
    const bool here = calls >= 0 && (wish->required || f->at_start);
    int begin;

    if (!here && think < 0)
        return text;
    begin = script_state(s, SCRIPT_NOTHING);
    s->states[begin].blanks = true;
    s->states[begin].otherwise = wish->required ? -1 : text;
    if (think >= 0)
        script_exit(s, begin, marks->open, think);
    if (here)
        add_triggers(s, begin, f, calls);
    return begin;
}

static void add_bans(struct script *s, const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish)
{
    if (wish->thinks || wish->thinking) {
        script_ban(s, marks->open);
        script_ban(s, marks->close);
    }
    if (wish->tools && !wish->calls && f->trigger[0] && !f->at_start)
        script_ban(s, f->trigger[0]);
}

/* [reasoning] text [calls] */
static void make_plain(struct script *s, const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish)
{
    const int calls = wish->calls ? add_calls(s, f, wish) : -1;
    const int text = wish->required ? -1 : add_text(s, wish);
    const int think = wish->thinks || wish->thinking ? script_state(s, SCRIPT_REASONING) : -1;
    int begin;

    if (calls >= 0 && text >= 0 && !f->at_start)
        add_triggers(s, text, f, calls);
    begin = add_begin(s, f, marks, wish, text, calls, -1);
    if (think >= 0)
        script_exit(s, think, marks->close, begin);
    s->start = wish->thinking ? think : wish->thinks ? add_begin(s, f, marks, wish, text, calls, think) : begin;
    add_bans(s, f, marks, wish);
}

void tool_format_script(const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish, struct script *s)
{
    struct notation_mark *marks_of[] = { &s->notation.key_open, &s->notation.key_close, &s->notation.text_close, &s->notation.value_close,
                                         &s->notation.quote };

    s->notation = f->notation;
    for (size_t i = 0; i < sizeof marks_of / sizeof *marks_of; i++)
        marks_of[i]->len = marks_of[i]->text ? strlen(marks_of[i]->text) : 0;
    s->trims = true;
    (f->make ? f->make : make_plain)(s, f, marks, wish);
}

/* --- OpenAI's harmony --------------------------------------------------------------------------------------------- */

#define NEXT "<|end|><|start|>assistant"

/*
 * A reply is a row of messages, each with its channel: analysis is reasoning, final is the answer, commentary is what is said before a
 * call; a call stands in commentary, addressed before or behind its channel.
 */
void tool_script_harmony(struct script *s, const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish)
{
    const int begin = script_state(s, SCRIPT_NOTHING), think = script_state(s, SCRIPT_REASONING);
    int name[2], arguments, text, done, preamble;

    (void)f;
    (void)marks;
    s->start = begin;
    script_exit(s, begin, "<|channel|>analysis<|message|>", think);
    script_exit(s, think, NEXT, begin);
    if (!wish->required) {
        text = add_text(s, wish);
        script_exit(s, begin, "<|channel|>final<|message|>", text);
    }
    if (!wish->calls)
        return;
    arguments = script_state(s, SCRIPT_ARGUMENTS);
    done = script_state(s, SCRIPT_NOTHING);
    script_exit(s, arguments, "", done);
    preamble = script_state(s, SCRIPT_TEXT);
    script_exit(s, begin, "<|channel|>commentary<|message|>", preamble);
    script_exit(s, preamble, NEXT, begin);
    for (int i = 0; i < 2; i++)
        name[i] = script_state(s, SCRIPT_NAME);
    script_exit(s, begin, "<|channel|>commentary to=functions.", name[0]);
    script_exit(s, name[0], " <|constrain|>json<|message|>", arguments);
    script_exit(s, begin, " to=functions.", name[1]);
    script_exit(s, name[1], "<|channel|>commentary json<|message|>", arguments);
    script_exit(s, name[1], "<|channel|>commentary <|constrain|>json<|message|>", arguments);
    s->states[done].ends = true;
    script_end_token(s, tokenizer_special(s->tokenizer, "<|call|>"));
}

/* --- Cohere's Command --------------------------------------------------------------------------------------------- */

/* Reasoning if any, and then an action or a response, each between marks. */
void tool_script_command(struct script *s, const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish)
{
    const int first = script_state(s, SCRIPT_NOTHING), think = script_state(s, SCRIPT_REASONING), then = script_state(s, SCRIPT_NOTHING);
    const int begins[] = { first, then }, calls = wish->calls ? add_calls(s, f, wish) : -1;
    const int text = wish->required ? -1 : script_state(s, SCRIPT_TEXT);

    s->start = wish->thinking ? think : wish->thinks ? first : then;
    script_exit(s, first, marks->open, think);
    script_exit(s, think, marks->close, then);
    if (text >= 0)
        script_exit(s, text, "<|END_RESPONSE|>", state_ends(s));
    for (int i = 0; i < 2; i++) {
        s->states[begins[i]].blanks = true;
        if (calls >= 0)
            script_exit(s, begins[i], f->trigger[0], calls);
        if (text >= 0)
            script_exit(s, begins[i], "<|START_RESPONSE|>", text);
    }
}

/* --- thought, action, observation --------------------------------------------------------------------------------- */

void tool_script_react(struct script *s, const struct tool_format *f, const struct thinking_marks *marks, const struct tool_wish *wish)
{
    int begin, thought, name, arguments, done, think;

    (void)f;
    if (!wish->tools) {
        make_plain(s, f, marks, wish);
        return;
    }
    begin = script_state(s, SCRIPT_NOTHING);
    thought = script_state(s, SCRIPT_REASONING);
    s->states[begin].blanks = true;
    script_exit(s, begin, "Thought:", thought);
    if (!wish->required)
        script_exit(s, thought, "\nFinal Answer:", add_text(s, wish));
    s->start = begin;
    if (wish->calls) {
        name = script_state(s, SCRIPT_NAME);
        arguments = script_state(s, SCRIPT_ARGUMENTS);
        done = script_state(s, SCRIPT_NOTHING);
        s->states[done].done = true;
        script_exit(s, thought, "\nAction: ", name);
        script_exit(s, name, "\nAction Input: ", arguments);
        script_exit(s, arguments, "", done);
    }
    if (!wish->thinks && !wish->thinking)
        return;
    think = script_state(s, SCRIPT_REASONING);
    script_exit(s, think, marks->close, begin);
    if (wish->thinking) {
        s->start = think;
        return;
    }
    s->start = script_state(s, SCRIPT_NOTHING);
    s->states[s->start].blanks = true;
    script_exit(s, s->start, marks->open, think);
    script_exit(s, s->start, "Thought:", thought);
}
