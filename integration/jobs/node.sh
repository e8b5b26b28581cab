#!/bin/bash
# Objects, strings, typed arrays, JSON, zlib and a worker thread.
# needs: node=nodejs
set -eu
cat >job.js <<'JS'
const { Worker, isMainThread, parentPort } = require("worker_threads");
const zlib = require("zlib"), crypto = require("crypto");
if (!isMainThread) {
  const a = new Float64Array(1 << 20).map((_, i) => i * 0.5);
  parentPort.postMessage(a.reduce((x, y) => x + y, 0));
} else {
  const n = 60000 * Number(process.argv[2]);
  let x = 1, m = new Map();
  for (let i = 0; i < n; i++) { x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff; m.set("k" + x, { i, s: "v".repeat(x % 40) }); }
  const s = JSON.stringify([...m]);
  console.log(m.size, s.length, crypto.createHash("sha256").update(s).digest("hex"));
  console.log(zlib.gunzipSync(zlib.gzipSync(s)).length, JSON.parse(s).length);
  let b = Buffer.alloc(48 << 20); for (let i = 0; i < b.length; i += 4096) b[i] = i >> 12; console.log(crypto.createHash("md5").update(b).digest("hex"));
  new Worker(__filename, { argv: [] }).on("message", (v) => { console.log(v); process.exitCode = 9; });
}
JS
exec node job.js "$SIZE"
