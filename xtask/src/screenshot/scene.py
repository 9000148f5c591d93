# Servers and clients as one meets them, each a process with the name of what it plays.
import math, os, socket, sys, threading, time

HERE = "192.0.2.10"
parent = os.getpid()


def actor(name, play):
    """A process of this name, which ends with this one."""
    told, tell = os.pipe()
    if os.fork() == 0:
        open("/proc/self/comm", "w").write(name)
        play(lambda: os.write(tell, b"."))
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(0)
    os.read(told, 1)


def listener(port, backlog=16, address=HERE):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(backlog)
    return server


def connect(source, port, address=HERE):
    client = socket.socket()
    client.bind((source, 0))
    client.connect((address, port))
    return client


kept = []


# Clients send and are answered, each at its own rate.
def web(ready):
    server = listener(443)
    ready()
    ends = []
    server.setblocking(False)
    while os.getppid() == parent:
        try:
            end = server.accept()[0]
            end.setblocking(False)
            ends.append(end)
        except BlockingIOError:
            pass
        for end in list(ends):
            try:
                data = end.recv(1 << 20)
                if data:
                    end.send(data * 3)
                else:
                    ends.remove(end)
                    end.close()
            except OSError:
                pass
        time.sleep(0.02)


def visitors(ready):
    ends = [connect("198.51.100.%d" % number, 443) for number in (17, 61, 93, 140)]
    for end in ends:
        end.setblocking(False)
    ready()
    while os.getppid() == parent:
        for size, end in zip((40, 700, 5000, 90), ends):
            try:
                end.send(b"x" * size)
                end.recv(1 << 20)
            except OSError:
                pass
        time.sleep(0.1)


# Accepts, and does not read: what its clients have sent stays in the queue, also when they are gone.
def stuck(ready):
    server = listener(8000)
    ready()
    for size in (517, 1460, 8192):
        kept.append(server.accept()[0])
    kept.append(server)


def impatient(ready):
    for number, size in zip((5, 5, 77), (517, 1460, 8192)):
        client = connect("203.0.113.%d" % number, 8000)
        client.send(b"x" * size)
        client.close()
    ready()


# Waits for a client that has nothing to say.
def database(ready):
    server = listener(5432)
    ready()
    kept.extend(server.accept()[0] for _ in range(3))
    kept.append(server)


# Sends to somebody who reads slower and slower, and then no more.
def backup(ready):
    end = connect(HERE, 873, "203.0.113.40")
    kept.append(end)
    threading.Thread(target=lambda: end.sendall(b"x" * (1 << 30)), daemon=True).start()
    ready()


def read_slowly(server, stop):
    end = server.accept()[0]
    kept.append(end)
    begun = time.time()
    while not stop.is_set():
        now = time.time() - begun
        end.recv(int(300000 * (1.6 + math.sin(now / 2)) / (1 + now / 20)))
        time.sleep(0.1)


# Nobody answers there: the queue of the listener is full.
def worker(ready):
    for _ in range(2):
        end = socket.socket()
        end.bind((HERE, 0))
        end.setblocking(False)
        end.connect_ex(("203.0.113.9", 6379))
        kept.append(end)
    ready()


actor("nginx", web)
actor("firefox", visitors)
actor("gunicorn", stuck)
actor("curl", impatient)
actor("postgres", database)
slow = listener(873, address="203.0.113.40")
actor("rsync", backup)
full = listener(6379, 0, "203.0.113.9")
filling = connect("203.0.113.2", 6379, "203.0.113.9")
actor("sidekiq", worker)
# No other process has these.
pool = [connect("198.51.100.%d" % number, 5432) for number in (201, 202, 202)]
stop = threading.Event()
threading.Thread(target=read_slowly, args=(slow, stop), daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
pool.append(connect("198.51.100.17", 443))
pool[0].shutdown(socket.SHUT_WR)
# A reset, which ends it at the other side at once.
pool[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
pool[1].close()
sys.stdin.readline()
stop.set()
sys.stdin.readline()
