/*
 * nomenclature-fuzz - any text as a systematic name: it is read as a structure whose SMILES can be handed on, with stereo on its atoms, or not
 * read with a reason; twice the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/chemistry/nomenclature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nomenclature_result r, again;
    bool good = nomenclature_read((const char *)data, size, &r);

    require(nomenclature_read((const char *)data, size, &again) == good && strcmp(r.smiles, again.smiles) == 0);
    if (good) {
        size_t n = strlen(r.smiles);

        require(n > 0 && n <= RDKIT_MAX_SMILES && r.n_stereo <= NOMENCLATURE_MAX_STEREO);
        require(strspn(r.smiles, "BCNOFPSIlrieGnbAsKLHgMZkuRaTdov()[]+-=#.%0123456789") == n);
        for (size_t i = 0; i < r.n_stereo; i++) {
            require(strchr("RSEZct", r.stereo[i].kind) != NULL);
            require(r.stereo[i].a >= -1 && r.stereo[i].a < RDKIT_MAX_HEAVY_ATOMS && r.stereo[i].b < RDKIT_MAX_HEAVY_ATOMS);
        }
    } else {
        require(r.why != NULL && r.n_stereo == 0);
    }
    return 0;
}
