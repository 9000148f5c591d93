#!/usr/bin/python
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Lists TCP connections by running `tcpentry list`, or what can be deleted by `tcpentry doctor`."""

DOCUMENTATION = r"""
module: info
short_description: List TCP connections, and what can be deleted
version_added: 0.1.0
description:
  - Lists the TCP connections of a host that a filter selects, or all of them.
  - With I(max), fails if more match. C(max=0) proves that there is none.
  - With I(doctor) or I(need), reports what can be deleted on the host instead, and what is missing.
  - Runs C(tcpentry list) or C(tcpentry doctor). Changes nothing.
requirements:
  - The program C(tcpentry) on the managed host, in this collection's version.
  - C(become) where the filter is about processes of other users, and for other network namespaces.
options:
  filter:
    description:
      - The filter, as M(tcpentry.tcpentry.delete) takes it.
    type: raw
  max:
    description:
      - Fail if more than this many match, and also if a part of the host's connections could not be seen.
    type: int
  listening:
    description:
      - List listeners instead of connections.
    type: bool
    default: false
  all:
    description:
      - List all states, also listeners, TIME_WAIT and requests.
    type: bool
    default: false
  doctor:
    description:
      - Report what can be deleted on the host, by which method and right, and what is missing.
    type: bool
    default: false
  need:
    description:
      - Report this, too, and fail unless these connections can be deleted. C(mine) are those of the task's user, C(all) those of the
        host's network namespace, C(all-netns) those of all its network namespaces.
    type: str
    choices: [mine, all, all-netns]
attributes:
  check_mode:
    description: Changes nothing, with or without it.
    support: full
  diff_mode:
    description: Changes nothing, and so has no difference to show.
    support: none
extends_documentation_fragment: tcpentry.tcpentry.connections
author:
  - the developers of tcpentry (@tcpentry)
seealso:
  - module: tcpentry.tcpentry.delete
"""

EXAMPLES = r"""
- name: Prove that no connection to a database is left, in any container either
  tcpentry.tcpentry.info:
    filter: [dst, "{{ database }}", dport, 5432]
    all_netns: true
    max: 0

- name: Wait until a node has no clients any more
  tcpentry.tcpentry.info:
    filter: sport = :443
    max: 0
  register: clients
  until: clients is succeeded
  retries: 20
  delay: 5

- name: End before the first deletion where the right is missing
  tcpentry.tcpentry.info:
    need: all-netns
"""

RETURN = r"""
exit_code:
  description: The program's exit code.
  returned: when the program was run
  type: int
  sample: 0
matched:
  description: The number of connections that match.
  returned: for a listing
  type: int
  sample: 3
states:
  description: The number of connections in each state.
  returned: for a listing
  type: dict
  sample: {established: 2, close-wait: 1}
connections:
  description: The connections, at most I(report), with the fields of C(tcpentry(1)), JSON.
  returned: for a listing
  type: list
  elements: dict
  sample:
    - {state: established, local: "192.0.2.1:443", peer: "198.51.100.7:51034"}
truncated:
  description: True if there were more connections than I(report).
  returned: for a listing
  type: bool
  sample: false
complete:
  description: False if something could not be seen or decided. I(messages) says what.
  returned: for a listing
  type: bool
  sample: true
checks:
  description: What was checked, each with its status (C(ok), C(missing) or C(note)), and the command that fixes it, or null.
  returned: for I(doctor) and I(need)
  type: list
  elements: dict
  sample:
    - {check: result, status: ok, detail: every connection of this network namespace can be deleted, fix: null}
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
  sample: [/usr/bin/tcpentry, list, --json, --color=never, --, sport, "= :443"]
"""

from collections import Counter
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tcpentry.tcpentry.plugins.module_utils import program

ARGUMENTS: Dict[str, Dict[str, Any]] = dict(
    program.ARGUMENTS,
    max={"type": "int"},
    listening={"type": "bool", "default": False},
    all={"type": "bool", "default": False},
    doctor={"type": "bool", "default": False},
    need={"type": "str", "choices": ["mine", "all", "all-netns"]},
)


def list_connections(module: AnsibleModule, path: str) -> None:
    parameters = module.params
    rows = program.rows_for(parameters, lambda row: False)
    words = ["list"] + program.options_of(parameters)
    words += ["--" + name for name in ("listening", "all") if parameters[name]]
    if parameters["filter"] is not None:
        words += ["--"] + program.filter_of(parameters["filter"])
    run = program.Run(path, words)
    states: Dict[str, int] = Counter()
    for row in run.rows():
        states[str(row.get("state"))] += 1
        rows.add(row)
    # A listing is silent unless something was not seen.
    is_complete = run.exit_code == 0 and not run.messages
    result: Dict[str, Any] = {
        "changed": False,
        "states": dict(states),
        "complete": is_complete,
    }
    result.update(program.report_of(run, rows))
    if run.exit_code != 0:
        module.fail_json(msg=run.complaint(), **result)
    most = parameters["max"]
    if most is not None and rows.total > most:
        module.fail_json(msg="{0} match, more than {1}".format(rows.total, most), **result)
    if most is not None and not is_complete:
        module.fail_json(msg="not all could be seen: " + run.complaint(), **result)
    for message in run.messages:
        module.warn(message)
    module.exit_json(**result)


def examine(module: AnsibleModule, path: str) -> None:
    words = ["doctor", "--json", "--color=never"]
    need = module.params["need"]
    if need:
        words.append("--need=" + need)
    run = program.Run(path, words)
    checks = list(run.rows())
    result: Dict[str, Any] = {
        "changed": False,
        "exit_code": run.exit_code,
        "checks": checks,
        "messages": run.messages,
        "command": run.command,
    }
    if run.exit_code not in (0, 4, 5):
        module.fail_json(msg=run.complaint(), **result)
    if need and run.exit_code != 0:
        module.fail_json(msg=lack_of(checks) or run.complaint(), **result)
    module.exit_json(**result)


def lack_of(checks: List[Dict[str, Any]]) -> str:
    """Returns why what is needed can't be deleted, and the fix."""
    lines = []
    for check in checks:
        if check.get("check") == "need":
            lines += [str(check[key]) for key in ("detail", "fix") if check.get(key)]
    return "; ".join(lines)


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[
            ("listening", "all"),
            ("filter", "doctor"),
            ("filter", "need"),
            ("max", "doctor"),
            ("max", "need"),
        ],
        supports_check_mode=True,
    )
    try:
        path = module.get_bin_path(module.params["program"], required=True)
        if module.params["doctor"] or module.params["need"]:
            examine(module, path)
        else:
            list_connections(module, path)
    except program.Refused as refused:
        module.fail_json(msg=str(refused))


if __name__ == "__main__":
    main()
