# SPDX-License-Identifier: MIT OR Apache-2.0
"""Documents the options that both modules take."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  all_netns:
    description:
      - Take in every network namespace of the host, and so its containers.
    type: bool
    default: false
  netns:
    description:
      - Take in these network namespaces only, each by name, process id, path or container.
    type: list
    elements: str
    default: []
  family:
    description:
      - Select one family only. IPv4 is also that of dual-stack sockets.
    type: str
    choices: [ipv4, ipv6]
  sets:
    description:
      - Sets of prefixes for C(dst @NAME), C(src @NAME) and C(host @NAME) in the filter, each a name and the absolute path of a file
        on the host.
    type: dict
    default: {}
  details:
    description:
      - Further facts in I(connections), which are null otherwise.
    type: list
    elements: str
    choices: [process, user, info, container]
    default: []
  report:
    description:
      - Return at most this many rows in I(connections). After a deletion, what was not deleted comes first.
    type: int
    default: 1000
  program:
    description:
      - The program's name or path on the host.
    type: path
    default: tcpentry
"""
