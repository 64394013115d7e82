# shellcheck shell=bash
# The file system on partition 3. Sourced by data-partition.

readonly LABEL=polar-data
readonly UNFINISHED=polar-making # the label until everything is there
readonly BACKUP=(32768 4096)     # the first copy of the superblock, and the size of a block

ensure_filesystem() {
    local partition=$1 label
    label=$(label_of "$partition") # alone, so that what cannot be read is not taken for empty
    if [[ $label == "$LABEL" ]]; then
        mend "$partition"
    elif ! mend_from_copy "$partition"; then
        make_filesystem "$partition"
    fi
}

# Asks the partition itself, not blkid's memory. Empty when it holds nothing.
label_of() {
    # blkid ends with 2 when it finds nothing.
    blkid --probe --match-types ext4 --match-tag LABEL --output value "$1" || [[ $? -eq 2 ]]
}

# What needs no decision is mended first; what is still wrong then, whatever it costs.
mend() {
    checked e2fsck -p "$1" || checked e2fsck -y "$1" ||
        refuse "Card is damaged" "Flash a new card" "Its data cannot be mended."
}

# e2fsck adds 1 when it mended something and 2 when a mounted root would need a restart.
checked() {
    local status=0
    "$@" || status=$?
    ((status < 4))
}

# The first block is written at every start, so it is the first that a worn card loses. The
# device's identity must not go with it.
mend_from_copy() {
    local copy
    copy=$(dumpe2fs -h -o "superblock=${BACKUP[0]}" -o "blocksize=${BACKUP[1]}" "$1" 2> /dev/null |
        sed -n 's/^Filesystem volume name: *//p') || return 1
    [[ $copy == "$LABEL" ]] || return 1
    echo "The first block of the data partition is lost; mending from its copy." >&2
    checked e2fsck -y -b "${BACKUP[0]}" -B "${BACKUP[1]}" "$1" || return 1
    # A copy that an erased file system left behind leads to nothing.
    debugfs -R "stat /system" "$1" 2> /dev/null | grep -q "Type: directory"
}

# The label comes last, after all else is on the card: without it a cut begins anew. nodiscard:
# some cards take minutes to erase themselves, and fstrim does so later.
make_filesystem() {
    mkfs.ext4 -q -F -L "$UNFINISHED" -b "${BACKUP[1]}" -m 1 -E nodiscard "$1"
    blockdev --flushbufs "$1"
    e2label "$1" "$LABEL"
    blockdev --flushbufs "$1"
}

# noatime: reading writes nothing. data=ordered: no file shows what was in its blocks before.
# The journal is committed every 5 s as usual: what must last is fsynced by its writer, and a
# longer pause would only cost lines of the log. errors=remount-ro: nothing is made worse.
mount_data() {
    mkdir -p "$DATA"
    mount -t ext4 -o noatime,nodev,nosuid,data=ordered,commit=5,errors=remount-ro "$1" "$DATA" ||
        refuse "Card is damaged" "Flash a new card" "Its data cannot be mounted."
}

# Mounted, because growing then goes through the journal and may be cut; it does nothing when
# the partition is no larger. Without it there is less room, and nothing worse.
grow_filesystem() {
    resize2fs "$1" > /dev/null || echo "The file system could not be grown." >&2
}
