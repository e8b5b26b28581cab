#!/bin/bash
# postgres after pgbench holds the same sums and rows, also after a crash of the whole server and its recovery.
# needs: /usr/lib/postgresql/*/bin/postgres=postgresql setpriv=util-linux
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres: .
    chmod 755 .
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
max_connections = 20
fsync = off
autovacuum_naptime = 1s
CONF
start() { pg_ctl -D data -w -l log start >/dev/null || { cat log >&2; exit 1; }; }
start
trap 'pg_ctl -D data -m immediate stop >/dev/null 2>&1' EXIT
pgbench -q -i -s "$SIZE" >/dev/null 2>&1
pgbench -c 4 -j 2 -t $((SIZE * 150)) --random-seed=42 2>/dev/null | grep processed
sums() {
    psql -Atc "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),
        (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history),
        (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history),
        (select count(*) from pgbench_history), (select count(*) from pgbench_accounts),
        (select md5(string_agg(aid || ' ' || abalance, ',' order by aid)) from pgbench_accounts)"
}
sums
psql -Atc "set work_mem = '64MB'; select count(*), sum(x) from (select (i * 7919::bigint) % 100003 x from generate_series(1, 200000) i order by 1) s"
psql -Atc "set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; select count(*) from pgbench_accounts where filler is not null"
pg_ctl -D data -m immediate stop >/dev/null
start
sums
