"""The journal of promises: what survives a crash, what is noticed, what is forgotten."""

import pytest

from pipelines.sources.kafka import promises as module
from pipelines.sources.kafka.promises import Promises, PromisesDamaged


def journal(tmp_path, *added):
    path = tmp_path / "events.pos-0"
    if not path.exists():
        Promises.create(path, "eHUwWIR+S+yiKCxN4fKsew", 7, 100)
    opened = Promises(path)
    for promise in added:
        opened.add(*promise)
    return opened


def test_what_was_promised_is_there_in_the_next_life(tmp_path):
    journal(tmp_path, (9, 110), (12, 120)).close()
    again = journal(tmp_path)
    assert again.after(0) == [(7, 100), (9, 110), (12, 120)]
    assert again.after(9) == [(9, 110), (12, 120)]
    assert (again.topic_id, again.begins_at, again.reaches_to) == ("eHUwWIR+S+yiKCxN4fKsew", 7, 12)


def test_the_last_promise_of_an_offset_takes_the_place_of_those_before(tmp_path):
    first = journal(tmp_path, (9, 110))
    size = (tmp_path / "events.pos-0").stat().st_size
    for at in range(111, 200):
        first.add(9, at)
    assert (tmp_path / "events.pos-0").stat().st_size == size
    assert journal(tmp_path).after(0) == [(7, 100), (9, 199)]


@pytest.mark.parametrize("cut", range(1, 24))
def test_an_append_that_was_cut_off_never_counted(tmp_path, cut):
    journal(tmp_path, (9, 110), (12, 120)).close()
    path = tmp_path / "events.pos-0"
    path.write_bytes(path.read_bytes()[:-cut])
    again = journal(tmp_path, (11, 115))
    again.close()
    assert journal(tmp_path).after(0) == [(7, 100), (9, 110), (11, 115)]


def test_other_bytes_are_noticed(tmp_path):
    journal(tmp_path, (9, 110)).close()
    path = tmp_path / "events.pos-0"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(PromisesDamaged, match="bring it back, or start with a fresh --output"):
        Promises(path)
    path.write_bytes(b"")
    with pytest.raises(PromisesDamaged, match="an empty one"):
        Promises(path)


def test_only_what_no_resume_needs_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRUNE_PROMISES", 4)
    opened = journal(tmp_path, (9, 110), (12, 120), (15, 130))
    opened.prune(9)
    assert len(opened.after(0)) == 4, "less than half of it could go"
    opened.prune(13)
    assert opened.after(0) == [(15, 130)]
    opened.add(15, 140)
    opened.add(16, 150)
    opened.close()
    assert journal(tmp_path).after(0) == [(15, 140), (16, 150)]
    assert [file.name for file in tmp_path.iterdir()] == ["events.pos-0"]


def test_pruning_keeps_the_last_promise_even_if_reading_is_past_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRUNE_PROMISES", 1)
    opened = journal(tmp_path, (9, 110))
    opened.prune(1_000)
    assert journal(tmp_path).after(0) == [(9, 110)]
