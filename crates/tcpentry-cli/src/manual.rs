//! The sections of tcpentry(1) that the definition of the words can't hold.

/// Headings and texts: an empty line parts paragraphs, two blanks begin what is shown literally,
/// `term -- description` is a tagged paragraph.
pub fn manual() -> &'static [(&'static str, &'static str)] {
    &[
        ("WHAT A DELETION DOES", WHAT_IT_DOES),
        ("WHO MAY", WHO_MAY),
        ("FILTER", FILTER),
        ("NAMESPACES", NAMESPACES),
        #[cfg(feature = "tui")]
        ("TOP", TOP),
        ("GUARDS", GUARDS),
        ("REPEATING", REPEATING),
        ("OUTPUT", OUTPUT),
        ("JSON", JSON),
        ("IDENTITIES", IDENTITIES),
        ("EXIT STATUS", EXIT_STATUS),
        ("ENVIRONMENT", ENVIRONMENT),
        ("EXAMPLES", EXAMPLES),
        ("SEE ALSO", SEE_ALSO),
    ]
}

const WHAT_IT_DOES: &str = "\
The connection is aborted: a reset goes to its peer, its owner's next or waiting call fails, and it \
leaves the table at once (what its owner still holds may show as bound-inactive). No process is harmed. Data already received can still be read by the \
owner; data not yet sent is lost. It works on idle connections and on those whose peer is gone.

No reset is sent from SYN_SENT, SYN_RECV, CLOSING, LAST_ACK and TIME_WAIT.

sock-diag -- The kernel's own SOCK_DESTROY. The owner gets ECONNABORTED. Linux 4.5 or later with \
CONFIG_INET_DIAG_DESTROY.

borrow -- The owner's descriptor is borrowed (pidfd_getfd, Linux 5.6), proved to be that very socket by \
its cookie, and disconnected. A read that waits gets EPIPE (end of file on kernels like 6.5, where its \
owner has to be woken first), other calls ECONNRESET or ENOTCONN. The only way to end an MPTCP connection.";

const WHO_MAY: &str = "\
Everybody may list. Deleting any connection takes CAP_NET_ADMIN in the user namespace that owns the \
network namespace: root, or sudo. Without it you may delete the connections of your own processes, \
unless Yama (kernel.yama.ptrace_scope) or a process that is not dumpable forbids it.

tcpentry doctor says how things stand and what helps.";

const FILTER: &str = "\
The language of ss(8), so that a filter copied from there works, with more terms. Words may stand apart or together, \
quoted as one or not. Terms side by side are joined by and.

  tcpentry state established '( dport = :443 or dport = :80 )' not src [::1]
  tcpentry delete state close-wait idle gt 10m process nginx

States stand first: state NAME, exclude NAME, as often as wanted. The set is what the state clauses name (all \
where there is none) without what the exclude clauses name. Without any clause it is connections, as ss shows them by \
default; with -a all, with -l listening. Names as in OUTPUT, and the groups of ss: all, connected (all but listening and closed), synchronized \
(connected but syn-sent), bucket (syn-recv, time-wait), big (all but bucket).

src HOST, dst HOST, host HOST -- the local end, the peer's, either. HOST is ADDRESS, ADDRESS/LENGTH, each with :PORT behind it, \
:PORT alone, or *. An IPv6 address stands in brackets: [2001:db8::]/32. A name means all its addresses.
sport OP :PORT, dport OP :PORT, port OP :PORT -- the local port, the peer's, either. By number or by the name of a service; the colon may be left out
dev NAME -- bound to this device (name or index); not: routed through it
fwmark VALUE, fwmark VALUE/MASK -- SO_MARK; takes CAP_NET_ADMIN
cgroup PATH -- in exactly this cgroup (version 2): a path in the hierarchy or in the file system
autobound -- its local port was chosen by the kernel
pid N, process NAME -- held by this process (and none that gets its pid later), or by one of this name; * in a name stands for anything
user NAME -- the socket's user, by name or number
unit NAME -- in this systemd unit; nginx means nginx.service
container NAME -- in the container whose id or name begins so, or that is part of the pod (of Kubernetes) with this UID
netns NAME -- in this network namespace, named as for -N; of use with --all-netns
idle OP TIME, rtt OP TIME -- time since data last moved in either direction; round-trip time. Units us, ms, s, m, h, d
retrans OP N -- retransmits of the segment that waits now
sendq OP SIZE, recvq OP SIZE -- bytes in the queues (of a listener: connections). Units k, M, G

