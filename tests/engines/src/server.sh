# Runs a private PostgreSQL server until standard input ends, and starts it again whenever it dies.
# Arguments: folder of the programs, folder kept between runs, folder of this server, fsync (on, off), a file of more settings or nothing.
set -eu
bin=$1 keep=$2 data=$3 sync=$4 more=${5:-}
cd /
mkdir -p "$keep"
if [ ! -e "$keep/template" ]; then
    new=$(mktemp -d "$keep/new.XXXXXX")
    "$bin/initdb" -D "$new" -A trust -U mach -E UTF8 --locale=C --no-sync >/dev/null
    # Another test may have been faster: then its template serves.
    mv -T "$new" "$keep/template" 2>/dev/null || rm -rf "$new"
fi
# A process of this number was killed before it could clear up.
rm -rf "$data"
cp -r "$keep/template" "$data"
cat >>"$data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$data'
max_connections = 60
shared_buffers = 64MB
max_wal_size = 512MB
fsync = $sync
full_page_writes = $sync
logging_collector = off
log_min_messages = warning
END
if [ -n "$more" ]; then cat "$more" >>"$data/postgresql.conf"; fi
# Ends with the test, however that ends: its end of the pipe closes.
exec 3<&0
(
    cat <&3 >/dev/null
    : >"$data/stop"
    while kill -0 $$ 2>/dev/null; do
        kill -QUIT "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" 2>/dev/null || :
        sleep 0.05
    done
) &
until [ -e "$data/stop" ]; do "$bin/postgres" -D "$data" 2>&1 3<&- || :; done
rm -rf "$data"
