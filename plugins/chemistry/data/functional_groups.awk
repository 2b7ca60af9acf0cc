# The groups of functional_groups.tsv as rows of a C table: { "ester", "[CX3](=O)..." },
BEGIN { FS = "\t" }
/^#/ { next }
NF < 2 { print FILENAME ":" FNR ": a line has a name, a SMARTS, and molecules" > "/dev/stderr"; exit 1 }
{ printf "{ \"%s\", \"%s\" },\n", $1, $2 }
