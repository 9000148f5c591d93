# Completion of tcpentry for fish. The program knows the words: `tcpentry complete-words WORD...` prints those that may
# stand for the last WORD, a line each, with their meaning behind a tab.

function __tcpentry_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    # Quotes are removed, and nothing is expanded.
    set -l typed (commandline -ct | string replace -ra '[\\\\\'"]' '')
    $program complete-words $words "$typed" 2>/dev/null
end

complete -c tcpentry -f -k -a '(__tcpentry_complete)'