OP is one of = != < > <= >= or eq neq lt gt le ge (quote < and >, or the shell takes them). = may be left out, but not where numbers of \
counters are compared. not or ! before a term, and or && between terms, or or || between terms, parentheses.

or beside and on the same level is an error that shows both readings: ss takes them from left to right, its manual says otherwise, and a \
tool that deletes does not guess. Put parentheses.

A term is true, false or unknown: a socket in TIME_WAIT has no idle time, one without owner no process. What is unknown is \
never selected, also not under not. Where you may not see what a term asks for (the processes of other users, marks), \
list says so and shows the rest, and delete refuses (4) instead of acting on a part.

What the kernel can judge it judges during the walk; --explain shows its part, and what is left to be judged here.

Beside or and and, these filters select other sockets in ss (6.1):

state and exclude -- ss takes them in turn: a state behind an exclude adds to what is left of all. If they leave no state, \
it is as if there were none
inet: and inet6: -- In ss they restrict the whole listing, wherever they stand
mapped addresses -- ss finds those of IPv6 sockets by [::/0] and inet6:, and nothing else by one that stands in the filter. Here \
they are IPv4 addresses like others
not, dev -- With these ss compares the first bits of addresses whatever their family, so that not src 0.0.0.0/0 selects nothing
autobound -- Here: the kernel chose the port, out of those that it chooses from. In ss not autobound selects what is neither, \
and beside dev only the second counts
TIME_WAIT and requests -- In ss they match autobound, and not cgroup PATH. Here that is unknown
cgroup -- ss takes the path in the file system only: cgroup / is not the root of the hierarchy
names -- Of a host with several addresses ss finds one

What ss takes and this does not: IPv6 addresses without brackets, IPv4 addresses with less than four numbers and no length, \
any, all and default for *, a colon without port, octal numbers, ports beyond 65535, dev 0, backslashes.";

#[cfg(feature = "tui")]
const TOP: &str = "\
tcpentry top shows the table and reads it again and again. Its keys:

/ -- type a filter, in the language above; what is wrong with it stands below the very place. A bare address, port or program is offered as a \
filter, which Tab or Enter takes. Enter keeps a filter, Esc goes back; Tab on an empty line brings back the filter that is shown
Space, *, u -- mark the row (or all of its group), mark all that is selected, take all marks away
d, Delete -- find out what a deletion of the marked, or of the row, would do, and show it: how many, whose, by which method, what is spared and \
why. y does it; every other key leaves them alone
l -- what became of each; s saves it in a new file
Enter, i -- all that is known of the row, and the command that deletes exactly it (c copies it); opens and closes a group
Tab -- group by process, peer, container, state
s, a -- connections, listeners, all states; all network namespaces
<, >, r, c -- sort by another column, the other way round; choose columns and their order
p, +, -, F5 -- pause; read less often, more often, now
?, q -- all keys; the end

The sign before a row, and its colour: + (green) new, ~ (yellow) its state changed, - (red) it ended or is not selected any more, * marked. \
Cursor and marks stay on their sockets, by identity; nothing is deleted but the sockets that the preview showed, however late they are looked at. \
Listeners and the connection of your own session are spared unless it was started with --listeners and --own-session.

IN/s and OUT/s are what the socket's own counters moved between two readings: bytes received, and bytes acknowledged by the peer. Names are \
looked up for the rows on the screen only. Nothing is stored between two runs.

--once prints one frame as text and ends, in the size of the terminal, else of COLUMNS and LINES, else 160 by 50. It ends with the \
codes of list.";

const NAMESPACES: &str = "\
Each network namespace, and so each container, has a TCP table of its own; the same two ends can be in several. Without an option \
list and delete look at that in which they run.

  tcpentry --all-netns -p -c dport = :5432
  tcpentry delete --all-netns container 3f9c dport = :5432
  tcpentry delete -N web 192.0.2.1:443 198.51.100.7:51034

-N NAME -- a name of ip-netns(8), a file in /run/netns
-N PID -- the namespace of this process
-N PATH -- a file, which has a slash: /proc/PID/ns/net, or a mount of it elsewhere
--all-netns -- every one that a process, a thread or a mounted file holds, each once

-N can be given more than once, and takes also what the column NETNS shows: pid:PID, or the runtime and short id of \
the container of the first process there.

All are asked side by side, from outside: nothing runs in a container but the making of two sockets. One that can't be entered is told \
on standard error, and the rest is looked at; when descriptors run out, nothing is. In one where a device of the filter does not exist \
no socket is bound to it. A namespace that only an open descriptor or a socket holds is not seen, nor a name in somebody else's mounts, nor the \
process of another user, without root.

