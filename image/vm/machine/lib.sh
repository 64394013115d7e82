# shellcheck shell=bash
# What the scripts of this folder share; to be sourced.

machine=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$machine/../../.." && pwd)
vm=$top/.vm

say() {
    echo "$*" >&2
}

# Installs what is missing of these Debian packages.
host_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing: ${missing[*]}"
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" \
        >/dev/null
}

# Where this machine itself takes Debian from.
debian_mirror() {
    local found
    # shellcheck disable=SC2016  # apt fills the names in, not the shell
    found=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' \
        'Created-By: Packages' | awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
    [ -n "$found" ] || {
        say "This machine's apt sources name no Debian archive (or: run apt-get update)."
        return 1
    }
    echo "${found%/}"
}

# fetch_debs ARCH FOLDER PACKAGE...: downloads Trixie's packages without installing anything.
fetch_debs() {
    local arch=$1 folder=$2 apt
    shift 2
    apt=$(private_apt "$arch")
    mkdir -p "$folder"
    (cd "$folder" && APT_CONFIG=$apt apt-get download -q "$@")
}

# The newest version of the kernel for arm64 that Trixie has.
kernel_release() {
    local apt
    apt=$(private_apt arm64)
    APT_CONFIG=$apt apt-cache depends linux-image-arm64 |
        sed -n 's/.*Depends: linux-image-//p' | head -n 1
}

# An apt with a state of its own for Trixie on ARCH; prints its configuration file.
private_apt() {
    local arch=$1 folder=$vm/apt-$1
    if [ ! -e "$folder/ready" ]; then
        mkdir -p "$folder"/{etc/apt/preferences.d,etc/apt/apt.conf.d,var/lib/dpkg} \
            "$folder"/{var/lib/apt/lists/partial,var/cache/apt/archives/partial}
        : >"$folder/var/lib/dpkg/status"
        echo "deb [arch=$arch signed-by=$keyring] $(debian_mirror) trixie main" \
            >"$folder/etc/apt/sources.list"
        private_apt_settings "$arch" "$folder" >"$folder/apt.conf"
        APT_CONFIG=$folder/apt.conf apt-get update -q >&2
        touch "$folder/ready"
    fi
    echo "$folder/apt.conf"
}

# shellcheck disable=SC2034  # used by those who source this
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

private_apt_settings() {
    cat <<EOF
Dir "$2/";
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
EOF
}

# Lets the kernel of this machine start programs of arm64 through qemu.
arm64_programs() {
    mountpoint -q /proc/sys/fs/binfmt_misc ||
        mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    update-binfmts --enable qemu-aarch64
}
