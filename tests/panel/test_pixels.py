from __future__ import annotations

import io

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from appliance.panel.motion import FRAME, REST, TURN, scrolled, swinging, turned
from appliance.panel.pixels import PixelRenderer, render
from appliance.panel.screen import Bar, Icon, Keys, Line, Picture, Screen, Tone

SIZES = ((128, 64, False), (128, 32, False), (160, 128, True), (240, 240, True), (320, 240, True))
RENDERERS = {
    size: PixelRenderer(size[0], size[1], coloured=size[2])
    for size in (*SIZES, (64, 48, False), (160, 80, True), (32, 32, True))
}


def jpeg(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


texts = st.text(max_size=300)
icons = st.none() | st.sampled_from(Icon)
lines = st.builds(Line, text=texts, value=st.text(max_size=40), icon=icons)
pictures = st.builds(Picture, qr=texts) | st.builds(
    Picture, jpeg=st.sampled_from([jpeg(64, 48), jpeg(3, 500), b"", b"\xff\xd8 no picture"])
)
screens = st.builds(
    Screen,
    title=texts,
    value=st.text(max_size=30),
    icon=icons,
    tone=st.sampled_from(Tone),
    lines=st.lists(lines, max_size=9).map(tuple),
    selected=st.none() | st.integers(-2, 12),
    text=texts,
    bar=st.none() | st.builds(Bar, st.none() | st.floats(-1, 2), st.text(max_size=30)),
    keys=st.builds(Keys, st.text(max_size=20), st.text(max_size=20), st.text(max_size=20)),
    picture=st.none() | pictures,
)


@given(screen=screens, elapsed=st.floats(0, 1e5), size=st.sampled_from(sorted(RENDERERS)))
@settings(deadline=None, max_examples=150)
def test_any_screen_becomes_a_picture_of_the_display_s_size(
    screen: Screen, elapsed: float, size: tuple[int, int, bool]
) -> None:
    frame = RENDERERS[size].render(screen, elapsed)
    assert frame.image.size == size[:2]
    assert frame.image.mode == ("RGB" if size[2] else "1")
    assert frame.again is None or frame.again > 0


@given(screen=screens, elapsed=st.floats(0, 100))
@settings(deadline=None, max_examples=40)
def test_until_it_asks_to_be_drawn_again_a_picture_stays_the_same(
    screen: Screen, elapsed: float
) -> None:
    renderer = RENDERERS[128, 64, False]
    frame = renderer.render(screen, elapsed)
    later = 1000.0 if frame.again is None else frame.again * 0.9
    if later < FRAME / 4:
        return  # nothing is drawn more often, even if it changes sooner
    assert renderer.render(screen, elapsed + later).image.tobytes() == frame.image.tobytes()


@pytest.mark.parametrize(("width", "height", "coloured"), SIZES)
def test_what_was_drawn_before_changes_nothing(width: int, height: int, coloured: bool) -> None:
    screen = Screen(title="Ready", lines=(Line("Cloud", "online", Icon.CLOUD),))
    used = RENDERERS[width, height, coloured]
    used.render(Screen(title="Something else", tone=Tone.TROUBLE, text="x " * 200), 3.0)
    fresh = render(screen, width, height, 0.0, coloured=coloured)
    assert used.render(screen, 0.0).image.tobytes() == fresh.image.tobytes()


def drawn(screen: Screen, elapsed: float = 0.0) -> Image.Image:
    return RENDERERS[128, 64, False].render(screen, elapsed).image


def lit(image: Image.Image, box: tuple[int, int, int, int]) -> float:
    """The part of the pixels that shine."""
    part = image.crop(box)
    return part.histogram()[255] / (part.width * part.height)


def test_trouble_and_questions_have_a_filled_title() -> None:
    for tone in Tone:
        loud = lit(drawn(Screen(title="Title", tone=tone)), (64, 0, 128, 12)) > 0.9
        assert loud == (tone in (Tone.ASKING, Tone.TROUBLE))


def test_each_tone_has_its_colour() -> None:
    bars = set()
    for tone in Tone:
        screen = Screen(title="Title", tone=tone, bar=Bar(1.0))
        image = RENDERERS[160, 128, True].render(screen, 0.0).image
        bars.add(image.getpixel((80, 34)))
    assert len(bars) == len(Tone)


def test_a_selected_entry_is_marked_and_always_in_sight() -> None:
    entries = tuple(Line(f"Entry {number}") for number in range(12))
    for selected in range(12):
        image = drawn(Screen(title="Menu", lines=entries, selected=selected))
        marked = [row for row in range(13, 64) if lit(image, (100, row, 122, row + 1)) == 1.0]
        assert 8 <= len(marked) <= 13
        assert marked == list(range(marked[0], marked[-1] + 1))


def test_the_scroll_bar_says_where_in_the_list_one_is() -> None:
    entries = tuple(Line(f"Entry {number}") for number in range(12))

    def thumb(selected: int) -> int:
        image = drawn(Screen(title="Menu", lines=entries, selected=selected))
        return next(row for row in range(13, 64) if lit(image, (126, row, 128, row + 2)) == 1.0)

    places = [thumb(selected) for selected in range(12)]
    assert places == sorted(places)
    assert places[0] < places[6] < places[11]


def test_a_long_name_runs_to_its_end_and_rests_there() -> None:
    screen = Screen(title="Printing", lines=(Line("A name that is longer than the display is"),))
    renderer = RENDERERS[128, 64, False]
    elapsed, pictures, rests, last = 0.0, [], [], drawn(screen)
    for _ in range(200):
        frame = renderer.render(screen, elapsed)
        assert frame.again is not None
        pictures.append(frame.image.tobytes())
        if frame.again > 1.0:
            rests.append(frame.again)
            last = frame.image if len(rests) == 2 else last
        elapsed += frame.again
        if elapsed > 3 * REST and pictures[-1] == pictures[0]:
            break
    assert rests == pytest.approx([REST, REST, REST], abs=0.2)
    assert len(set(pictures)) > 20
    end = renderer.render(Screen(title="Printing", lines=(Line("the display is"),)), 0.0).image
    found = [
        shift
        for shift in range(67)
        if not ImageChops.difference(
            last.crop((70, 14, 125, 26)), end.crop((70 - shift, 14, 125 - shift, 26))
        ).getbbox()
    ]
    assert found, "the end of the name stands at the right edge"


def test_the_value_is_never_cut_for_the_text() -> None:
    short = drawn(Screen(title="x", lines=(Line("", "86/204"),)))
    long = drawn(Screen(title="x", lines=(Line("w" * 100, "86/204"),)))
    assert short.crop((90, 13, 128, 30)).tobytes() == long.crop((90, 13, 128, 30)).tobytes()


def test_what_does_not_fit_is_shown_in_turn() -> None:
    screen = Screen(title="Help", text="word " * 60)
    images = {drawn(screen, TURN * turn + 1).tobytes() for turn in range(8)}
    assert len(images) >= 3
    assert RENDERERS[128, 64, False].render(screen, 1.0).again == pytest.approx(TURN - 1)


def test_keys_are_said_where_there_is_room_and_always_where_somebody_is_asked() -> None:
    keys = Keys(ok="Menu")
    lines = tuple(Line(f"Line {number}") for number in range(5))

    def said(screen: Screen) -> bool:
        return lit(drawn(screen), (0, 53, 128, 54)) == 1.0

    assert said(Screen(title="x", lines=lines[:2], keys=keys))
    assert not said(Screen(title="x", lines=lines, keys=keys))
    assert said(Screen(title="x", lines=lines, keys=keys, tone=Tone.ASKING))
    assert not said(Screen(title="x", lines=lines[:2]))


def test_a_bar_is_as_long_as_its_fraction() -> None:
    def length(fraction: float) -> int:
        image = drawn(Screen(title="x", bar=Bar(fraction)))
        row = [image.getpixel((x, 19)) for x in range(6, 122)]
        return sum(map(bool, row))

    lengths = [length(step / 20) for step in range(21)]
    assert lengths == sorted(lengths)
    assert lengths[0] == 0
    assert lengths[20] == 116
    assert lengths[10] == pytest.approx(58, abs=3)
    assert length(-3.0) == 0
    assert length(7.0) == 116


def test_a_bar_without_a_fraction_swings() -> None:
    frames = [drawn(Screen(title="x", bar=Bar(None)), step * FRAME).tobytes() for step in range(30)]
    assert len(set(frames)) > 25


@pytest.mark.parametrize("size", [(128, 64, False), (240, 240, True), (160, 128, True)])
def test_a_code_holds_what_it_should_dot_by_dot(size: tuple[int, int, bool]) -> None:
    content = "WIFI:T:WPA;S:Polar-Appliance-12AB;P:k3x9-2mq7;;"
    screen = Screen(title="Join", lines=(Line("k3x9"),), picture=Picture(qr=content))
    image = RENDERERS[size].render(screen, 0.0).image.convert("L")
    wanted = segno.make_qr(content, error="l", boost_error=False).matrix
    count = len(wanted)
    assert any(
        all(
            (image.getpixel((left + x * scale, top + y * scale)) == 0) == bool(wanted[y][x])
            for y in range(count)
            for x in range(count)
        )
        for scale in (5, 4, 3, 2)
        for left in range(size[0] - (count - 1) * scale - 1)
        for top in range(size[1] - (count - 1) * scale - 1)
        if all(image.getpixel((left + x * scale, top)) == 0 for x in range(7))
    )


def test_a_code_that_nobody_could_read_is_left_out() -> None:
    words = Screen(title="Join", lines=(Line("k3x9"),))
    coded = Screen(title="Join", lines=(Line("k3x9"),), picture=Picture(qr="x" * 60))
    small = RENDERERS[128, 32, False]
    assert small.render(coded, 0.0).image.tobytes() == small.render(words, 0.0).image.tobytes()


def test_a_photograph_fills_the_room_below_the_title() -> None:
    screen = Screen(title="Camera", picture=Picture(jpeg=jpeg(640, 480)))
    image = drawn(screen)
    assert image.crop((30, 13, 98, 63)).getbbox() is not None
    assert lit(image, (0, 13, 25, 64)) == 0.0
    assert 0.2 < lit(image, (30, 13, 98, 64)) < 0.8
    coloured = RENDERERS[240, 240, True].render(screen, 0.0).image
    assert coloured.getpixel((120, 230)) != coloured.getpixel((120, 60))


def test_what_is_no_photograph_leaves_the_words() -> None:
    words = Screen(title="Camera", text="No picture")
    broken = Screen(title="Camera", text="No picture", picture=Picture(jpeg=jpeg(99, 99)[:50]))
    assert drawn(broken).tobytes() == drawn(words).tobytes()


@given(excess=st.integers(1, 4000), step=st.integers(1, 9), elapsed=st.floats(0, 1e6))
def test_scrolling_stays_within_the_text(excess: int, step: int, elapsed: float) -> None:
    offset, again = scrolled(excess, step, elapsed)
    assert 0 <= offset <= excess
    assert again > 0


@given(times=st.lists(st.floats(0.1, 60), min_size=1, max_size=9), elapsed=st.floats(0, 1e6))
def test_turns_are_parts_that_exist(times: list[float], elapsed: float) -> None:
    index, since, until = turned(times, elapsed)
    assert 0 <= index < len(times)
    assert since >= 0
    assert (until is None) == (len(times) == 1)


@given(room=st.integers(0, 500), elapsed=st.floats(0, 1e6))
def test_a_swinging_block_stays_in_its_room(room: int, elapsed: float) -> None:
    place, again = swinging(room, elapsed)
    assert 0 <= place <= room
    assert again > 0
