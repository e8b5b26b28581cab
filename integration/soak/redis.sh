#!/bin/bash
# redis-server under clients that write and read the same hundred thousand keys until this is killed. `pid` is the
# server's, once the keys are there.
set -eu
redis-server --port 0 --unixsocket "$PWD/s" --dir "$PWD" --save '' --logfile "$PWD/log" --daemonize no &
server=$!
until redis-cli -s s ping >/dev/null 2>&1; do
    kill -0 "$server"
    sleep 0.1
done
redis-benchmark -s s -q -n 300000 -r 100000 -d 300 -t set >/dev/null
echo "$server" >pid
while redis-benchmark -s s -q -n 200000 -c 20 -r 100000 -d 300 -t set,get,incr,hset >/dev/null; do :; done
