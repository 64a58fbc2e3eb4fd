# The only way out for a source with container.egress. Its rules come by the environment, its end by
# the end of its standard input.
set -eu
sed -n 's/^nameserver \([0-9a-fA-F.:]*\).*/\1/p' /etc/resolv.conf > /run/upstream
printf '%s\n' "$DLTPOD_NFT" | nft -f -
{
    printf '%s\n' "$DLTPOD_DNSMASQ"
    for name in $DLTPOD_NAMES; do
        while read -r server; do
            printf 'server=/%s/%s\n' "$name" "$server"
        done < /run/upstream
    done
} > /run/dnsmasq.conf
# What /etc/hosts knows (host.docker.internal) is not looked up, so it gets into the sets here.
printf '%s\n' "$DLTPOD_PORTS" | while read -r name port; do
    [ -n "$name" ] || continue
    awk -v name="$name" '{ for (i = 2; i <= NF; i++) if ($i == name) print $1 }' /etc/hosts |
        while read -r address; do
            case $address in
                *:*) nft add element inet dltpod "p${port}_6" "{ $address }" ;;
                *) nft add element inet dltpod "p${port}_4" "{ $address }" ;;
            esac
        done
done
tcpdump -Z root -i "nflog:$DLTPOD_LOG_GROUP" -n -l -t 2> /dev/null &
watcher=$!
dnsmasq --conf-file=/run/dnsmasq.conf --keep-in-foreground --log-facility=- &
listening() {
    awk '$2 ~ /:0035$/ { found = 1 } END { exit !found }' /proc/net/udp &&
        awk -v group="$DLTPOD_LOG_GROUP" '$1 == group { found = 1 } END { exit !found }' \
            /proc/net/netfilter/nfnetlink_log
}
tries=0
until listening; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || { echo "dnsmasq or tcpdump does not listen" >&2; exit 1; }
    sleep 0.05
done
echo ready
cat > /dev/null
# What was refused in the last moment is told too.
sleep 0.2
kill -INT "$watcher"
wait "$watcher" || true
