#include "infer/conversion.h"

int conversion_tokenizer(struct conversion *c, bool *found, struct err *err)
{
    (void)c;
    (void)err;
    *found = false;
    return 0;
}
