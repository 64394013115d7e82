#!/bin/bash -e
# Users, and which units start. What was needed for the build alone goes.

wheels=/opt/polar-appliance/wheels
systemd-sysusers

units=()
while read -r file; do
    [[ "${file}" == ./usr/lib/systemd/system/*.* && "${file}" != *.d/* ]] || continue
    ! grep -qs '^\[Install\]' "/${file}" || units+=("$(basename "${file}")")
done < "${wheels}/tree"
[ ${#units[@]} = 0 ] || systemctl enable "${units[@]}"

rm -rf "${wheels}"
