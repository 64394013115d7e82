#!/usr/bin/env bash
# Builds the card's image with pi-gen.
#   image/build.sh            dist/image/polar-appliance-<version>.img.xz, and what belongs to it
#   image/build.sh --check    says what would be built, and whether anything is wrong with it
#
# PI_GEN_DIR        a checkout of pi-gen (branch arm64), taken as it stands and left as it is;
#                   without it the pinned commit is cloned
# APPLIANCE_OUTPUT  where everything goes instead of dist/image
# APPLIANCE_URL     the address at which these files will be offered, for Raspberry Pi Imager;
#                   without it Imager's file points to the folder itself
# IMG_DATE          the date in the image instead of today's
set -euo pipefail
image=$(dirname "$(realpath "$0")")
repository=$(dirname "$image")
output=$(realpath -m "${APPLIANCE_OUTPUT:-$repository/dist/image}")
work="$output/work"
stages=(stage0 stage1 stage2)

main() {
    case "${1:-}" in
        "") build ;;
        --check) check ;;
        *)
            sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
            exit 2
            ;;
    esac
}

check() {
    prepare_wheels
    local given=()
    [ -z "${PI_GEN_DIR:-}" ] || given=(--pi-gen "$PI_GEN_DIR")
    in_python image.plan --config "$image/config" --wheels "$work/wheels" "${given[@]}"
}

build() {
    choose_engine
    prepare_wheels
    prepare_pi_gen
    in_python image.plan --config "$image/config" --wheels "$work/wheels" --pi-gen "$work/pi-gen"
    "build_with_$engine"
    in_python image.finish --image "$work/pi-gen/deploy/$name.img.xz" --version "$version" \
        --date "$IMG_DATE" --output "$output" --base "${APPLIANCE_URL:-}"
}

in_python() {
    PYTHONPATH="$repository" "$repository/.venv/bin/python" -m "$@"
}

# pi-gen needs root and a Debian with its tools; Docker brings both.
choose_engine() {
    if [ "$(id -u)" = 0 ]; then
        engine=root
    elif docker info >/dev/null 2>&1; then
        engine=docker
    else
        echo "No Docker engine answers, and pi-gen needs root without one." >&2
        exit 1
    fi
}

prepare_wheels() {
    mkdir -p "$work"
    "$image/wheels" arm64 "$work/wheels"
    version=$(cd "$work/wheels" && echo polar_appliance-*.whl | cut -d- -f2)
    name="polar-appliance-$version"
    export IMG_DATE=${IMG_DATE:-$(date +%Y-%m-%d)}
}

# A copy: pi-gen is told by files in its own stages not to make images of them.
prepare_pi_gen() {
    if [ -n "${PI_GEN_DIR:-}" ]; then
        rsync -a --delete --exclude /work --exclude /deploy "$PI_GEN_DIR/" "$work/pi-gen/"
    else
        clone_pi_gen
    fi
    for stage in "${stages[@]}"; do
        touch "$work/pi-gen/$stage/SKIP_IMAGES"
    done
}

clone_pi_gen() {
    local address commit
    address=$(sed -n 's/^PI_GEN_ADDRESS=//p' "$image/config")
    commit=$(sed -n 's/^PI_GEN_COMMIT=\([0-9a-f]*\).*/\1/p' "$image/config")
    [ -d "$work/pi-gen/.git" ] || git init -q "$work/pi-gen"
    git -C "$work/pi-gen" fetch -q --depth 1 "$address" "$commit"
    git -C "$work/pi-gen" checkout -q --force "$commit"
}

# $1: where pi-gen sees itself, $2: this repository, $3: the wheels.
write_config() {
    cat "$image/config"
    echo "IMG_DATE=$IMG_DATE"
    echo "IMG_FILENAME=$name"
    echo "ARCHIVE_FILENAME=$name"
    echo "STAGE_LIST='${stages[*]/#/$1/} $2/image/stage-appliance'"
    echo "export APPLIANCE_WHEELS='$3'"
    echo "export APPLIANCE_COMMIT='$(git -C "$repository" rev-parse --short HEAD 2>/dev/null || echo unknown)'"
}

build_with_root() {
    write_config "$work/pi-gen" "$repository" "$work/wheels" > "$work/config"
    (cd "$work/pi-gen" && ./build.sh -c "$work/config")
}

# What a build that failed or was stopped has left: pi-gen refuses to begin beside it. One that
# runs stays, and pi-gen says so.
remove_leftover() {
    local left
    left=$(docker ps --all --quiet --filter "name=^/?$CONTAINER_NAME\$" \
        --filter status=exited --filter status=created --filter status=dead)
    if [ -n "$left" ]; then
        docker rm --volumes "$left" > /dev/null
    fi
}

build_with_docker() {
    export CONTAINER_NAME=polar-appliance-build
    remove_leftover
    write_config /pi-gen /appliance /wheels > "$work/config"
    (
        cd "$work/pi-gen"
        export PIGEN_DOCKER_OPTS="--volume $repository:/appliance:ro --volume $work/wheels:/wheels:ro"
        ./build-docker.sh -c "$work/config"
    )
}

main "$@"
