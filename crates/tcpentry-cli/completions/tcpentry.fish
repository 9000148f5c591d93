# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tcpentry_global_optspecs
    string join \n 4/ipv4 6/ipv6 l/listening a/all explain N/netns= all-netns p/process u/user i/info c/container id json no-header color= h/help V/version
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

complete -c tcpentry -n "__fish_tcpentry_needs_command" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l explain -d 'Explain the filter and which part of it the kernel evaluates, and do nothing else'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s p -l process -d 'Show the processes that hold a socket'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s u -l user -d 'Show the user that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s i -l info -d 'Show counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s c -l container -d 'Show the container and the systemd unit that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l id -d 'Show the identity of each socket, for `delete --id`'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -s V -l version -d 'Print version'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "list" -d 'Print the TCP table: connections, listeners (-l) or everything (-a)'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "delete" -d 'Delete connections: exactly what is named, or report why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "close" -d 'Delete connections: exactly what is named, or report why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "kill" -d 'Delete connections: exactly what is named, or report why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "drop" -d 'Delete connections: exactly what is named, or report why not'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "top" -d 'Watch the connections, and delete the ones you mean'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "doctor" -d 'Report what can be deleted here, by which method and right, and what is missing'
complete -c tcpentry -n "__fish_tcpentry_needs_command" -a "demo" -d 'Watch a connection being deleted: a real server and clients on loopback, a few seconds, no root'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l explain -d 'Explain the filter and which part of it the kernel evaluates, and do nothing else'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s p -l process -d 'Show the processes that hold a socket'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s u -l user -d 'Show the user that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s i -l info -d 'Show counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s c -l container -d 'Show the container and the systemd unit that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l id -d 'Show the identity of each socket, for `delete --id`'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l max -d 'Delete nothing when more than N are selected' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l method -d 'Choose the method' -r -f -a "auto\t'Try SOCK_DESTROY first, then the owner\'s borrowed descriptor'
sock-diag\t'Use only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Use only the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l for -d 'Keep deleting whatever matches for this long (500ms, 30s, 10m, 2h, 1d)' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l until-quiet -d 'Keep deleting until nothing has matched for this long' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l explain -d 'Explain the filter and which part of it the kernel evaluates, and do nothing else'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s n -l dry-run -d 'Do everything but the deletion: the same output, and the exit code to expect'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s y -l yes -d 'Delete what a filter selects without asking, even when it is more than one'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l listeners -d 'Select listeners too; deleting one also ends every connection in its queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l own-session -d 'Delete even the connection that carries your own session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l syslog -d 'Report each deletion to the system log too'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s v -l verbose -d 'Report on standard error what is being done'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s p -l process -d 'Show the processes that hold a socket'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s u -l user -d 'Show the user that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s i -l info -d 'Show counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s c -l container -d 'Show the container and the systemd unit that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l max -d 'Delete nothing when more than N are selected' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l method -d 'Choose the method' -r -f -a "auto\t'Try SOCK_DESTROY first, then the owner\'s borrowed descriptor'
sock-diag\t'Use only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Use only the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l for -d 'Keep deleting whatever matches for this long (500ms, 30s, 10m, 2h, 1d)' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l until-quiet -d 'Keep deleting until nothing has matched for this long' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l explain -d 'Explain the filter and which part of it the kernel evaluates, and do nothing else'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s n -l dry-run -d 'Do everything but the deletion: the same output, and the exit code to expect'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s y -l yes -d 'Delete what a filter selects without asking, even when it is more than one'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l listeners -d 'Select listeners too; deleting one also ends every connection in its queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l own-session -d 'Delete even the connection that carries your own session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l syslog -d 'Report each deletion to the system log too'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s v -l verbose -d 'Report on standard error what is being done'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s p -l process -d 'Show the processes that hold a socket'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s u -l user -d 'Show the user that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s i -l info -d 'Show counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s c -l container -d 'Show the container and the systemd unit that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand close" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l max -d 'Delete nothing when more than N are selected' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l method -d 'Choose the method' -r -f -a "auto\t'Try SOCK_DESTROY first, then the owner\'s borrowed descriptor'
sock-diag\t'Use only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Use only the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l for -d 'Keep deleting whatever matches for this long (500ms, 30s, 10m, 2h, 1d)' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l until-quiet -d 'Keep deleting until nothing has matched for this long' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l explain -d 'Explain the filter and which part of it the kernel evaluates, and do nothing else'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s n -l dry-run -d 'Do everything but the deletion: the same output, and the exit code to expect'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s y -l yes -d 'Delete what a filter selects without asking, even when it is more than one'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l listeners -d 'Select listeners too; deleting one also ends every connection in its queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l own-session -d 'Delete even the connection that carries your own session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l syslog -d 'Report each deletion to the system log too'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s v -l verbose -d 'Report on standard error what is being done'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s p -l process -d 'Show the processes that hold a socket'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s u -l user -d 'Show the user that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s i -l info -d 'Show counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s c -l container -d 'Show the container and the systemd unit that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l id -d 'Delete by identity; `-` reads identities or JSON lines from standard input' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l max -d 'Delete nothing when more than N are selected' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l method -d 'Choose the method' -r -f -a "auto\t'Try SOCK_DESTROY first, then the owner\'s borrowed descriptor'
sock-diag\t'Use only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Use only the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l for -d 'Keep deleting whatever matches for this long (500ms, 30s, 10m, 2h, 1d)' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l until-quiet -d 'Keep deleting until nothing has matched for this long' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l explain -d 'Explain the filter and which part of it the kernel evaluates, and do nothing else'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s n -l dry-run -d 'Do everything but the deletion: the same output, and the exit code to expect'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s y -l yes -d 'Delete what a filter selects without asking, even when it is more than one'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l listeners -d 'Select listeners too; deleting one also ends every connection in its queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l own-session -d 'Delete even the connection that carries your own session'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l syslog -d 'Report each deletion to the system log too'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s q -l quiet -d 'Report only what was not deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s v -l verbose -d 'Report on standard error what is being done'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s p -l process -d 'Show the processes that hold a socket'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s u -l user -d 'Show the user that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s i -l info -d 'Show counters: idle time, round-trip time, retransmits'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s c -l container -d 'Show the container and the systemd unit that a socket belongs to'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -s N -l netns -d 'Read this network namespace: a name of `ip netns`, the PID of a process in it, or the path of its file' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l interval -d 'Read the table this often (500ms, 2s, 1m)' -r
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l columns -d 'Show these columns, in this order, comma-separated' -r -f -a "state\t'TCP state'
local\t'Local end'
peer\t'Peer\'s end'
process\t'Processes that hold the socket'
user\t'User the socket belongs to'
unit\t'Container or systemd unit'
netns\t'Network namespace'
recvq\t'Bytes received and not yet read'
sendq\t'Bytes sent and not yet acknowledged'
rtt\t'Round-trip time'
retrans\t'Retransmits, current and total'
idle\t'Time since data last moved, in either direction'
in\t'Bytes received per second'
out\t'Bytes sent and acknowledged per second'
delete-by\t'Method by which you may delete it, or why not'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l sort -d 'Sort by this column, one of those of --columns' -r -f -a "state\t'TCP state'
local\t'Local end'
peer\t'Peer\'s end'
process\t'Processes that hold the socket'
user\t'User the socket belongs to'
unit\t'Container or systemd unit'
netns\t'Network namespace'
recvq\t'Bytes received and not yet read'
sendq\t'Bytes sent and not yet acknowledged'
rtt\t'Round-trip time'
retrans\t'Retransmits, current and total'
idle\t'Time since data last moved, in either direction'
in\t'Bytes received per second'
out\t'Bytes sent and acknowledged per second'
delete-by\t'Method by which you may delete it, or why not'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l group -d 'Group rows by this property' -r -f -a "none\t''
process\t''
peer\t''
container\t'Container or systemd unit'
state\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l method -d 'Choose the method' -r -f -a "auto\t'Try SOCK_DESTROY first, then the owner\'s borrowed descriptor'
sock-diag\t'Use only the kernel\'s SOCK_DESTROY (needs CAP_NET_ADMIN)'
borrow\t'Use only the owner\'s borrowed descriptor (needs the same user, or root)'"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -s 4 -l ipv4 -d 'Select IPv4 only, including that of dual-stack sockets (::ffff:a.b.c.d)'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -s 6 -l ipv6 -d 'Select IPv6 only'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -s l -l listening -d 'Select listening sockets instead of connections'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -s a -l all -d 'Select all states, including listening, TIME_WAIT, SYN_RECV and bound-inactive'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l all-netns -d 'Read every network namespace that a process or a name holds'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l listeners -d 'Allow listeners to be deleted, which also ends every connection in their queue'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l own-session -d 'Allow the connection that carries your own session to be deleted'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -l once -d 'Print one frame as text and exit'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -l json -d 'Print one JSON object per line; the manual documents the fields'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -l no-header -d 'Omit the header line'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpentry -n "__fish_tcpentry_using_subcommand demo" -l color -d 'Choose when to colour; auto honours NO_COLOR and colours on a terminal only' -r -f -a "auto\t''
always\t''
never\t''"
complete -c tcpentry -n "__fish_tcpentry_using_subcommand demo" -s h -l help -d 'Print help'
