# Runs the lines of the image's README (/test/lines) in a Debian tree with podman, beside a connection like theirs.
# Its files are an overlay already, and its cgroups may have no controllers.
set -eu
mount -t cgroup2 cgroup2 /sys/fs/cgroup || { echo "skipped: no cgroups of version 2 here, which podman asks for"; exit 0; }
mkdir -p /etc/containers /etc/tcpentry/guard.d /var/lib/tcpentry
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/storage"\ngraphroot = "/var/lib/storage"\n' >/etc/containers/storage.conf
printf '[containers]\npids_limit = 0\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' \
  >/etc/containers/containers.conf
printf '[rule.leak]\nevery = "30s"\ndelete = "state close-wait"\nnetns = "all"\n' >/etc/tcpentry/guard.d/leak.toml
ip address add 10.0.0.5/32 dev lo; ip address add 10.0.0.9/32 dev lo
nc -lk 10.0.0.9 5432 >/dev/null &
sleep 1
sleep 1000 | nc -s 10.0.0.5 -p 41812 10.0.0.9 5432 >/dev/null &
sleep 1
cd /new
while read -r line; do
  echo "# $line"; said=$(sh -c "$line" </dev/null); echo "$said"
  case $line in
  *' -p -i '*) grep -q '10.0.0.5:41812.* nc' <<<"$said" ;;
  *' delete '*) grep -q '^deleted.*10.0.0.5:41812' <<<"$said" ;;
  *status) grep -q '^leak' <<<"$said" ;;
  *'guard run') sleep 2 ;;
  esac || { echo FAILED; exit 1; }
done </test/lines
[ -z "$(ss -Htn sport = :41812)" ]
podman rm -f -t 3 tcpentry-guard
find /sys/fs/cgroup/libpod_parent -depth -type d -exec rmdir {} + || :
