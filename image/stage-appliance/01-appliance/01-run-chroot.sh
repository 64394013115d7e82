#!/bin/bash -e
# Users, and which units start. What was needed for the build alone goes.

wheels=/opt/polar-appliance/wheels
systemd-sysusers
# It says what it did otherwise, and ends well all the same; fstab and cards that are flashed again
# rely on the numbers.
[ "$(getent group polar | cut -d: -f3)" = 870 ]
[ "$(id -u polar-printer):$(id -g polar-printer)" = 871:870 ]
[ "$(id -u polar-agent):$(id -g polar-agent)" = 872:870 ]

units=()
while read -r file; do
    [[ "${file}" == usr/lib/systemd/system/*.* && "${file}" != *.d/* ]] || continue
    ! grep -qs '^\[Install\]' "/${file}" || units+=("$(basename "${file}")")
done < "${wheels}/tree"
[ ${#units[@]} = 0 ] || systemctl enable "${units[@]}"

rm -rf "${wheels}"
