"""Random look-ups in a store that maps its file: sqlite, LMDB, or a plain file by Python's own mmap.

usage: stores.py build KIND MIB PATH          writes a store of about so many MiB
       stores.py read KIND MIB SEED PATH      looks up, prints one JSON line: seconds, p99, a digest of all found

What must hold: the same seed looks up the same keys, 95 % of them in one contiguous tenth, so that the digest is the
same whatever the memory does.
"""

import hashlib
import json
import mmap
import os
import random
import resource
import sys
import time

VALUE = 2048
READS = 40000


def value(key):
    return hashlib.sha256(b"%d" % key).digest() * (VALUE // 32)


def build_sqlite(path, keys):
    import sqlite3

    store = sqlite3.connect(path)
    store.execute("pragma journal_mode = off")
    store.execute("pragma synchronous = off")
    store.execute("create table t (k integer primary key, v blob)")
    store.executemany("insert into t values (?, ?)", ((k, value(k)) for k in range(keys)))
    store.commit()
    store.close()


def read_sqlite(path):
    import sqlite3

    store = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    if store.execute("pragma mmap_size = %d" % (1 << 30)).fetchone()[0] < os.path.getsize(path):
        sys.exit("this sqlite maps nothing")
    return lambda key: store.execute("select v from t where k = ?", (key,)).fetchone()[0]


def build_lmdb(path, keys):
    import lmdb

    store = lmdb.open(path, map_size=2 * keys * VALUE + (64 << 20), subdir=False, lock=False, sync=False)
    with store.begin(write=True) as change:
        for key in range(keys):
            change.put(b"%012d" % key, value(key), append=True)
    store.sync(True)
    store.close()


def read_lmdb(path):
    import lmdb

    store = lmdb.open(path, subdir=False, lock=False, readonly=True, readahead=True)
    transaction = store.begin()
    return lambda key: transaction.get(b"%012d" % key)


def build_mmap(path, keys):
    with open(path, "wb") as file:
        for key in range(keys):
            file.write(value(key))


def read_mmap(path):
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    return lambda key: mapped[key * VALUE : (key + 1) * VALUE]


def disk_reads():
    with open("/proc/self/io") as io:
        return int(dict(line.split(": ") for line in io)["read_bytes"])


def measure(look_up, keys, seed):
    draw, digest, took = random.Random(seed), hashlib.sha256(), []
    before, majors = disk_reads(), resource.getrusage(resource.RUSAGE_SELF).ru_majflt
    start = time.monotonic()
    for _ in range(READS):
        hot = draw.random() < 0.95
        key = keys * 4 // 10 + draw.randrange(keys // 10) if hot else draw.randrange(keys)
        begun = time.monotonic_ns()
        found = look_up(key)
        took.append(time.monotonic_ns() - begun)
        if found != value(key):
            sys.exit("key %d holds what it must not" % key)
        digest.update(found)
    took.sort()
    return {
        "operations": READS,
        "seconds": time.monotonic() - start,
        "p99": took[READS * 99 // 100],
        "p999": took[READS * 999 // 1000],
        "major": resource.getrusage(resource.RUSAGE_SELF).ru_majflt - majors,
        "read_bytes": disk_reads() - before,
        "digest": int(digest.hexdigest()[:12], 16),
    }


def main():
    job, kind, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])
    keys = mib * (1 << 20) // VALUE
    if job == "build":
        globals()["build_" + kind](sys.argv[4], keys)
        with open(sys.argv[4], "rb") as file:
            os.fsync(file.fileno())
    else:
        print(json.dumps(measure(globals()["read_" + kind](sys.argv[5]), keys, int(sys.argv[4]))))


main()
