# shellcheck shell=bash
# Partition 3: where it lies, and that the kernel knows it. Sourced by data-partition.

readonly START=12582912        # 6 GiB in sectors of 512 bytes: the same for every version
readonly LEAST=1048576         # 512 MiB: below that an "8 GB" card is none
readonly MOST=4294967295       # an MBR counts sectors in 32 bits
readonly WHOLE=2048            # sectors of 1 MiB: flash is erased in such pieces
# Nothing is wiped: a partition that was here before the card was flashed is found again.
readonly SFDISK=(sfdisk --quiet --no-reread --no-tell-kernel --wipe never --wipe-partitions never)

# The disk of the root's partition, such as /dev/mmcblk0.
disk_of_root() {
    local number partition
    number=$(findmnt -n -o MAJ:MIN /)
    partition=$(readlink -f "/sys/dev/block/${number// /}")
    if [[ ! -e $partition/partition ]]; then
        refuse "No data card" "Flash a new card" "The root file system is on no partition of a disk."
    fi
    echo "/dev/$(basename "$(dirname "$partition")")"
}

# /dev/mmcblk0p3, but /dev/sda3.
partition_of() {
    if [[ $1 =~ [0-9]$ ]]; then
        echo "${1}p3"
    else
        echo "${1}3"
    fi
}

ensure_partition() {
    local disk=$1 partition=$2 sectors size entry
    sectors=$(blockdev --getsz "$disk")
    size=$(size_on "$sectors")
    if ((size < LEAST)); then
        refuse "Card too small" "Use 8 GB or more" \
            "The card has $((sectors / 1953125)) GB. Use one of at least 8 GB."
    fi
    entry=$(entry_of "$disk" "$partition")
    if [[ -z $entry ]]; then
        # One sector is written, so a cut leaves the old table or the new one.
        echo "start=$START, size=$size, type=83" | "${SFDISK[@]}" --append "$disk"
    else
        grow_partition "$disk" "$entry" "$size"
    fi
    tell_kernel "$disk" "$partition"
}

# How many sectors are left for partition 3 on a disk of $1 sectors. The last MiB stays free:
# Raspberry Pi Imager clears it before it writes an image.
size_on() {
    local last=$(($1 < MOST ? $1 : MOST))
    echo $((((last - START) / WHOLE - 1) * WHOLE))
}

# "START SIZE" of partition 3 in the table on the disk; empty when there is none.
entry_of() {
    sfdisk --dump "$1" | sed -n "s|^$2 *: start= *\([0-9]*\), size= *\([0-9]*\),.*|\1 \2|p"
}

# A card that was copied onto a larger one has room behind the partition.
grow_partition() {
    local disk=$1 size=$3 start now
    read -r start now <<< "$2"
    if ((start != START)); then
        refuse "Unknown data" "Flash a new card" \
            "Partition 3 of the card is not this appliance's own."
    fi
    if ((now < size)); then
        echo "start=$START, size=$size, type=83" | "${SFDISK[@]}" -N 3 "$disk"
    fi
}

# Until the next start the kernel has what was on the card when it looked.
tell_kernel() {
    local known="/sys/class/block/${2#/dev/}" wanted
    wanted=$(entry_of "$1" "$2")
    if [[ ! -e $known || "$(< "$known/start") $(< "$known/size")" != "$wanted" ]]; then
        partx --update --nr 3 "$1"
    fi
}
