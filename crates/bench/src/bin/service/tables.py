"""The owners of all connections: by the C library as a program for Windows asks for them, by psutil, and by ss."""

import ctypes
import resource
import subprocess
import sys
import time

LIBRARY, SOCKETS, ROUNDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
OWNER_PID_ALL = 5
FAMILIES = (2, 23)


def c_library(library=ctypes.CDLL(LIBRARY)):
    rows = 0
    for family in FAMILIES:
        size = ctypes.c_uint32(0)
        buffer = None
        while True:
            code = library.GetExtendedTcpTable(
                buffer, ctypes.byref(size), 1, family, OWNER_PID_ALL, 0
            )
            if code != 122:
                break
            buffer = ctypes.create_string_buffer(size.value)
        assert code == 0, code
        rows += ctypes.c_uint32.from_buffer(buffer).value
    return rows


def psutil_connections():
    return len(psutil.net_connections("tcp"))


def ss():
    out = subprocess.run(["ss", "-Htanp"], stdout=subprocess.PIPE, check=True).stdout
    return out.count(b"\n")


def cpu():
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usage = [resource.getrusage(it) for it in who]
    return sum(it.ru_utime + it.ru_stime for it in usage)


CONTESTANTS = {"GetExtendedTcpTable": c_library, "ss -tanp": ss}
try:
    import psutil

    CONTESTANTS["psutil.net_connections"] = psutil_connections
except ImportError:
    print("  psutil is missing: apt-get install python3-psutil")

times = {name: [] for name in CONTESTANTS}
for _ in range(ROUNDS):
    for name, count in CONTESTANTS.items():
        start = time.perf_counter(), cpu()
        rows = count()
        times[name].append((time.perf_counter() - start[0], cpu() - start[1]))
        assert SOCKETS <= rows < SOCKETS * 11 // 10 + 100, (name, rows)
for name, samples in times.items():
    wall, used = (sorted(it)[len(it) // 2] for it in zip(*samples))
    ours = [mine[0] / other[0] for mine, other in zip(times["GetExtendedTcpTable"], samples)]
    ratio = sorted(ours)[len(ours) // 2]
    print(f"  {name:32} {wall:.3f} s, {used:.3f} s of CPU; ours takes {ratio:.2f} of it")