Two ends that are in several of them are ambiguous: nothing is deleted and the identities are shown. An identity names \
its namespace, and is looked for there and nowhere else; with --all-netns it finds it. Where none of \
those that may be looked at has what is to be deleted and others were left out, that is not \"gone\": the code is 4.

To enter one takes CAP_SYS_ADMIN over it and over your own user namespace. Where it belongs to a user namespace that you made, as those of your own \
rootless containers do, no right is needed: every connection in it is yours to delete. Its users have other numbers there, so USER is \"?\" and the \
term user can't be told. \
The guard own-session holds in all of them: it goes by the socket, wherever that is.

tcpentry doctor tells of each namespace it sees what can be deleted there.";

const GUARDS: &str = "\
There is no way to delete everything by omission, and zero fields are values, never wildcards.

listener -- A listening socket is selected and deleted only with --listeners.

own-session -- The connection that carries your own session is deleted only with --own-session; a filter spares it and \
deletes the rest. It is found by structure: what the program's ancestors hold, its own descriptors 0 to 2, and who holds \
the other end of its terminal (of a multiplexer, those of its clients), followed over connections of this host to itself; \
SSH_CONNECTION can only add. Of an SSH server's connections the session's own counts, not what it forwards. Where the \
path is not known (no terminal and no parent, as under cron; no /proc; another pid namespace), every connection of an SSH \
server is protected, or only those of the user who logged in where both sides know one, and a line on standard error says \
why; where a server may not be looked into, every connection to a port where root listens. Where the path leads out of what \
can be followed, that is said, and asked at a terminal. A program that deletes a connection of its own parent needs --own-session.

ambiguous -- Several sockets can have the same two ends when they are bound to different devices. Without a \
device the socket bound to none is meant; when there is only one bound one, that; when there are several, \
nothing is deleted and their identities are shown.

With several network namespaces, two ends that more than one of them has are ambiguous, too.

other-netns -- An identity from a network namespace that is not looked at is refused.

More than one -- Where a filter selects more than one, they are shown and you are asked, on a terminal; elsewhere nothing is deleted without \
--yes. What you confirmed is what is deleted: those sockets, by identity, and none that came later.

--max N -- Nothing is deleted when more than N are selected; with --for, when the total would pass N.";

const REPEATING: &str = "\
A client that reconnects at once is held off by deleting again and again:

  tcpentry delete --yes --for 5m host 203.0.113.7
  tcpentry delete --yes --until-quiet 30s dst 203.0.113.7 dport = :443

--for goes on for that long, --until-quiet until nothing has matched for that long, both until the first of them. The \
table is looked at ten times a second, or less often where a look takes long (a fiftieth of one processor at the most). What can't be \
deleted is reported once. With --all-netns, namespaces that are made meanwhile are looked at too. Ctrl-C ends it.

One look at a busy table can miss a connection, as with ss: where the kernel pauses in its walk, because more match than one \
answer holds (some 200), it loses count if others come and go. So delete --yes looks again then, three times at the most, until \
nothing more matches; what has to be complete takes --until-quiet.";

const OUTPUT: &str = "\
On a terminal: aligned and coloured. Otherwise: tab-separated, the same columns with raw numbers, and a line \
of column names unless --no-header.

list -- STATE, RECV-Q, SEND-Q (bytes; of a listener: connections waiting, and their limit), LOCAL, PEER, and what is \
asked for.

delete -- OUTCOME (of a dry run WOULD-BE; deleted, gone, denied, guarded, unsupported, failed), STATE before, LOCAL, PEER, METHOD, \
and what is asked for. Why something was not deleted, and what to do, is said on standard error, and how many there \
were of each outcome; where that is a terminal and standard output is none, also how far a long run is. A report that \
can't be written any more stops no deletion.

To both, -N and --all-netns add NETNS, --process PROCESS, --user USER, --container CONTAINER and UNIT, --info IDLE_MS, RTT_US, RETRANS (of the segment that \
waits now), TOTAL (in the whole life); to list, --id adds ID. \"-\" stands for what a socket does not have: one without \
owner has no user; \"?\" for an owner whom you may not see.

With --syslog each outcome is also a line of the system log: what became of which connection, by which method or why \
not, and who asked. Where no log is kept nothing is deleted (7). One that stops reading is waited for once; what it was not \
told is said on standard error.

Endpoints can be pasted back as they are. The local one shows the device its socket is bound to, as \
%DEVICE. State names are those of ss; a number that this version does not know is shown as state-N.";

