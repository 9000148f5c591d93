# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tcpentry_global_optspecs
    string join \n 4/ipv4 6/ipv6 l/listening a/all u/user i/info id json no-header color= h/help V/version
end

function __fish_tcpentry_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tcpentry_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tcpentry_using_subcommand
    set -l cmd (__fish_tcpentry_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tcpentry -n "__fish_tcpentry_needs_command" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s 4 -l ipv4 -d 'Only IPv4, also that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s 6 -l ipv6 -d 'Only IPv6'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s l -l listening -d 'Listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s a -l all -d 'All states, also listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s u -l user -d 'The user a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s i -l info -d 'Counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l id -d 'The identity of each socket, for `delete --id`'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s V -l version -d 'Print version'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "list" -d 'Print the TCP table: connections, with -l listeners, with -a everything'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "delete" -d 'Delete connections: exactly what is named, or say why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "close" -d 'Delete connections: exactly what is named, or say why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "kill" -d 'Delete connections: exactly what is named, or say why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "drop" -d 'Delete connections: exactly what is named, or say why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "doctor" -d 'Say what can be deleted here, by which method and right, and what is missing'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -f -a "demo" -d 'Watch a connection being deleted: a real server and clients on loopback, a few seconds, no root'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s 4 -l ipv4 -d 'Only IPv4, also that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s 6 -l ipv6 -d 'Only IPv6'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s l -l listening -d 'Listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s a -l all -d 'All states, also listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s u -l user -d 'The user a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s i -l info -d 'Counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l id -d 'The identity of each socket, for `delete --id`'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l method -d 'By which method' -r -f -a "auto\t'SOCK_DESTROY first, the borrowed descriptor where that can\'t do it'
sock-diag\t'Only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Only by the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s n -l dry-run -d 'Do everything but the deletion: same output, and the exit code to be expected'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l listeners -d 'Delete listeners too, and with them every connection in their queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l own-session -d 'Delete even the connection that carries this very session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l method -d 'By which method' -r -f -a "auto\t'SOCK_DESTROY first, the borrowed descriptor where that can\'t do it'
sock-diag\t'Only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Only by the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s n -l dry-run -d 'Do everything but the deletion: same output, and the exit code to be expected'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l listeners -d 'Delete listeners too, and with them every connection in their queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l own-session -d 'Delete even the connection that carries this very session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l method -d 'By which method' -r -f -a "auto\t'SOCK_DESTROY first, the borrowed descriptor where that can\'t do it'
sock-diag\t'Only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Only by the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s n -l dry-run -d 'Do everything but the deletion: same output, and the exit code to be expected'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l listeners -d 'Delete listeners too, and with them every connection in their queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l own-session -d 'Delete even the connection that carries this very session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l method -d 'By which method' -r -f -a "auto\t'SOCK_DESTROY first, the borrowed descriptor where that can\'t do it'
sock-diag\t'Only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Only by the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s n -l dry-run -d 'Do everything but the deletion: same output, and the exit code to be expected'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l listeners -d 'Delete listeners too, and with them every connection in their queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l own-session -d 'Delete even the connection that carries this very session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -l json -d 'One JSON object a line; the fields are in the manual'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -l no-header -d 'No line of column names'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand demo" -l color -d 'When to colour; auto heeds NO_COLOR and whether a terminal is there' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand demo" -s h -l help -d 'Print help'
