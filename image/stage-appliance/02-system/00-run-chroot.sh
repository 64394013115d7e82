#!/bin/bash -e

# SSH is off unless asked for; its keys are each device's own.
systemctl disable ssh.service
rm -f /etc/ssh/ssh_host_*_key*

# A masked unit need not exist: what stage2 brings is not on every Trixie root.
# Packages do not change on a read-only root; the card is cut by polar-data.service; nobody
# answers questions at a console; nothing waits for a network; nothing uses Bluetooth.
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer \
    apt-listchanges.timer e2scrub_all.timer e2scrub_reap.service rpi-resize.service \
    systemd-firstboot.service NetworkManager-wait-online.service \
    bluetooth.service hciuart.service regenerate_ssh_host_keys.service

# Made with the image, or by polar-data.service: users, which would come to lie above those of
# this root; the index of hardware and that of messages; the cache of libraries; the machine's
# id. Not systemd-update-done: what else asks whether /usr is newer runs once, not at each start.
systemctl mask systemd-sysusers.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service ldconfig.service systemd-machine-id-commit.service

# GStreamer's package makes its clock's helper root's own (setuid) where capabilities cannot be set,
# as under pi-gen. Nothing here keeps time by PTP.
chmod 0644 /usr/lib/*/gstreamer1.0/gstreamer-1.0/gst-ptp-helper

echo uninitialized > /etc/machine-id
rm -f /var/lib/dbus/machine-id
