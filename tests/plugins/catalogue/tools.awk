# The tools of tests/tools/retrieval/tools.jsonl as rows of a C table: TOOL("github_issues_create", "...", "{...}")
# Names become what a plugin's may be: the service in front, capitals as words of their own.  Three of four, since a plugin has 256 at most.
NR % 4 {
    match($0, /"provider":"[^"]*"/); provider = substr($0, RSTART + 12, RLENGTH - 13)
    match($0, /"name":"[^"]*"/); name = substr($0, RSTART + 8, RLENGTH - 9)
    match($0, /"description":"[^"]*"/); about = substr($0, RSTART + 15, RLENGTH - 16)
    schema = substr($0, index($0, "\"inputSchema\":") + 14)
    schema = substr(schema, 1, length(schema) - 1)
    sub(/"properties":\{\}/, "\"properties\":{ }", schema)
    gsub(/\{\}/, "{\"type\":\"string\",\"maxLength\":200}", schema)
    sub(/\}$/, ",\"additionalProperties\":false}", schema)
    gsub(/"/, "\\\"", schema)
    gsub(/-/, "_", provider)
    word = ""
    for (i = 1; i <= length(name); i++) {
        c = substr(name, i, 1)
        word = word (c ~ /[A-Z]/ && i > 1 && substr(name, i - 1, 1) ~ /[a-z0-9]/ ? "_" : "") tolower(c)
    }
    printf "TOOL(\"%s_%s\", \"%s\", \"%s\")\n", provider, word, about, schema
}
