# shellcheck shell=bash
# How a root becomes the disk of the emulated machine; to be sourced after lib.sh.

# shellcheck disable=SC2154  # machine: of lib.sh
mib=$((1024 * 1024))
boot_start=8 boot_size=512              # MiB
root_start=$((boot_start + boot_size))  # MiB
root_size=4096                          # MiB
card_size=8192                          # MiB
disk_id=504f4c41                        # of the MBR, and so of PARTUUID

# add_machine ROOT KERNEL: the kernel's modules, and the tests' own way in.
add_machine() {
    cp -a "$2/tree/." "$1/"
    (cd "$machine/overlay" && find . \( -type f -o -type l \) -print0) |
        while IFS= read -r -d '' file; do
            mkdir -p "$1/$(dirname "$file")"
            cp -P --preserve=mode "$machine/overlay/$file" "$1/$file"
        done
}

# make_disk ROOT IMAGE BOOT: as pi-gen exports it; BOOT is a copy of the first partition.
make_disk() {
    local root=$1 image=$2 boot=$3
    name_partitions "$root"
    make_boot "$root" "$boot"
    truncate -s "${card_size}M" "$image"
    sfdisk --quiet "$image" <<EOF
label: dos
label-id: 0x$disk_id
start=${boot_start}MiB, size=${boot_size}MiB, type=c
start=${root_start}MiB, size=${root_size}MiB, type=83
EOF
    dd if="$boot" of="$image" bs=1M seek="$boot_start" conv=notrunc,sparse status=none
    mkfs.ext4 -q -F -L rootfs -d "$root" -E "offset=$((root_start * mib)),lazy_itable_init=0" \
        "$image" "$((root_size * 1024))k"
}

# What pi-gen writes when it exports the image.
name_partitions() {
    local file
    for file in "$1/etc/fstab" "$1/boot/firmware/cmdline.txt"; do
        [ -e "$file" ] || continue
        sed -i "s/BOOTDEV/PARTUUID=$disk_id-01/; s/ROOTDEV/PARTUUID=$disk_id-02/" "$file"
    done
}

make_boot() {
    local root=$1 boot=$2
    truncate -s "${boot_size}M" "$boot"
    mkfs.vfat -F 32 -n bootfs "$boot" >/dev/null
    if [ -n "$(ls "$root/boot/firmware")" ]; then
        mcopy -s -i "$boot" "$root"/boot/firmware/* ::
        rm -rf "$root"/boot/firmware/*
    fi
}
