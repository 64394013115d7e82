#!/bin/bash -e

# SSH is off unless asked for; its keys are each device's own.
systemctl disable ssh.service
rm -f /etc/ssh/ssh_host_*_key*

# A masked unit need not exist: what stage2 brings is not on every Trixie root.
# Packages are not changed on a read-only root, and nobody answers questions at a console.
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer \
    apt-listchanges.timer e2scrub_all.timer e2scrub_reap.service \
    systemd-firstboot.service rpi-resize.service NetworkManager-wait-online.service

echo uninitialized > /etc/machine-id
rm -f /var/lib/dbus/machine-id
