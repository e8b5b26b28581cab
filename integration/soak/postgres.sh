#!/bin/bash
# postgres under pgbench clients that stay connected, until this is killed. `pid` is the postmaster's, once the tables
# are there and the clients run.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres: .
    # one folder of pages belongs to one user
    [ -z "${FAULTLESS_PAGES:-}" ] || export FAULTLESS_PAGES="$PWD/pages"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups bash "$0"
fi
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
export PATH=$bin:$PATH PGHOST=$PWD PGDATABASE=postgres PGUSER=postgres
initdb -D data -A trust --no-sync >initdb.log
cat >>data/postgresql.conf <<CONF
listen_addresses = ''
unix_socket_directories = '$PWD'
shared_buffers = 48MB
fsync = off
CONF
postgres -D data >log 2>&1 &
server=$!
until pg_isready -q; do
    kill -0 "$server"
    sleep 0.1
done
pgbench -q -i -s 5 >/dev/null 2>&1
pgbench -c 4 -j 1 -T 1000000 >clients.log 2>&1 &
sleep 1
echo "$server" >pid
wait
