"""Expressions over arrays of 128 MiB: each operator makes a temporary of that size and drops it.

Prints a line: temporaries seconds=S
"""

import time

import numpy

a = numpy.ones(1 << 24)
b = numpy.full(1 << 24, 0.5)
start = time.perf_counter()
total = 0.0
for _ in range(8):
    total += float((a * 2.0 + b * 3.0 - a / 4.0)[-1])
print(f"temporaries seconds={time.perf_counter() - start:.4f}")
assert total == 8 * 3.25
