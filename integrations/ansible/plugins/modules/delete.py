#!/usr/bin/python
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Deletes TCP connections by running `tcpentry delete`."""

DOCUMENTATION = r"""
module: delete
short_description: End TCP connections
version_added: 0.1.0
description:
  - Ends the TCP connections of a host that a filter selects, or exactly those that are named, whichever process holds
    them. The peer gets a reset, the owner an error; no process ends.
  - Runs C(tcpentry delete --yes). What that refuses fails here, with its message; see C(tcpentry(1)).
  - Nothing that matches is no failure. A task fails if anything selected was not deleted, and still is there; I(max) deletes
    nothing if more match.
requirements:
  - The program C(tcpentry) on the managed host, in this collection's version.
  - The right to delete them, which is C(become) for the connections of other users.
options:
  filter:
    description:
      - The filter, in the language of C(ss) with the terms that C(tcpentry(1)) adds, as a list of words or in one string.
      - In a list, a word where a value is due is that value, whatever is in it. So a list is the form for variables, as
        C([dst, "{{ address }}"]).
      - Quote C("="), and words that YAML takes for something else, such as C("no").
    type: raw
  id:
    description:
      - Identities, as C(tcpentry list --id) and the results of these modules have them. An identity names that very socket, never a
        later one.
    type: raw
  local:
    description:
      - The local end of exactly one connection, such as C(192.0.2.1:443) or C([2001:db8::1]:443).
    type: str
  peer:
    description:
      - The peer's end of that connection.
    type: str
  max:
    description:
      - Delete nothing, and fail, if more than this many match.
    type: int
  rate:
    description:
      - Delete at this rate, evenly spaced, such as C(20/s) or C(5/m).
    type: str
  spread:
    description:
      - Spread the deletions over this long, in random order, such as C(2m).
    type: str
  sample:
    description:
      - Delete only a random sample of what matches, a number of connections or a percentage such as C(10%).
    type: str
  seed:
    description:
      - Repeat the random choices of the run that printed this number.
    type: int
  for:
    description:
      - Keep deleting whatever matches for this long, such as C(30s).
    type: str
  until_quiet:
    description:
      - Keep deleting until nothing has matched for this long. Without I(for), that may never end.
    type: str
  method:
    description:
      - The method of deletion, C(sock-diag) for the kernel's alone, C(borrow) for the owner's descriptor alone.
    type: str
    choices: [auto, sock-diag, borrow]
    default: auto
  listeners:
    description:
      - Select listeners, too.
    type: bool
    default: false
  own_session:
    description:
      - Delete even the connection that carries this task. Ansible then loses the host, and the rest of the report with it.
    type: bool
    default: false
  syslog:
    description:
      - Report each outcome to the host's system log, too.
    type: bool
    default: false
attributes:
  check_mode:
    description: Does everything but the deletion, with the result to be expected.
    support: full
  diff_mode:
    description: Shows the connections before and after, as many as I(report) allows.
    support: full
extends_documentation_fragment: tcpentry.tcpentry.connections
author:
  - the developers of tcpentry (@tcpentry)
seealso:
  - module: tcpentry.tcpentry.info
"""

EXAMPLES = r"""
- name: End every connection to a database, in the containers, too
  tcpentry.tcpentry.delete:
    filter: [dst, "{{ database }}", dport, 5432]
    all_netns: true
    max: 500

- name: End half of the clients of a port, over two minutes
  tcpentry.tcpentry.delete:
    filter: sport = :443
    sample: 50%
    spread: 2m

- name: End what a program leaks
  tcpentry.tcpentry.delete:
    filter: [state, close-wait, idle, gt, 10m, process, "{{ program }}"]

- name: End exactly one connection
  tcpentry.tcpentry.delete:
    local: 192.0.2.1:443
    peer: 198.51.100.7:51034

- name: Work at a pace for longer than the connection to the host may last
  tcpentry.tcpentry.delete:
    filter: sport = :443
    spread: 30m
  async: 2400
  poll: 15
"""

RETURN = r"""
exit_code:
  description:
    - The program's exit code. 0 if at least one was deleted and every other one was gone already, 1 if there was nothing to delete,
      otherwise the task has failed, by 2 (usage), 3 (refused), 4 (not permitted), 5 (not supported), 6 (some were deleted and some were
      not), 7 (other errors).
  returned: when the program was run
  type: int
  sample: 0
matched:
  description: The number of connections that were reported.
  returned: when the program was run
  type: int
  sample: 3
counts:
  description: How many of them there are of each outcome. In check mode, of each outcome to be expected.
  returned: when the program was run
  type: dict
  sample: {deleted: 2, gone: 1, spared: 0, denied: 0, guarded: 0, unsupported: 0, failed: 0}
connections:
  description:
    - The connections with their outcomes, at most I(report), with the fields of C(tcpentry(1)), JSON.
  returned: when the program was run
  type: list
  elements: dict
  sample:
    - {state: established, local: "192.0.2.1:443", peer: "198.51.100.7:51034", outcome: deleted, method: sock-diag}
truncated:
  description: True if there were more connections than I(report).
  returned: when the program was run
  type: bool
  sample: false
messages:
  description: What the program said on standard error.
  returned: when the program was run
  type: list
  elements: str
  sample: []
