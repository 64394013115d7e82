"""Which file of a job is printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.polar.choose import Choice, NothingToPrint, choose
from appliance.polar.job import Chosen
from appliance.polar.messages import Print

G, S, C, T = "http://x/7.gcode", "http://x/7.stl", "http://x/7.ini", "http://x/7.3mf"


def message(
    gcode: str | None = None,
    stl: str | None = None,
    config: str | None = None,
    threemf: str | None = None,
    wanted: str | None = None,
) -> Print:
    return Print(
        job_id="P3D1-7",
        gcode_file=gcode,
        stl_file=stl,
        config_file=config,
        threemf_file=threemf,
        file_to_print=wanted,
    )


@pytest.mark.parametrize(
    ("sent", "choice"),
    [
        (message(G), Choice(Chosen.GCODE, G)),
        (message(G, S, C, T), Choice(Chosen.GCODE, G)),
        (message(None, S, C, T), Choice(Chosen.STL, S, C)),
        (message("", S, C), Choice(Chosen.STL, S, C)),
        (message(None, S, None, T), Choice(Chosen.THREEMF, T)),
        (message(None, None, C, T), Choice(Chosen.THREEMF, T, C)),
        (message(None, G, None, T), Choice(Chosen.GCODE, G)),
        (message(G, S, C, T, "stlFile"), Choice(Chosen.STL, S, C)),
        (message(G, S, C, T, "threemfFile"), Choice(Chosen.THREEMF, T, C)),
        (message(G, S, C, T, "gcodeFile"), Choice(Chosen.GCODE, G)),
        (message(G, S, C, T, ""), Choice(Chosen.GCODE, G)),
        (message(None, S, C, None, "somethingNew"), Choice(Chosen.STL, S, C)),
    ],
)
def test_what_is_printed(sent: Print, choice: Choice) -> None:
    assert choose(sent) == choice


@pytest.mark.parametrize("wanted", [None, "stlFile"])
def test_gcode_that_comes_as_stl_is_printed_as_it_is(wanted: str | None) -> None:
    """Of its own accord the live cloud calls it so; its address tells."""
    url = "http://x/a/7.GCODE?sig=1"
    assert choose(message(None, url, None, None, wanted)) == Choice(Chosen.GCODE, url)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (message(), "no file that can be printed"),
        (message(config=C), "no file that can be printed"),
        (message(stl=S), "no slicing configuration"),
        (message(stl=S, wanted="stlFile"), "no slicing configuration"),
        (message(G, None, C, None, "stlFile"), "wants the job's stlFile"),
        (message(None, S, C, None, "threemfFile"), "wants the job's threemfFile"),
        (message(None, S, C, None, "gcodeFile"), "wants the job's gcodeFile"),
        (message(stl="http://[x/7.stl"), "no slicing configuration"),
    ],
)
def test_what_is_missing_is_said(sent: Print, words: str) -> None:
    with pytest.raises(NothingToPrint, match=words) as caught:
        choose(sent)
    assert len(caught.value.short) <= 20


ADDRESSES = st.none() | st.sampled_from(["", G, S, C, T]) | st.text(max_size=12)
NAMES = st.none() | st.sampled_from(["", *Chosen]) | st.text(max_size=9)


@given(st.builds(message, ADDRESSES, ADDRESSES, ADDRESSES, ADDRESSES, NAMES))
def test_what_is_chosen_can_be_printed_and_is_what_was_named(sent: Print) -> None:
    named = sent.file_to_print in tuple(Chosen)
    try:
        choice = choose(sent)
    except NothingToPrint:
        if not named:
            assert not sent.gcode_file
            assert not (sent.stl_file and sent.config_file)
            assert not sent.threemf_file
        return
    files = {
        Chosen.GCODE: (sent.gcode_file, sent.stl_file),
        Chosen.STL: (sent.stl_file,),
        Chosen.THREEMF: (sent.threemf_file,),
    }
    assert choice.url
    assert choice.url in files[choice.what]
    if choice.what is Chosen.STL:
        assert choice.config_url == sent.config_file != ""
    if named and choice.what != sent.file_to_print:
        assert (sent.file_to_print, choice.what) == (Chosen.STL, Chosen.GCODE)
