"""Every page of the menu, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from appliance.panel import pages_prepare, pages_print, pages_queue, pages_setup, pages_system
from appliance.panel.page import Builder, Page

PAGES: Final[Mapping[Page, Builder]] = MappingProxyType(
    {
        Page.MAIN: pages_system.main_page,
        Page.QUEUE: pages_queue.queue_page,
        Page.QUEUED: pages_queue.queued_page,
        Page.ASKED: pages_queue.asked_page,
        Page.PRINT: pages_print.print_page,
        Page.CANCEL: pages_print.cancel_page,
        Page.FILAMENT: pages_print.filament_page,
        Page.PREPARE: pages_prepare.prepare_page,
        Page.PREHEAT: pages_prepare.preheat_page,
        Page.HOMING: pages_prepare.homing_page,
        Page.MOVE: pages_prepare.move_page,
        Page.JOG: pages_prepare.jog_page,
        Page.EXTRUDE: pages_prepare.extrude_page,
        Page.NETWORK: pages_system.network_page,
        Page.CAMERA: pages_system.camera_page,
        Page.CLOUD: pages_system.cloud_page,
        Page.UNREGISTER: pages_system.unregister_page,
        Page.SYSTEM: pages_system.system_page,
        Page.RESTART: pages_system.restart_page,
        Page.SHUT_DOWN: pages_system.shut_down_page,
        Page.SETUP: pages_system.setup_page,
        Page.SETUP_HERE: pages_setup.setup_here_page,
        Page.COUNTRY: pages_setup.country_page,
        Page.WIFIS: pages_setup.wifis_page,
        Page.WIFI_NAME: pages_setup.wifi_name_page,
        Page.WIFI_PASSWORD: pages_setup.wifi_password_page,
        Page.WIFI_OPEN: pages_setup.wifi_open_page,
        Page.JOINING: pages_setup.joining_page,
        Page.EMAIL: pages_setup.email_page,
        Page.PIN: pages_setup.pin_page,
        Page.REGISTERING: pages_setup.registering_page,
        Page.WRONG: pages_setup.wrong_page,
    }
)
