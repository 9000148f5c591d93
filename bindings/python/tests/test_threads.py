"""The interpreter's lock is given back, and signals are seen."""

import _thread
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import tcpentry
from conftest import connect


def test_another_thread_runs_while_a_table_is_listed() -> None:
    """A thread that only counts comes to its turn in each call, though the interpreter never takes the lock away."""
    interval = sys.getswitchinterval()
    turns, stop = [0], threading.Event()

    def spin() -> None:
        while not stop.is_set():
            turns[0] += 1
            time.sleep(0)

    with ExitStack() as stack:
        for _ in range(100):
            connect(stack)
        thread = threading.Thread(target=spin, daemon=True)
        # Longer than the test: only who gives the lock back lets the other one run.
        sys.setswitchinterval(1000)
        try:
            thread.start()
            seen = 0
            for _ in range(50):
                before = turns[0]
                tcpentry.connections("state all", pids=True)
                # Even a call that keeps the lock may let it have a turn or two.
                seen += turns[0] > before + 3
        finally:
            sys.setswitchinterval(interval)
            stop.set()
        thread.join(10)
    assert seen > 25, f"it ran in {seen} of 50 calls"


def test_an_interrupt_ends_a_deletion_with_what_was_done() -> None:
    with ExitStack() as stack:
        connections = [connect(stack) for _ in range(200)]
        ports = " or ".join(f"sport = :{it.port}" for it in connections)

        def interrupt() -> None:
            try:
                connections[0].client.recv(1)
            except ConnectionError:
                _thread.interrupt_main()

        thread = threading.Thread(target=interrupt, daemon=True)
        thread.start()
        # It comes while they are deleted, or after that.
        outcomes = []
        try:
            outcomes = tcpentry.delete(ports, method="sock-diag")
            time.sleep(10)
        except KeyboardInterrupt as raised:
            outcomes = getattr(raised, "outcomes", outcomes)
        else:
            raise AssertionError("the interrupt was lost")
        assert outcomes and all(it.outcome == "deleted" for it in outcomes)


def test_the_program_at_the_top_of_the_readme_runs_as_it_is() -> None:
    readme = os.path.join(os.path.dirname(__file__), os.pardir, "README.md")
    with open(readme, encoding="utf-8") as file:
        program = file.read().split("```python\n", 1)[1].split("```", 1)[0]
    assert len(program.splitlines()) == 10
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    listed, deleted, doctor = run.stdout.splitlines()
    assert " established " in listed and " deleted by " in deleted and "can be deleted" in doctor
