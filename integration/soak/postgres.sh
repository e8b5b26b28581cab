#!/bin/bash
# postgres under pgbench clients that stay connected, read, change and sort, until this is killed. `pid` is the
# postmaster's, once the tables are there and the clients run.
# What alone grows and shrinks is left out, else a leak would not show: tables that grow, the workers that vacuum them,
# checkpoints that open every file (pgbench's own transactions, without the library: RSS 9 % up and down, descriptors
# 169 to 221 in 20 minutes), and the change to the next WAL segment, of which not every process opens the new one (184 to
# 183): a segment lasts for longer than an hour. And the background writer: it maps a page of the shared buffers whenever it
# first has one to write (RSS 374 to 380 MiB in 6 minutes, all of it this process's).
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres: .
    # one folder of pages belongs to one user
    [ -z "${FAULTLESS_PAGES:-}" ] || export FAULTLESS_PAGES="$PWD/pages"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups bash "$0"
fi
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
export PATH=$bin:$PATH PGHOST=$PWD PGDATABASE=postgres PGUSER=postgres
initdb -D data -A trust --no-sync --wal-segsize=256 >initdb.log
cat >>data/postgresql.conf <<CONF
listen_addresses = ''
unix_socket_directories = '$PWD'
shared_buffers = 48MB
fsync = off
autovacuum = off
checkpoint_timeout = 1d
max_wal_size = 64GB
wal_level = minimal
max_wal_senders = 0
full_page_writes = off
bgwriter_lru_maxpages = 0
CONF
postgres -D data >log 2>&1 &
server=$!
until pg_isready -q; do
    kill -0 "$server"
    sleep 0.1
done
pgbench -q -i -s 5 >/dev/null 2>&1
psql -q -c 'create table counters as select k, 0 as n from generate_series(1, 1000) k' \
    -c 'alter table counters add primary key (k), set (fillfactor = 10)' -c 'vacuum full counters' -c 'vacuum analyze'
cat >work.sql <<'SQL'
\set aid random(1, 490000)
\set k random(1, 1000)
select abalance from pgbench_accounts where aid = :aid;
update counters set n = n + 1 where k = :k;
select sum(aid) from (select aid from pgbench_accounts where aid between :aid and :aid + 5000 order by filler, aid desc) t;
SQL
pgbench -n -f work.sql -c 4 -j 1 -T 1000000 >clients.log 2>&1 &
sleep 1
echo "$server" >pid
wait
