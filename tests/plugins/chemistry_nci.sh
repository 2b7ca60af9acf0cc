#!/bin/sh
# The chemistry plugin over the NCI molecules that Debian ships (chemistry_nci.py), where there are python3-rdkit and Open Babel.
set -u
skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

[ -f /usr/share/RDKit/Data/NCI/first_5K.smi ] || skip "rdkit-data is not installed"
/usr/bin/python3 -c 'import rdkit, openbabel' 2>/dev/null || skip "python3-rdkit or python3-openbabel is not installed"
request='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"inchi","arguments":{"smiles":"C"}}}'
chmod 755 "$CORAX_BUILDDIR/.libs/chemistry.so"
printf '%s\n' "$request" | "$CORAX_BUILDDIR/corax-host" "$CORAX_BUILDDIR/.libs/chemistry.so" | grep -q 'InChI=1S' ||
    skip "corax was built without RDKit or libinchi"
exec /usr/bin/python3 "$CORAX_SRCDIR/tests/plugins/chemistry_nci.py" "$CORAX_BUILDDIR/corax-host" "$CORAX_BUILDDIR/.libs/chemistry.so"
