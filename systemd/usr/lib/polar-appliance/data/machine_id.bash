# shellcheck shell=bash
# The machine's id: one for the life of the device. Sourced by data-partition.
#
# A fresh root has none. PID 1 then makes one up and lays it over /etc/machine-id, where the
# overlay of /etc would hide it, and another at every start, each with a folder of its own in
# the journal. So the first one is kept with the data, and written into the root once: PID 1
# and the journal look there before anything else is mounted.

carry_machine_id() {
    local kept=$DATA/system/etc/machine-id now id
    now=$(valid_id "$MACHINE_ID")
    id=$(valid_id "$kept")
    if [[ -z $id ]]; then
        id=$now
        write_id "$id" "$kept"
    fi
    # A test's id is not this machine's: its root stays as it is.
    if [[ $MACHINE_ID != /etc/machine-id ]]; then
        return
    fi
    # The order matters for a cut: what is kept is found again, whatever follows.
    if [[ $now != "$id" ]] || mountpoint -q "$MACHINE_ID"; then
        write_into_root "$id" || echo "The root does not take the machine's id." >&2
    fi
    if [[ $now != "$id" ]]; then
        use_at_once "$id"
    fi
}

# What $1 holds if that is an id, else nothing.
valid_id() {
    local text=""
    if [[ -r $1 ]]; then
        text=$(< "$1")
    fi
    if [[ $text =~ ^[0-9a-f]{32}$ ]]; then
        echo "$text"
    fi
}

# Whole or not at all.
write_id() {
    if [[ -z $1 ]]; then
        echo "There is no machine id to be kept." >&2
        return
    fi
    echo "$1" > "$2.new"
    chmod 0444 "$2.new"
    sync "$2.new"
    mv -T "$2.new" "$2"
    sync -f "$2"
}

# The only time that the root is written. A container has a root of somebody else.
write_into_root() {
    local status=0 device
    if systemd-detect-virt --quiet --container; then
        return
    fi
    device=$(findmnt -n -o SOURCE /)
    mount -o remount,rw "$device" / || return
    below_the_mounts "$1" || status=$?
    read_only_again "$device"
    return "$status"
}

# In a mount namespace of its own: nothing can be renamed onto what is mounted over.
below_the_mounts() {
    # shellcheck disable=SC2016  # expanded by the other shell
    unshare --mount --propagation private bash -euc '
        if mountpoint -q "$2"; then
            umount "$2"
        fi
        echo "$1" > "$2.new"
        chmod 0444 "$2.new"
        sync "$2.new"
        mv -T "$2.new" "$2"
        sync -f "$2"
    ' bash "$1" "$MACHINE_ID"
}

# Somebody else may have begun to write, early as it is.
read_only_again() {
    local attempt
    for attempt in 1 2 3 4 5; do
        if mount -o remount,ro "$1" /; then
            return
        fi
        sleep "0.$attempt"
    done
    echo "The root cannot be made read-only again before the next start." >&2
}

# A card that was flashed again: PID 1 made an id up before the kept one could be read. The
# journal has looked already, and looks anew; whoever comes later sees the kept one.
use_at_once() {
    local shown=/run/machine-id
    echo "$1" > "$shown"
    if ! mountpoint -q "$MACHINE_ID"; then
        mount --bind "$shown" "$MACHINE_ID"
    fi
    systemctl restart systemd-journald.service
}
