#include "infer/free_text.h"

void free_text_make(struct regexes *rs, regex marks, regex begins, struct free_text *out)
{
    static const struct regex_range characters[] = { { 1, 0x10ffff } };
    const regex any = regex_repeat(rs, regex_chars(rs, characters, 1, false), 0, REGEX_MANY);
    const regex has = regex_concat(rs, any, marks), begun = regex_concat(rs, begins, any);

    out->any = any;
    out->without = regex_minus(rs, regex_minus(rs, any, regex_concat(rs, has, any)), begun);
    out->early = regex_or(rs, regex_concat(rs, has, regex_minus(rs, any, REGEX_EMPTY)), begun);
}

regex free_text_until(struct regexes *rs, const struct free_text *t, regex mark)
{
    return regex_minus(rs, regex_concat(rs, t->any, mark), t->early);
}
