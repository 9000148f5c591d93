# Completion of tcpentry for bash. The program knows the words: `tcpentry complete-words WORD...` prints those that may
# stand for the last WORD, a line each, with their meaning behind a tab.

_tcpentry() {
    local line=${COMP_LINE:0:COMP_POINT} part word typed glued quote= opened= at
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
    # What bash replaces begins behind the last of its separators, or behind the quote that is open.
    glued=${words[-1]%"${words[-1]##*[$COMP_WORDBREAKS]}"}
    for ((at = 0; at < ${#typed}; at++)); do
        part=${typed:at:1}
        if [[ $part == '\' && $quote != "'" ]]; then
            ((at++))
        elif [[ $quote == "$part" ]]; then
            quote=
        elif [[ -z $quote && $part == [\'\"] ]]; then
            quote=$part
            opened=${typed:0:at}
        fi
    done
    if [[ $quote ]]; then
        glued=${opened//[\\\'\"]/}
    fi
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        word=${word#"$glued"}
        # Names come from outside: each is quoted for where it is put, so that it is only a name. What needs no quotes
        # gets none; printf would give a comma one.
        if [[ $word == *[!A-Za-z0-9_.,:/@%+=-]* ]]; then
            case $quote in
                "'")
                    # Nothing can be escaped there, and in $'...' a backslash escapes.
                    [[ $word != *"'"* && $opened != *\$ ]] || continue
                    ;;
                '"')
                    # The history is expanded there, too, and that can't be escaped.
                    [[ $word != *'!'* ]] || continue
                    word=${word//'\'/'\\'}
                    word=${word//'"'/'\"'}
                    word=${word//'$'/'\$'}
                    word=${word//'`'/'\`'}
                    ;;
                *) printf -v word %q "$word" ;;
            esac
        fi
        COMPREPLY+=("$word")
    done < <("${words[0]/#\~/$HOME}" complete-words "${words[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}

complete -F _tcpentry tcpentry
