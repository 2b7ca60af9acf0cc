# reactions.rules as rows of a C table: RULE("id", "name", "smarts\nelse\nsmarts", "retro", "needs", "without", flags, "note", "source")
# {NAME} in a SMARTS is what "let NAME" said.  Examples and counter-examples are the tests'.
function quoted(s) {
    gsub(/\\/, "&&", s)
    gsub(/"/, "\\\"", s)
    gsub(/\n/, "\\n", s)
    return "\"" s "\""
}
function expanded(s,    from, to) {
    while ((from = index(s, "{")) > 0) {
        to = index(s, "}")
        if (!(substr(s, from + 1, to - from - 1) in macro)) {
            print FILENAME ":" NR ": unknown {" substr(s, from + 1, to - from - 1) "}" > "/dev/stderr"
            exit failed = 1
        }
        s = substr(s, 1, from - 1) macro[substr(s, from + 1, to - from - 1)] substr(s, to + 1)
    }
    return s
}
function put() {
    if (id != "")
        printf "RULE(%s, %s,\n     %s,\n     %s, %s, %s, %s, %s, %s)\n", quoted(id), quoted(name), quoted(smarts), quoted(retro),
               quoted(needs), quoted(without), flags, quoted(note), quoted(source)
    id = ""
}
/^#/ || /^$/ { next }
{
    key = $1
    rest = $0
    sub(/^[^ ]+ */, "", rest)
}
key == "let" {
    sub(/^[^ ]+ +/, "", rest)
    macro[$2] = expanded(rest)
    next
}
key == "rule" {
    put()
    id = rest
    name = smarts = retro = needs = without = note = source = ""
    flags = "0"
    next
}
key == "name" { name = rest; next }
key == "smarts" { smarts = smarts (smarts == "" ? "" : "\n") expanded(rest); next }
key == "else" { smarts = smarts "\nelse"; next }
key == "retro" { retro = retro (retro == "" ? "" : "\n") expanded(rest); next }
key == "needs" { needs = rest; next }
key == "without" { without = rest; next }
key == "repeat" { flags = flags " | RULE_REPEATS"; next }
key == "twice" { flags = flags " | RULE_TWICE"; next }
key == "self" { flags = flags " | RULE_SELF"; next }
key == "note" { note = rest; next }
key == "source" { source = expanded(rest); next }
key == "example" || key == "counter" { next }
{
    print FILENAME ":" NR ": unknown line: " $0 > "/dev/stderr"
    exit failed = 1
}
END {
    if (failed)
        exit 1
    put()
}
