# shellcheck shell=bash
# The folders on the data partition. Sourced by data-partition.

# What belongs to this device or to its owner, and outlives a new root.
readonly KEPT=(
    etc/NetworkManager/system-connections
    etc/netplan # where NetworkManager keeps them on Raspberry Pi OS
    etc/hostname
    etc/localtime
    etc/timezone
    etc/machine-id
    etc/ssh/ssh_host_ecdsa_key
    etc/ssh/ssh_host_ecdsa_key.pub
    etc/ssh/ssh_host_ed25519_key
    etc/ssh/ssh_host_ed25519_key.pub
    etc/ssh/ssh_host_rsa_key
    etc/ssh/ssh_host_rsa_key.pub
    var/lib/NetworkManager
    var/lib/systemd/random-seed
    var/lib/systemd/rfkill
    var/lib/systemd/timesync
    var/log/journal
)

readonly GROUP=870 # polar, by the number that it has everywhere

# The upper layers, their work folders and the state. The layers' own modes are those of /etc,
# /var and /home.
make_folders() {
    local system=$DATA/system
    install -d -m 0755 "$DATA"
    install -d -m 0700 "$system" "$system"/{etc,var,home}.work
    install -d -m 0755 "$system"/{etc,var,home}
    # Sticky: each daemon replaces only its own files. setgid: both can read them.
    install -d -o 0 -g "$GROUP" -m 3770 "$DATA/appliance"
}

# What lies above another root may not fit to this one: it is dropped, but for KEPT. The new
# layers are made beside the old ones; "ready" says that they are whole. A cut before it
# begins anew, a cut after it goes on.
drop_what_an_older_root_left() {
    local next=$DATA/system/next version
    if [[ -e $next/ready ]]; then
        exchange_layers "$next"
    fi
    if [[ ! -e $VERSION_FILE ]]; then
        echo "$VERSION_FILE is missing: what lies above the root stays." >&2
        return
    fi
    version=$(< "$VERSION_FILE")
    if [[ $version != "$(known_version)" ]]; then
        copy_kept "$next"
        exchange_layers "$next"
        set_homes_aside
        note_version "$version"
    fi
}

known_version() {
    if [[ -e $DATA/system/version ]]; then
        cat "$DATA/system/version"
    fi
}

copy_kept() {
    local next=$1 path
    rm -rf "$next"
    mkdir -p "$next/etc" "$next/var"
    chmod 0755 "$next/etc" "$next/var"
    for path in "${KEPT[@]}"; do
        if is_kept "$DATA/system/$path"; then
            copy_folders "$next" "$(dirname "$path")"
            # Linked, so that it needs no room. No xattrs: those of the overlay speak of the old root.
            cp -dRl --preserve=mode,ownership,timestamps "$DATA/system/$path" "$next/$path"
        fi
    done
    sync -f "$next"
    touch "$next/ready"
    sync -f "$next"
}

# A character device says that the root's own file was removed: that is not worth keeping.
is_kept() {
    [[ (-e $1 || -L $1) && ! -c $1 ]]
}

# The folders above a kept one, with the modes that they have.
copy_folders() {
    local next=$1 path=$2
    if [[ ! -d $next/$path ]]; then
        copy_folders "$next" "$(dirname "$path")"
        mkdir "$next/$path"
        chmod --reference="$DATA/system/$path" "$next/$path"
        chown --reference="$DATA/system/$path" "$next/$path"
    fi
}

# A layer that is still in $1 has not been put in its place yet.
exchange_layers() {
    local next=$1 layer
    for layer in etc var; do
        if [[ -d $next/$layer ]]; then
            rm -rf "$DATA/system/$layer" "$DATA/system/$layer.work"
            mv -T "$next/$layer" "$DATA/system/$layer"
        fi
    done
    rm -rf "$DATA/system/home.work" # belongs to the old root's layer
    sync -f "$DATA"
    rm -rf "$next"
}

# The new root knows none of the users of the old one, and where a home of that name lies already
# no user can be made, or one with another number. Files of people are not ours to drop.
set_homes_aside() {
    local path earlier=$DATA/system/home/earlier
    for path in "$DATA"/system/home/*; do
        if [[ -c $path ]]; then
            rm "$path" # the overlay's word for "removed"
        elif [[ -e $path && $path != "$earlier" ]]; then
            install -d -m 0755 "$earlier"
            mv -T --backup=numbered "$path" "$earlier/$(basename "$path")"
        fi
    done
}

note_version() {
    echo "$1" > "$DATA/system/version.new"
    sync "$DATA/system/version.new"
    mv "$DATA/system/version.new" "$DATA/system/version"
    sync -f "$DATA"
}
