#!/bin/bash
# Builds the lab's disk image: Debian 13 with OpenZFS from contrib, an NFS server and client,
# smartmontools and nvme-cli.
#
#   build.sh OUT CACHE
#
# OUT    receives base.qcow2, vmlinuz, initrd.img, id_ed25519 and versions.txt
# CACHE  keeps downloaded packages between builds
#
# Needs root, debootstrap, e2fsprogs and qemu-utils. The mirror is the one that this machine's apt
# already uses. Called by `cargo xtask lab build`, which caches OUT by the hash of this file.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

out=$1
cache=$2
suite=trixie
root=$out/root
mkdir -p "$out" "$cache"

die() { echo "build.sh: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || die "needs root, because it installs packages into a directory"

mirror_of() { apt-get indextargets --format '$(REPO_URI)' | sed 's#/*$##' | grep -m1 "/$1\$"; }
mirror=$(mirror_of debian) || die "this machine's apt has no source that ends in /debian: add one, then run again"
security=$(mirror_of debian-security) || die "this machine's apt has no source that ends in /debian-security: add one, then run again"

# A mirror may hiccup: every step that downloads gets three tries.
try() {
  local attempt
  for attempt in 1 2 3; do
    if "$@"; then return 0; fi
    echo "build.sh: attempt $attempt of 3 failed: $*" >&2
    sleep $((attempt * 5))
  done
  return 1
}

release() {
  local mount
  for mount in var/cache/apt/archives dev/pts dev sys proc; do
    if mountpoint -q "$root/$mount"; then umount "$root/$mount"; fi
  done
}
trap release EXIT

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
install() { try inside apt-get install -y --no-install-recommends "$@"; }

bootstrap() {
  release
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase --cache-dir="$cache" \
    --include=ca-certificates,systemd,systemd-sysv,udev,dbus,kmod,iproute2,procps "$suite" "$root" "$mirror"
}

echo "== base system"
try bootstrap

echo "== package sources"
rm -f "$root/etc/apt/sources.list"
cat > "$root/etc/apt/sources.list.d/debian.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: $suite $suite-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $security
Suites: $suite-security
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
# Packages must not start services inside the directory, and the image needs no manuals.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
printf 'path-exclude=/usr/share/%s/*\n' doc man locale > "$root/etc/dpkg/dpkg.cfg.d/lean"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
mount --bind "$cache" "$root/var/cache/apt/archives"
try inside apt-get update

echo "== kernel"
install initramfs-tools zstd linux-image-cloud-amd64 linux-headers-cloud-amd64 dkms
kernel=$(cd "$root/lib/modules" && echo *)

echo "== OpenZFS, compiled for $kernel (minutes)"
echo 'zfs-dkms zfs-dkms/note-incompatible-licenses note true' | inside debconf-set-selections
install zfs-dkms zfsutils-linux zfs-zed
if ! inside dkms status | grep -q "zfs.*$kernel.*installed"; then inside dkms autoinstall -k "$kernel"; fi
find "$root/lib/modules/$kernel" -name 'zfs.ko*' | grep -q . || die "the zfs module was not built"

echo "== NFS, drives, tools"
install openssh-server nfs-kernel-server nfs-common smartmontools nvme-cli python3 gdisk e2fsprogs acl attr

echo "== settings"
[ -f "$out/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C phoenix-lab -f "$out/id_ed25519"
mkdir -p -m 700 "$root/root/.ssh"
cp "$out/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
echo pve-lab > "$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 pve-lab\n' > "$root/etc/hosts"
echo '/dev/vda / ext4 defaults,noatime 0 0' > "$root/etc/fstab"
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
echo zfs > "$root/etc/modules-load.d/zfs.conf"
printf 'PermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 200\nMaxSessions 200\n' \
  > "$root/etc/ssh/sshd_config.d/lab.conf"
cat > "$root/etc/systemd/network/10-lab.network" <<'NETWORK'
[Match]
Name=e*

[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
NETWORK
inside zgenhostid -f 00c0ffee
inside ssh-keygen -A
inside systemctl enable systemd-networkd ssh nfs-server zfs-import-cache zfs-mount zfs-share zfs.target zfs-zed
# Nothing may run on its own while a test looks at the clock of ZFS transaction groups.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
    systemd-timesyncd.service systemd-networkd-wait-online.service smartmontools.service \
    getty@tty1.service serial-getty@ttyS0.service; do
  inside systemctl mask "$unit" || true
done
inside update-initramfs -u -k "$kernel"
cp "$root/boot/vmlinuz-$kernel" "$out/vmlinuz"
cp "$root/boot/initrd.img-$kernel" "$out/initrd.img"
{
  echo "debian $(cat "$root/etc/debian_version")"
  inside dpkg-query -W -f '${Package} ${Version}\n' linux-image-cloud-amd64 zfs-dkms zfsutils-linux \
    nfs-kernel-server smartmontools nvme-cli systemd util-linux
} > "$out/versions.txt"
rm -f "$root/usr/sbin/policy-rc.d"

echo "== image"
release
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
rm -f "$out/base.raw"
truncate -s 8G "$out/base.raw"
mkfs.ext4 -q -F -L labroot -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$out/base.raw"
qemu-img convert -O qcow2 "$out/base.raw" "$out/base.qcow2"
rm -rf --one-file-system "$root" "$out/base.raw"
cat "$out/versions.txt"
