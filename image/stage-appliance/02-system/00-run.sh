#!/bin/bash -e
# What makes the root an appliance's: how it is mounted and started, and which version it is.

boot="${ROOTFS_DIR}/boot/firmware"
install -d "${boot}"
# A read-only root has what is mounted later, or never.
install -d "${ROOTFS_DIR}/data"
install -m 0644 files/fstab "${ROOTFS_DIR}/etc/fstab"
install -m 0644 files/cmdline.txt "${boot}/cmdline.txt"
install -m 0644 files/polar-appliance.toml "${boot}/polar-appliance.toml"

# Behind what pi-gen's own stage wrote, and once.
touch "${boot}/config.txt"
sed -i '/^# Polar Appliance$/,$d' "${boot}/config.txt"
cat files/config.txt >> "${boot}/config.txt"

(cd files/tree && find . -type f) | while read -r file; do
    install -D -m 0644 "files/tree/${file}" "${ROOTFS_DIR}/${file}"
done

# pi-gen's last steps take the console's login away in favour of a dialogue, which is not used
# here. What lies in /usr stays.
install -d "${ROOTFS_DIR}/usr/lib/systemd/system/getty.target.wants"
ln -sfn ../getty@.service \
    "${ROOTFS_DIR}/usr/lib/systemd/system/getty.target.wants/getty@tty1.service"

# One word for all that we put in, the same for the same content: two builds of a day from files
# that nobody has committed are two versions.
content_of() {
    tar --create --sort=name --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner \
        --mode=u+rw,go-w,a+rX --directory="$1" .
}
stage="$(realpath ..)"
content="$(
    for folder in "${stage}" "${stage}/../../systemd" "${APPLIANCE_WHEELS}"; do
        content_of "${folder}"
    done | sha256sum | cut -c1-12
)"

# Different for each build: what lies above /etc and /var was made for one root alone.
version="$(readlink "${ROOTFS_DIR}/opt/polar-appliance/current")"
install -d "${ROOTFS_DIR}/usr/lib/polar-appliance"
echo "${version} ${IMG_DATE} ${APPLIANCE_COMMIT:-unknown} ${content}" \
    > "${ROOTFS_DIR}/usr/lib/polar-appliance/image-version"
