# Completion of tcpentry for bash. The program knows the words: `tcpentry complete-words WORD...` prints those that may
# stand for the last WORD, a line each, with their meaning behind a tab.

_tcpentry() {
    local line=${COMP_LINE:0:COMP_POINT} part word typed glued
    local -a words=()
    # bash splits a word at : = and others, too. Here only blanks part them.
    for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ ${#words[@]} -eq 0 || $line == [[:space:]]* ]]; then
            line=${line#"${line%%[![:space:]]*}"}
            words+=("")
        fi
        # The word at the cursor may go on behind it.
        [[ $line == "$part"* ]] || part=$line
        words[-1]+=$part
        line=${line#"$part"}
    done
    typed=${words[-1]}
    # Quotes are removed, and nothing is expanded.
    for part in "${!words[@]}"; do
        words[part]=${words[part]//[\\\'\"]/}
    done
    # What bash replaces begins behind the last of its separators, or behind the quote.
    glued=
    if [[ $typed != [\'\"]* ]]; then
        glued=${words[-1]%"${words[-1]##*[$COMP_WORDBREAKS]}"}
    fi
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        word=${word#"$glued"}
        # What needs no quotes gets none; printf would give a comma one.
        if [[ $typed != [\'\"]* && $word == *[!A-Za-z0-9_.,:/@%+=-]* ]]; then
            printf -v word %q "$word"
        fi
        COMPREPLY+=("$word")
    done < <("${words[0]/#\~/$HOME}" complete-words "${words[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}

complete -F _tcpentry tcpentry