const JSON: &str = "\
One object a line. Fields of list:

id -- the identity, see below
family -- ipv4 or ipv6
state -- its name
local, peer -- the ends, as one word each
mapped -- whether it is IPv4 in an IPv6 socket
interface -- the device the socket is bound to, or null
netns -- the network namespace, c and its cookie or i and its inode
netns_name -- what it is called, with -N or --all-netns
cookie -- the kernel's name of the socket, hexadecimal
inode, uid -- of the socket; null for one without owner
processes -- with --process: those that hold it, each with pid, start (in clock ticks since boot: it tells two lives of a pid \
apart), name and uid
user -- the user's name, with --user
cgroup_path, unit, container -- with --container: the path of its cgroup, and what that names; of a container its runtime, id, name, and pod \
(of Kubernetes: uid, and qos, the class of service) where it is part of one; null for what there is not
recv_queue, send_queue -- bytes; null of what was gone
mark -- SO_MARK; null unless you have CAP_NET_ADMIN
cgroup -- the inode of its cgroup (version 2), null before Linux 5.9
mptcp -- whether it is part of an MPTCP connection; null where nothing had to know it, and where the kernel may have \
kept it from you (without CAP_NET_ADMIN)
attributes -- what this version can't read, by number, hexadecimal; only when there is any

With --info also:

idle_ms -- since data last moved in either direction, milliseconds; null before a connection is established
rtt_us, rtt_variation_us -- microseconds
retransmits, total_retransmits -- of the segment that waits now, and in the whole life
congestion_window -- segments
last_data_sent_ms, last_data_received_ms, last_ack_received_ms -- milliseconds ago
bytes_acked, bytes_received -- bytes in the whole life

delete shows the same of what it found, or id, family, local and peer as you named them, and:

outcome -- as above
dry_run -- true when nothing was done
method -- sock-diag or borrow, null when nothing was deleted
guard -- listener, own-session, ambiguous or other-netns, else null
errno, win32 -- the codes of errno(3) and of SetTcpEntry; 0 when deleted
error, hint -- why not, and what to do; null when deleted
candidates -- identities, when the name was ambiguous

doctor shows check, status (ok, missing, note), detail, and mend: the command that helps, or null.";

const IDENTITIES: &str = "\
An identity is one word that names one socket and never another, however late it is used:

  VERSION/BOOT/NETNS/COOKIE/INTERFACE/ADDRESS,PORT/ADDRESS,PORT

A connection keeps it through TIME_WAIT. A socket that its owner disconnects and connects again keeps it too; \
if he connects it to somebody else within the microseconds between the last look and the deletion, that \
connection can be hit. A new socket of the same four-tuple never is. \
A socket that its owner binds to a device after it was listed is not found by the identity it had before.

delete --id - reads identities, or JSON objects with an id, from standard input, one a line. All are read and \
checked before anything is deleted.";

const EXIT_STATUS: &str = "\
0 -- at least one deleted, and every other one named or selected was already gone
1 -- nothing there, nothing matched, or all were already gone
2 -- usage or filter error; nothing was tried
3 -- refused by a guard, or not confirmed
4 -- not permitted
5 -- this system has no way to delete it
6 -- mixed: some deleted, and some guarded, denied, unsupported or failed
7 -- any other system error
130 -- interrupted, after what was done had been reported

With nothing deleted, the worst in the order 7, 4, 5, 3, 1. list ends with 0 even when it shows nothing, else \
with 2, 4 or 7 (of several network namespaces also when one could not be read). doctor ends with 0 if at least the connections of your own processes can be deleted, else with \
4 or 5. With --dry-run: the code to be expected. With --for and --until-quiet: of all rounds \
together.";

const ENVIRONMENT: &str = "\
NO_COLOR -- when set and not empty, --color auto means never
COLUMNS, LINES -- the size of top --once
SSH_CONNECTION -- can only add to what the guard own-session protects";

const EXAMPLES: &str = "\
Delete one connection, named as it was listed:

  tcpentry delete 192.0.2.1:443 198.51.100.7:51034

See first what would happen:

  tcpentry delete -n 192.0.2.1:443 198.51.100.7:51034

Delete the sockets in CLOSE_WAIT that a listing showed, and no others:

  tcpentry list --json | jq -c 'select(.state == \"close-wait\")' | tcpentry delete --id -";

const SEE_ALSO: &str = "ss(8), ip-netns(8), lsns(8), capabilities(7), network_namespaces(7), sock_diag(7), tcp(7), pidfd_getfd(2)";
