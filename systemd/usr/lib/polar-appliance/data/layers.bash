# shellcheck shell=bash
# What the root shows of the data partition: three overlays, and the state. Sourced by
# data-partition.
#
# Not as mount units: once five mounts have come within a second, PID 1 holds the jobs of such
# units back for the rest of it. What it finds mounted it unmounts at the end like a unit of its
# own, but /etc, which stays until all processes are gone.

# index, metacopy and redirect_dir tie the layer above to one certain root below.
readonly LAYER=index=off,metacopy=off,redirect_dir=off,nodev,nosuid

# After a cut nothing is mounted; when the service is started again, some of it or all.
mount_layers() {
    local name
    for name in etc var home; do
        if ! is_mounted "$ROOT/$name"; then
            mount_layer "$DATA/system/$name" "$ROOT/$name" || refuse_layers
        fi
    done
    # In the layer of /var, where its folder is made.
    if ! is_mounted "$STATE"; then
        mount_state || refuse_layers
    fi
}

mount_layer() {
    mount -t overlay -o "lowerdir=$2,upperdir=$1,workdir=$1.work,$LAYER" overlay "$2"
}

mount_state() {
    if [[ ! -d $STATE ]]; then
        mkdir -p "$STATE" || return
    fi
    mount --bind -o nodev,nosuid,noexec "$DATA/appliance" "$STATE"
}

refuse_layers() {
    refuse "Card is damaged" "Flash a new card" "Its data cannot be laid over the root."
}

# Asked often, and a program would have to be started each time.
is_mounted() {
    [[ $(< /proc/self/mounts) == *" $1 "* ]]
}
