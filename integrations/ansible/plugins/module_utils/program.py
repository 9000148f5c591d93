# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the program tcpentry, and reads what it reports."""

import json
import os
import re
import subprocess
import tempfile
from typing import Any, Callable, Dict, IO, Iterator, List, Optional

# What both modules take.
ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "all_netns": {"type": "bool", "default": False},
    "details": {
        "type": "list",
        "elements": "str",
        "choices": ["process", "user", "info", "container"],
        "default": [],
    },
    "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
    "filter": {"type": "raw"},
    "netns": {"type": "list", "elements": "str", "default": []},
    "program": {"type": "path", "default": "tcpentry"},
    "report": {"type": "int", "default": 1000},
    "sets": {"type": "dict", "default": {}},
}

# The lines of standard error that are kept.
MESSAGES = 100


class Refused(Exception):
    """A parameter or a report that nothing can be done with."""


class Rows:
    """Counts rows, and keeps as many as are reported: first those that somebody has to look at."""

    def __init__(self, limit: int, matters: Callable[[Dict[str, Any]], bool]) -> None:
        self.limit = limit
        self.matters = matters
        self.total = 0
        self.kept: List[Dict[str, Any]] = []
        self.spilled: List[Dict[str, Any]] = []

    def add(self, row: Dict[str, Any]) -> None:
        self.total += 1
        if len(self.kept) < self.limit:
            self.kept.append(row)
        elif len(self.spilled) < self.limit and self.matters(row):
            self.spilled.append(row)

    def reported(self) -> List[Dict[str, Any]]:
        if not self.spilled:
            return self.kept
        matter = [row for row in self.kept if self.matters(row)] + self.spilled
        others = [row for row in self.kept if not self.matters(row)]
        return (matter + others)[:self.limit]

    def is_truncated(self) -> bool:
        return self.total > self.limit


class Run:
    """One run of the program, whose rows are read while it goes on."""

    def __init__(self, program: str, words: List[str], sent: Optional[List[str]] = None) -> None:
        self.command = [program] + words
        self.sent = sent
        self.exit_code = 0
        self.messages: List[str] = []

    def rows(self) -> Iterator[Dict[str, Any]]:
        """Yields each object that the program prints; afterwards exit_code and messages are there.

        Not by run_command(), which keeps all of the output in memory: a host may have a million connections.
        """
        environment = dict(os.environ, LC_ALL="C", NO_COLOR="1")
        with tempfile.TemporaryFile() as sent, tempfile.TemporaryFile() as errors:
            if self.sent is not None:
                sent.write("".join(word + "\n" for word in self.sent).encode())
                sent.seek(0)
            try:
                process = subprocess.Popen(
                    self.command,
                    stdin=sent,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                )
            except (OSError, ValueError) as error:
                raise Refused("cannot run {0}: {1}".format(self.command[0], error))
            output: Optional[IO[bytes]] = process.stdout
            unread = b""
            for line in output or ():
                try:
                    row = json.loads(line.decode("utf-8", "replace"))
                    if not isinstance(row, dict):
                        raise ValueError
                except ValueError:
                    unread = line
                    continue
                yield row
            code = process.wait()
            self.exit_code = code if code >= 0 else 128 - code
            errors.seek(0)
            self.messages = read_messages(errors)
        # The last line of a program that was killed may be a part of one.
        if unread and self.exit_code < 128:
            text = unread[:80].decode("utf-8", "replace").strip()
            raise Refused("{0} has printed what is no report: {1}".format(self.command[0], text))

    def complaint(self) -> str:
        """Returns what the program said, in one line, or its exit code if it said nothing."""
        if not self.messages:
            return "{0} has ended with exit code {1}".format(self.command[0], self.exit_code)
        # What a filter's error points at is of use only below it.
        shown = [message.strip() for message in self.messages if message.strip(" ^")]
        return "; ".join(shown[:10])


def read_messages(errors: IO[bytes]) -> List[str]:
    """Returns the lines of standard error, each without the program's name."""
    messages: List[str] = []
    for line in errors:
        if len(messages) == MESSAGES:
            messages.append("...")
            break
        text = line.decode("utf-8", "replace").rstrip("\n")
        if text.startswith("tcpentry: "):
            text = text[len("tcpentry: "):]
        messages.append(text)
    return messages


def words_of(name: str, value: Any) -> List[str]:
    """Returns the words of a parameter that is a string, or a list of words; a word is never taken apart."""
    words: List[str] = []
    for word in value if isinstance(value, list) else [value]:
        if isinstance(word, int) and not isinstance(word, bool):
            word = str(word)
        if not isinstance(word, str):
            # YAML reads yes, no, on, off, and numbers with a point, as something else than they are written.
            raise Refused("{0}: {1!r} is no word: quote it, or flatten the list".format(name, word))
        if "\0" in word:
            raise Refused("{0}: {1!r} has a NUL in it".format(name, word))
        words.append(word)
    if not any(word.strip() for word in words):
        raise Refused("{0} is empty".format(name))
    return words


def options_of(parameters: Dict[str, Any]) -> List[str]:
    """Returns the options for what both modules take, but for the filter."""
    options = ["--json", "--color=never"]
    if parameters["family"]:
        options.append("--" + parameters["family"])
    if parameters["all_netns"]:
        options.append("--all-netns")
    # With its value in one word, an option's value can't become another option.
    options += ["--netns=" + namespace for namespace in parameters["netns"]]
    options += ["--" + detail for detail in parameters["details"]]
    for name, path in sorted(parameters["sets"].items()):
        if not re.match(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", name):
            raise Refused("sets: {0!r} is no name of a set".format(name))
        if not isinstance(path, str) or not path.startswith("/"):
            raise Refused("sets: {0} needs the absolute path of a file on the host".format(name))
        options.append("--in={0}={1}".format(name, path))
    return options


def filter_of(value: Any) -> List[str]:
    """Returns the words of a filter. They come after `--`."""
    words = words_of("filter", value)
    # Two ends instead of a term would be a pair, which no filter is.
    if re.match(r"\s*[0-9\[]", words[0]):
        raise Refused("filter: {0!r} begins no term; `local` and `peer` name one connection".format(words[0]))
    return words


def rows_for(parameters: Dict[str, Any], matters: Callable[[Dict[str, Any]], bool]) -> Rows:
    """Returns the rows that are reported, of which there are none yet."""
    if parameters["report"] < 0:
        raise Refused("report: a number of rows is 0 or more")
    return Rows(parameters["report"], matters)


def report_of(run: Run, rows: Rows) -> Dict[str, Any]:
    """Returns what the results of both modules have, once all rows have been read."""
    return {
        "exit_code": run.exit_code,
        "matched": rows.total,
        "connections": rows.reported(),
        "truncated": rows.is_truncated(),
        "messages": run.messages,
        "command": run.command,
    }
