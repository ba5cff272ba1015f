#!/usr/bin/env bash
# Boots one instance of the rehearsal: this machine's own Debian once more, over an overlay, with
# systemd as its process 1, in the network of a netlab host. Runs as root inside `netlab.sh run`,
# and lasts as long as the instance.
#
#   boot.sh HOST FOLDER GROUP   FOLDER holds user-data and meta-data, as EC2 would hand them out;
#                               control groups go below GROUP, which the caller removes
set -euo pipefail
host=$1 folder=$2 group=$3

# A control group of its own, so that systemd makes its groups below it and not in the host's.
mkdir -p "$folder/cgroup"
mount -t cgroup2 none "$folder/cgroup"
mkdir -p "$folder/cgroup/$group/$host"
echo $$ >"$folder/cgroup/$group/$host/cgroup.procs"

mkdir -p "$folder/disk"
mount -t tmpfs -o mode=755 none "$folder/disk"
mkdir -p "$folder/disk/upper" "$folder/disk/work" "$folder/disk/root"
root=$folder/disk/root
mount -t overlay -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" none "$root"

# Removes what a fresh image does not have: this machine's identity, and other services.
# A shared identity would give both instances one hardware address, by systemd-udevd.
rm -rf "$root/var/lib/cloud" "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/var/log/journal"
: >"$root/etc/machine-id"
rm -f "$root"/etc/systemd/system/*.wants/* "$root"/var/lib/systemd/timers/*
echo "$host" >"$root/etc/hostname"
printf '127.0.0.1 localhost %s\n' "$host" >"$root/etc/hosts"
: >"$root/etc/fstab"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/var/lib/cloud/seed/nocloud" "$root/var/log/journal"
for unit in ssh.service cloud-init.target; do
  ln -s "/lib/systemd/system/$unit" "$root/etc/systemd/system/multi-user.target.wants/"
done
mkdir -p "$root/etc/systemd/system/cloud-init.target.wants"
for unit in cloud-init-local cloud-init cloud-config cloud-final; do
  ln -s "/lib/systemd/system/$unit.service" "$root/etc/systemd/system/cloud-init.target.wants/"
done
cp "$folder/user-data" "$folder/meta-data" "$root/var/lib/cloud/seed/nocloud/"
cat >"$root/etc/cloud/cloud.cfg.d/99-rehearsal.cfg" <<END
datasource_list: [NoCloud]
network: {config: disabled}
# Does what Amazon Linux does at its first boot, as far as the lab depends on it.
cloud_init_modules: [write-files, set_hostname, users-groups, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
system_info:
  default_user: {name: ec2-user, sudo: ["ALL=(ALL) NOPASSWD:ALL"], shell: /bin/bash, lock_passwd: true}
END

exec "$(dirname "$0")/../netlab.sh" exec "$host" \
  unshare --mount --pid --cgroup --ipc --uts --fork --kill-child bash -c "$(cat <<'END'
    set -e
    root=$1
    mount --make-rprivate /
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc none proc
    mount -t sysfs none sys
    mount -t tmpfs -o mode=755 none dev
    for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
    ln -s /proc/self/fd dev/fd
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
    ln -s pts/ptmx dev/ptmx
    mount -t tmpfs -o mode=755 none run
    mount -t tmpfs -o mode=1777 none tmp
    mount -t cgroup2 none sys/fs/cgroup
    hostname "$(cat etc/hostname)"
    mkdir -p mnt
    pivot_root . mnt
    umount -l /mnt
    # As systemd does it where it finds no container; the credentials of a service, which are
    # mounted from a namespace of their own, would otherwise not be seen outside of that.
    mount --make-rshared /
    export container=lxc SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=1
    exec /lib/systemd/systemd --system --unit=multi-user.target
END
  )" boot "$root"
