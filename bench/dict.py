"""A large dictionary built and looked up: many small blocks and a few large ones, as an interpreter makes them.

Prints a line per phase: NAME seconds=S faults=N (minor faults of the process, getrusage).
"""

import resource
import sys
import time


def phase(name, work):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    start = time.perf_counter()
    result = work()
    took = time.perf_counter() - start
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(f"{name} seconds={took:.4f} faults={faults}")
    return result


n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_500_000
table = phase("build", lambda: {i: str(i) for i in range(n)})
total = phase("look up", lambda: sum(len(table[i * 7919 % n]) for i in range(n)))
assert total == sum(len(str(i)) for i in range(n)) or n % 7919 == 0
