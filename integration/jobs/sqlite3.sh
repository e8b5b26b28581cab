#!/bin/bash
# A database built, indexed, queried, read through mmap, vacuumed and checked.
# needs: sqlite3=sqlite3
set -eu
sqlite3 job.db <<SQL
PRAGMA mmap_size=268435456;
PRAGMA journal_mode=WAL;
CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < $((SIZE * 60000)))
INSERT INTO t SELECT i, (i * 7919) % 100003, 'row ' || (i * 31) || ' of many' FROM n;
CREATE INDEX t_a ON t(a);
CREATE INDEX t_b ON t(b);
SELECT count(*), sum(a), min(b), max(b) FROM t;
SELECT a, count(*) c FROM t GROUP BY a ORDER BY c DESC, a LIMIT 5;
SELECT count(*) FROM t x JOIN t y ON x.a = y.id WHERE y.b LIKE '%99%';
UPDATE t SET a = a + 1 WHERE id % 3 = 0;
DELETE FROM t WHERE id % 5 = 0;
SELECT count(*), sum(a) FROM t;
VACUUM;
PRAGMA integrity_check;
SQL
sqlite3 job.db .dump | sha256sum
