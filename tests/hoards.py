"""Ways to hold memory that no process has in its resident set. Each wants some gigabytes, whatever the limit is."""

_LIBC = """
import ctypes, mmap, os, socket, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PRIVATE, SHARED, NORESERVE = 0x22, 0x21, 0x4022
"""

_FILL = """
def fill(one):
    one.setblocking(False)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        one.setsockopt(socket.SOL_SOCKET, option, 4_000_000)
    try:
        while True: one.send(bytes(60_000))
    except BlockingIOError: pass
"""

# Ended for memory: what the kernel counts, or where the most that can be there is what counts.
MEASURED = {
    "unread in sockets": f"""{_LIBC}{_FILL}
for _ in range(30):
    if os.fork(): continue
    kept = []
    try:
        while True:
            kept += socket.socketpair()
            for end in kept[-2:]: fill(end)
    except OSError: time.sleep(20)
time.sleep(20)
""",
    "unread in a queue of connections that nobody accepts": f"""{_LIBC}{_FILL}
for i in range(5):
    door = socket.socket(socket.AF_UNIX); door.bind(f'/tmp/{{i}}'); door.listen(4096)
    globals()[f'kept{{i}}'] = door
    for _ in range(4000):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(f'/tmp/{{i}}')
            fill(one)
time.sleep(20)
""",
    "unread in connections of TCP": f"""{_LIBC}{_FILL}
for _ in range(20):
    if os.fork(): continue
    with socket.socket() as door:
        door.bind(('127.0.0.1', 0)); door.listen(100)
        kept = []
        for _ in range(100):
            one = socket.create_connection(door.getsockname())
            fill(one); kept.append(one)
        time.sleep(20)
time.sleep(20)
""",
    "page tables of memory that was only read": f"""{_LIBC}
size = 512 << 30
start = libc.mmap(None, size, 1, NORESERVE, -1, 0)
libc.madvise(start, size, 15)  # no huge pages
for _ in range(2): os.fork()
for page in range(start, start + size, 1 << 21): ctypes.string_at(page, 1)
time.sleep(20)
""",
    "mappings without end": f"""{_LIBC}
pages = 62_000
start = libc.mmap(None, pages * 4096, 3, PRIVATE, -1, 0)
for i in range(0, pages, 2): libc.mprotect(start + i * 4096, 4096, 1)
for i in range(1, pages, 2): ctypes.memset(start + i * 4096, 1, 1)
for _ in range(120):
    if os.fork() == 0: time.sleep(20)
time.sleep(20)
""",
    "shared and let go of": f"""{_LIBC}
kept = []
for _ in range(200):
    piece = mmap.mmap(-1, 1 << 24); kept.append(piece)
    piece.write(bytes(1 << 24))
    piece.madvise(mmap.MADV_DONTNEED)
time.sleep(20)
""",
    "shared, and all but a page unmapped": f"""{_LIBC}
for _ in range(200):
    piece = libc.mmap(None, 1 << 24, 3, SHARED, -1, 0)
    ctypes.memset(piece, 1, 1 << 24)
    libc.munmap(piece + 4096, (1 << 24) - 4096)
time.sleep(20)
""",
    "shared in one piece": f"{_LIBC}\nmmap.mmap(-1, 3 * 10**9).write(bytes(3 * 10**9))",
}

# Refused, and the notebook goes on. They print what became of it.
REFUSED = {
    "pages given to a pipe": f"""{_LIBC}
piece = libc.mmap(None, 4096, 3, PRIVATE, -1, 0)
there, here = os.pipe()
vector = (ctypes.c_void_p * 2)(piece, 4096)
print(libc.vmsplice(here, vector, ctypes.c_ulong(1), 0), ctypes.get_errno())
""",
    "pages of a file given to a socket": f"""{_LIBC}
with open('/tmp/x', 'w+b') as file:
    file.write(bytes(4096)); file.flush()
    one, other = socket.socketpair()
    try: print(os.sendfile(one.fileno(), file.fileno(), 0, 1))
    except OSError as error: print(-1, error.errno)
""",
    "a device that is shared memory": f"""{_LIBC}
try: print(len(mmap.mmap(os.open('/dev/zero', os.O_RDWR), 1 << 20)))
except OSError as error: print(-1, error.errno)
""",
    "much shared in one piece": f"""{_LIBC}
try: print(len(mmap.mmap(-1, 1 << 28)))
except OSError as error: print(-1, error.errno)
""",
    "a larger pipe": f"""{_LIBC}
import fcntl
try: print(fcntl.fcntl(os.pipe()[1], 1031, 1 << 20))
except OSError as error: print(-1, error.errno)
""",
    "a file in memory": f"""{_LIBC}
try: print(os.memfd_create('x'))
except OSError as error: print(-1, error.errno)
""",
    "a socket of a protocol nobody counts": f"""{_LIBC}
try: print(socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132))
except OSError as error: print(-1, error.errno)
""",
    "a stream of datagrams nobody counts": f"""{_LIBC}
try: print(socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET))
except OSError as error: print(-1, error.errno)
""",
}
