# The compounds of names.tsv as rows of two C tables: COMPOUND("aspirin", "acetylsalicylic acid;ASA", "CC(=O)...", "50-78-2", "BSYN...")
# and, for each name that a compound has, NAME("acetylsalicylicacid", 2): in the spelling in which names are compared, and whose it is.
BEGIN { FS = "\t" }
function quoted(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}
function add(name) {
    name = tolower(name)
    gsub(/[ -]/, "", name)
    if (name in owner && owner[name] != n) {
        print FILENAME ":" FNR ": two compounds have the name " name > "/dev/stderr"
        exit failed = 1
    }
    if (!(name in owner))
        order[++n_names] = name
    owner[name] = n
}
/^#/ { next }
NF != 6 { print FILENAME ":" FNR ": not six fields" > "/dev/stderr"; exit failed = 1 }
{
    add($1)
    k = split($2, synonyms, ";")
    for (i = 1; i <= k; i++)
        add(synonyms[i])
    printf "COMPOUND(%s, %s, %s, %s, %s)\n", quoted($1), quoted($2), quoted($3), quoted($4), quoted($5)
    n++
}
END {
    if (failed)
        exit 1
    for (i = 1; i <= n_names; i++)
        printf "NAME(%s, %d)\n", quoted(order[i]), owner[order[i]]
}
