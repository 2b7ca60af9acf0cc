# The patterns of RDKit's QED.py as rows of a C table: { 'A', "..." }, of acceptors, { 'S', "..." }, of alerts.
# Lines of a list are one string each, or a sum of strings.
/^AcceptorSmarts = \[/ { kind = "A"; next }
/^StructuralAlertSmarts = \[/ { kind = "S"; next }
/^\]/ { kind = "" }
kind != "" {
    split($0, quoted, "'")
    text = text quoted[2]
    if ($0 ~ /\+ *$/)
        next
    gsub(/\\/, "\\\\", text)
    printf "{ '%s', \"%s\" },\n", kind, text
    text = ""
}