command:
  description: The command that was run.
  returned: when the program was run
  type: list
  elements: str
  sample: [/usr/bin/tcpentry, delete, --yes, --json, --color=never, --, sport, "= :443"]
"""

import re
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcpentry.tcpentry.plugins.module_utils import program

OUTCOMES = ("deleted", "gone", "spared", "denied", "guarded", "unsupported", "failed")
# After these, the connection is no longer there.
ENDED = ("deleted", "gone")
# After these, somebody has to do something.
LEFT = ("denied", "guarded", "unsupported", "failed")
OPTIONS = ("max", "rate", "spread", "sample", "seed", "for", "until_quiet", "method")
SWITCHES = ("listeners", "own_session", "syslog")
ARGUMENTS: Dict[str, Dict[str, Any]] = dict(
    program.ARGUMENTS,
    **{
        "id": {"type": "raw"},
        "local": {"type": "str"},
        "peer": {"type": "str"},
        "max": {"type": "int"},
        "rate": {"type": "str"},
        "spread": {"type": "str"},
        "sample": {"type": "str"},
        "seed": {"type": "int"},
        "for": {"type": "str"},
        "until_quiet": {"type": "str"},
        "method": {"type": "str", "choices": ["auto", "sock-diag", "borrow"], "default": "auto"},
        "listeners": {"type": "bool", "default": False},
        "own_session": {"type": "bool", "default": False},
        "syslog": {"type": "bool", "default": False},
    }
)


def end_of(name: str, end: str) -> str:
    """Returns an end, which can't be a word of a filter."""
    if not re.match(r"[0-9\[]\S*\Z", end):
        raise program.Refused("{0}: {1!r} is no end of a connection, ADDRESS:PORT".format(name, end))
    return end


def identities_of(value: Any) -> List[str]:
    identities = program.words_of("id", value)
    for identity in identities:
        if not re.match(r"[0-9A-Za-z]\S*\Z", identity):
            raise program.Refused("id: {0!r} is no identity".format(identity))
    return identities


def run_of(path: str, parameters: Dict[str, Any], is_check: bool) -> program.Run:
    """Returns the run that the parameters ask for."""
    words = ["delete", "--yes"] + program.options_of(parameters)
    if is_check:
        words.append("--dry-run")
    for name in OPTIONS:
        if parameters[name] is not None:
            words.append("--{0}={1}".format(name.replace("_", "-"), parameters[name]))
    words += ["--" + name.replace("_", "-") for name in SWITCHES if parameters[name]]
    identities: Optional[List[str]] = None
    if parameters["id"] is not None:
        identities = identities_of(parameters["id"])
        words += ["--id", "-"]
    elif parameters["local"] is not None:
        words += ["--", end_of("local", parameters["local"]), end_of("peer", parameters["peer"])]
    else:
        words += ["--"] + program.filter_of(parameters["filter"])
    return program.Run(path, words, identities)


def is_left(row: Dict[str, Any]) -> bool:
    return row.get("outcome") in LEFT


def line_of(row: Dict[str, Any]) -> str:
    namespace = row.get("netns_name")
    place = " in {0}".format(namespace) if namespace else ""
    return "{0} {1} {2}{3}\n".format(row.get("state"), row.get("local"), row.get("peer"), place)


def diff_of(rows: List[Dict[str, Any]]) -> Dict[str, str]:
    """Returns the connections before and after, without those that were gone before."""
    there = [row for row in rows if row.get("outcome") != "gone"]
    after = [row for row in there if row.get("outcome") not in ENDED]
    return {
        "before_header": "connections",
        "after_header": "connections",
        "before": "".join(line_of(row) for row in there),
        "after": "".join(line_of(row) for row in after),
    }


def delete(module: AnsibleModule, path: str) -> None:
    rows = program.rows_for(module.params, is_left)
    run = run_of(path, module.params, module.check_mode)
    counts = dict.fromkeys(OUTCOMES, 0)
    for row in run.rows():
        outcome = str(row.get("outcome"))
        counts[outcome] = counts.get(outcome, 0) + 1
        rows.add(row)
    result: Dict[str, Any] = {
        "changed": counts["deleted"] > 0,
        "counts": counts,
    }
    result.update(program.report_of(run, rows))
    if getattr(module, "_diff", False):
        result["diff"] = diff_of(rows.reported())
    if run.exit_code not in (0, 1):
        module.fail_json(msg=complaint(run, rows), **result)
    # A message about nothing that matches is in the result; a play that is run again is no cause to warn.
    for message in run.messages if run.exit_code == 0 else []:
        module.warn(message)
    module.exit_json(**result)


def complaint(run: program.Run, rows: program.Rows) -> str:
    """Returns why connections were not deleted: what the program said, or what the first of them says."""
    left = [row for row in rows.reported() if is_left(row)]
    if run.messages or not left:
        return run.complaint()
    return "{local} {peer}: {error}".format(**left[0])


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[("filter", "id", "local"), ("filter", "id", "peer")],
        required_one_of=[("filter", "id", "local", "peer")],
        required_together=[("local", "peer")],
        supports_check_mode=True,
    )
    try:
        delete(module, module.get_bin_path(module.params["program"], required=True))
    except program.Refused as refused:
        module.fail_json(msg=str(refused))


if __name__ == "__main__":
    main()
