"""The simulated front panel has every key, and the switches that the settings name."""

from __future__ import annotations

import pytest

from appliance.panel.display import DisplayError
from appliance.panel.keys import Key
from appliance.panel.wire import Hardware
from appliance.settings_panel import (
    ButtonSettings,
    DisplayKind,
    DoorSettings,
    PanelSettings,
    Wiring,
    panel_problems,
)
from appliance.sim.panel_front import Front


def front(
    panel: PanelSettings | None = None,
    buttons: ButtonSettings | None = None,
    door: DoorSettings | None = None,
) -> Front:
    return Front(
        Hardware(panel or PanelSettings(), buttons or ButtonSettings(), door or DoorSettings())
    )


@pytest.mark.parametrize("wiring", [Wiring.I2C, Wiring.PARALLEL])
def test_each_key_has_a_pin_that_nothing_else_uses(wiring: Wiring) -> None:
    panel = PanelSettings(display=DisplayKind.HD44780_16X2, wiring=wiring)
    buttons, door = ButtonSettings(ok=4, encoder_a=5, encoder_b=6), DoorSettings(pin=9, lock_pin=10)
    made = front(panel, buttons, door).hardware
    assert made.buttons.ok == 4
    assert set(made.buttons.pins()) == {*Key, "encoder_a", "encoder_b"}
    assert list(panel_problems(made.panel, made.buttons, made.door)) == []


@pytest.mark.parametrize("pressed", ["low", "high"])
def test_fingers_and_door_move_the_levels_that_the_settings_name(pressed: str) -> None:
    high = pressed == "high"
    one = front(
        buttons=ButtonSettings(ok=26, pressed="high" if high else "low"),
        door=DoorSettings(pin=22, open="high" if high else "low"),
    )
    button, door = one.factory.pin(26), one.factory.pin(22)
    assert (button.state, door.state, one.door_open) == (not high, not high, False)
    one.press(Key.OK, down=True)
    one.press(Key.UP, down=True)
    one.move_door(opened=True)
    assert (button.state, door.state, one.door_open) == (high, high, True)
    assert one.keys == (Key.UP, Key.OK)
    one.press(Key.OK, down=False)
    assert button.state is not high
    assert [*one.keys] == [Key.UP]


def test_without_a_pin_there_is_no_door() -> None:
    one = front()
    one.move_door(opened=True)
    assert one.door_open is None


def test_without_a_display_there_is_nothing_to_see() -> None:
    one = front()
    assert (one.picture(), one.rows()) == (None, ())
    with pytest.raises(DisplayError, match="no simulated display"):
        one.wires.i2c(1)
    with pytest.raises(DisplayError, match="no simulated display"):
        one.wires.spi(0, 0)
    with pytest.raises(DisplayError, match="no simulated display"):
        one.wires.gpio()


@pytest.mark.parametrize("kind", [one for one in DisplayKind if one is not DisplayKind.NONE])
def test_every_display_can_be_seen(kind: DisplayKind) -> None:
    one = front(PanelSettings(display=kind))
    assert one.picture().width > 0
    assert len(one.rows()) == (kind.cells or (0, 0))[1]
