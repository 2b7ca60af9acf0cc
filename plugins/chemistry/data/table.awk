# Rows of a table of data as rows of a C table, ROW("...", ...): fields are separated by tabs, "# " begins a comment, and a row that begins
# with "@list" is a LIST("...", ...).  "@columns N" says how many there are; missing ones are empty.
BEGIN { FS = "\t" }
function quoted(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}
/^#( |$)/ || /^$/ { next }
$1 == "@columns" { columns = $2; next }
{
    list = $1 == "@list"
    row = list ? "LIST(" : "ROW("
    last = list ? NF : columns
    for (i = list + 1; i <= last; i++)
        row = row quoted($i) (i < last ? ", " : ")")
    print row
}
