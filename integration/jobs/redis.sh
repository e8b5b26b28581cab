#!/bin/bash
# redis-server after redis-benchmark and mass insertion holds what was sent, also after a save, a rewrite in a
# forked child and a restart.
# needs: redis-server=redis-server redis-cli=redis-tools redis-benchmark=redis-tools
set -eu
start() {
    redis-server --port 0 --unixsocket "$PWD/s" --dir "$PWD" --save '' --logfile "$PWD/log" --daemonize no --enable-debug-command yes &
    server=$!
    for _ in $(seq 200); do
        redis-cli -s s ping >/dev/null 2>&1 && return
        sleep 0.05
    done
    echo "redis-server did not start"
    exit 1
}
stop() {
    redis-cli -s s shutdown "$1" >/dev/null 2>&1 || true
    wait "$server" || true
}
start
n=$((SIZE * 10000))
redis-benchmark -s s -q -n "$n" -c 20 -P 8 -t incr,lpush,set -d 300 >/dev/null
redis-cli -s s get counter:__rand_int__
redis-cli -s s llen mylist
redis-cli -s s strlen key:__rand_int__
awk -v n="$n" 'BEGIN {for (i = 0; i < n; i++) {v = sprintf("%0*d", 10 + i % 500, i); printf "%d\t%s\n", i, v}}' >sent
awk -F'\t' '{k = "m:" $1; printf "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", length(k), k, length($2), $2}' sent |
    redis-cli -s s --pipe | tail -n 1
held() { cut -f1 sent | sed 's/^/GET m:/' | redis-cli -s s | cmp - <(cut -f2 sent) && echo "$1: all held"; }
held sent
before=$(redis-cli -s s debug digest)
echo "${#before}"
redis-cli -s s bgrewriteaof >/dev/null
redis-cli -s s save
while redis-cli -s s info persistence | grep -q 'in_progress:1'; do sleep 0.05; done
redis-cli -s s bgsave >/dev/null
while redis-cli -s s info persistence | grep -q 'bgsave_in_progress:1'; do sleep 0.05; done
redis-cli -s s info persistence | grep -c 'last_bgsave_status:ok'
redis-cli -s s debug reload
held reloaded
stop nosave
start
held restarted
[ "$(redis-cli -s s debug digest)" = "$before" ] && echo "the same digest"
redis-cli -s s dbsize
redis-cli -s s flushall
stop nosave
