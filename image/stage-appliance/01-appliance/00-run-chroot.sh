#!/bin/bash -e
# /opt/polar-appliance/<version>: a virtual environment that sees the system's packages, with the
# locked wheels and no pip; the same wheels make the same files.

wheels=/opt/polar-appliance/wheels
own=("${wheels}"/polar_appliance-*.whl)
version="${own[0]#"${wheels}/polar_appliance-"}"
version="${version%%-*}"
home="/opt/polar-appliance/${version}"
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8

# One version alone: a root that pi-gen keeps between two builds may hold another.
find /opt/polar-appliance -mindepth 1 -maxdepth 1 ! -name wheels -exec rm -rf {} +
python3 -m venv --system-site-packages --without-pip "${home}"
pip=(/usr/share/python-wheels/pip-*.whl)
"${home}/bin/python" "${pip[0]}/pip" --isolated install --quiet --no-index --find-links "${wheels}" \
    --require-hashes --no-deps --ignore-installed --no-compile --no-cache-dir \
    --root-user-action ignore -r "${wheels}/requirements.txt"
rm -f "${home}"/bin/[aA]ctivate*

# The root is read-only: Python could keep no compiled file later. One process and a fixed seed,
# so that the bytes are the same each time; never checked against a source that cannot change.
"${home}/bin/python" -m compileall -q -o 0 -o 2 --invalidation-mode unchecked-hash "${home}/lib"

# The daemons run with -OO, for which Debian's packages bring nothing compiled. These are checked
# against the source's time, for apt may still replace it in this build.
python="/usr/lib/$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"
python3 -m compileall -q -o 2 --invalidation-mode timestamp \
    -x '/(test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data)/' "${python}"
for package in systemd spidev.py RPi lgpio.py picamera2 libcamera numpy; do
    for found in "/usr/lib/python3/dist-packages/${package}"*; do
        [[ "${found}" != *-info && -e "${found}" ]] || continue
        python3 -m compileall -q -o 2 --invalidation-mode timestamp -x '/tests?/' "${found}"
    done
done

ln -sfn "${version}" /opt/polar-appliance/current
ln -sfn /opt/polar-appliance/current/bin/polar-appliance /usr/bin/polar-appliance
