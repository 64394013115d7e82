#!/bin/bash -e
# Lays the tree systemd/ over the root, and the wheels where 00-run-chroot.sh finds them.

tree="$(realpath ../../../systemd)"
wheels="${ROOTFS_DIR}/opt/polar-appliance/wheels"

[ -e "${APPLIANCE_WHEELS}/requirements.txt" ] || {
    echo "APPLIANCE_WHEELS names no folder that image/wheels has filled." >&2
    exit 1
}
rm -rf "${wheels}"
install -d -m 0755 "${wheels}"
install -m 0644 "${APPLIANCE_WHEELS}"/*.whl "${APPLIANCE_WHEELS}/requirements.txt" "${wheels}/"

# 0755 for what is executable in git, 0644 for all else, root's.
(cd "${tree}" && find etc usr \( -type f -o -type l \) | LC_ALL=C sort) > "${wheels}/tree"
while read -r file; do
    if [ -L "${tree}/${file}" ]; then
        install -d -m 0755 "${ROOTFS_DIR}/$(dirname "${file}")"
        cp -Pf "${tree}/${file}" "${ROOTFS_DIR}/${file}"
        continue
    fi
    mode=0644
    [ ! -x "${tree}/${file}" ] || mode=0755
    install -D -m "${mode}" "${tree}/${file}" "${ROOTFS_DIR}/${file}"
done < "${wheels}/tree"
