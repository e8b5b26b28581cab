#!/bin/bash
# Lists, dicts, regular expressions, json, zlib, mmap, a subprocess and a pool of processes.
# needs: python3=python3
set -eu
cat >job.py <<'PY'
import hashlib, json, mmap, multiprocessing, random, re, subprocess, sys, zlib
n = int(sys.argv[1]) * 60_000
rnd = random.Random(7)
words = [format(rnd.getrandbits(48), "x") for _ in range(n)]
table = {w: i for i, w in enumerate(words)}
print(len(table), sum(table.values()))
text = " ".join(words)
print(len(re.findall(r"[0-9]{3,}[a-f]", text)), hashlib.sha256(text.encode()).hexdigest())
blob = json.dumps(table, sort_keys=True).encode()
packed = zlib.compress(blob)
assert zlib.decompress(packed) == blob
print(len(packed), zlib.crc32(blob), len(json.loads(blob)))
big = bytearray(n * 64)
for i in range(0, len(big), 4096):
    big[i] = i & 255
big = big + big
print(hashlib.md5(big).hexdigest())
anon = mmap.mmap(-1, 16 << 20)
anon[5 << 20:(5 << 20) + 4] = b"abcd"
print(anon.find(b"abcd"), anon[0])
with open("blob", "wb") as f:
    f.write(blob)
with open("blob", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    print(m.rfind(b":"), hashlib.sha1(m).hexdigest())
    m[0:1] = b"["
    m.flush()
    m.resize(len(m) // 2)
print(hashlib.sha1(open("blob", "rb").read()).hexdigest())
print(subprocess.run([sys.executable, "-c", "print(sum(range(10**6)))"], capture_output=True).stdout)
def square(x):
    return sum(i * x for i in range(1000)) + len(bytearray(3 << 20))
with multiprocessing.Pool(2) as pool:
    print(sum(pool.map(square, range(200))))
sys.exit(3)
PY
PYTHONHASHSEED=0 exec python3 job.py "$SIZE"
