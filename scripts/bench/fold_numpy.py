"""The plain streaming fold that fold-vs-numpy measures against: a weighted sum in place, one update at a time."""

import sys
import time

import numpy as np

updates, parameters = int(sys.argv[1]), int(sys.argv[2])
generator = np.random.default_rng(1)
values = [generator.standard_normal(parameters, dtype=np.float32) for _ in range(updates)]
weights = [np.float32(1 + 7 * i) for i in range(updates)]
sums = np.zeros(parameters, np.float32)
product = np.zeros(parameters, np.float32)

print(np.__version__, flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    sums[:] = 0
    for value, weight in zip(values, weights):
        np.multiply(value, weight, out=product)
        np.add(sums, product, out=sums)
    print((time.perf_counter() - start) * 1000, flush=True)
