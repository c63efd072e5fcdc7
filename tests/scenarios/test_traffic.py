"""Who asks: a change of the mix informs once, a surge of what nobody has ever seen pages."""

from __future__ import annotations

from monitor.incidents.words import sentence
from tests.scenarios.service import Judging, judged, told
from tests.scenarios.story import at, log_of, split

CALM = """
00:00 injection: rate=120/min languages=en:70,de:30
00:00 toxicity:  rate=110/min languages=en:70,de:30
00:00 secrets:   rate=40/min languages=en:70,de:30
"""


def everywhere(changes: str, at_clock: str) -> str:
    return "".join(f"{at_clock} {name}: {changes}\n" for name in ("injection", "toxicity", "secrets"))


def traffic(findings):
    return [finding for finding in findings if finding.signal == "traffic_mix"]


def test_steady_traffic_says_nothing_about_itself():
    assert traffic(told(log_of(CALM + "05:00 end")).findings) == []


def test_a_language_that_grows_before_three_guardrails_is_one_notice_that_names_it():
    outcome = told(log_of(CALM + everywhere("languages=en:30,de:70", "01:30") + "04:00 end"))
    (notice,) = traffic(outcome.findings)
    assert (notice.guardrail, notice.question, notice.kind.value) == ("(all guardrails)", "mix_change", "notice")
    assert at("01:30") < notice.detected_at_ms < at("01:35")
    assert at("01:28") < notice.onset_low_ms <= notice.onset_high_ms < at("01:35")
    assert [share.name for share in notice.attribution if share.what == "stratum"] == ["language=de", "language=en"]
    assert "language=de 29.9 % -> 67.8 %, language=en 70.1 % -> 32.2 %" in notice.evidence.detail
    assert sentence(notice, {}).startswith("share of requests with language=de 29.9 % -> 67.8 % (40 of 59) since")
    assert abs(notice.effect.baseline - 0.3) < 0.03
    assert outcome.pages() == []


def test_seven_languages_that_grow_at_once_are_told_within_minutes_and_since_when():
    # By the growth of single languages it took 10 minutes, and was dated 18 minutes before it began.
    others = ("es", "pt", "it", "nl", "de", "fr", "pl")
    before, now = (",".join(f"{name}:{share}" for name in others) for share in (4, 7))
    outcome = told(
        log_of(
            f"00:00 injection: rate=120/min languages=en:72,{before}\n"
            f"01:00 injection: languages=en:51,{now}\n 01:30 end"
        )
    )
    (notice,) = traffic(outcome.findings)
    assert notice.question == "mix_change"
    assert at("00:58") <= notice.onset_low_ms <= notice.onset_high_ms <= at("01:02")
    assert at("01:00") < notice.detected_at_ms <= at("01:05")
    assert abs(notice.effect.baseline - 0.72) < 0.03


def test_a_mix_that_wanders_slowly_informs_and_pages_nobody():
    steps = "".join(
        everywhere(f"languages=en:{70 - 4 * k},de:{30 + 4 * k}", f"0{1 + k // 6}:{k % 6}5") for k in range(12)
    )
    outcome = told(log_of(CALM + steps + "04:00 end"))
    assert outcome.pages() == []
    assert 1 <= len(traffic(outcome.findings)) <= 6
    assert {finding.question for finding in traffic(outcome.findings)} == {"mix_change"}


def test_a_mix_that_comes_back_every_day_is_told_of_once():
    days = "".join(
        everywhere("languages=en:30,de:70", f"{2 * k + 1:02}:30")
        + everywhere("languages=en:70,de:30", f"{2 * k + 2:02}:30")
        for k in range(3)
    )
    outcome = told(log_of(CALM + days + "08:00 end"))
    assert [finding.question for finding in traffic(outcome.findings)] == ["mix_change"]


SURGE = CALM + everywhere("languages=en:62,de:26,xx:12", "01:30") + everywhere("languages=en:70,de:30", "03:00")


def test_a_language_that_nobody_has_ever_seen_pages_when_it_surges_and_the_page_ends_with_it():
    outcome = told(log_of(SURGE + "04:00 end"))
    (page,) = traffic(outcome.findings)
    assert (page.question, page.kind.value, page.direction.value) == ("new_slices_surge", "page", "rise")
    assert at("01:30") < page.detected_at_ms <= page.paged_at_ms < at("01:45")
    assert at("03:00") < page.ended_at_ms < at("03:30")
    assert [share.name for share in page.attribution if share.what == "stratum"] == ["language=xx"]
    assert abs(page.effect.current - 0.12) < 0.03
    assert outcome.pages() == [page]
    assert len([incident for incident in outcome.incidents if incident.guardrail == "(all guardrails)"]) == 1


def test_an_attack_spread_over_many_names_is_one_page_all_the_same():
    names = ",".join(f"x{k}:0.5" for k in range(40))
    outcome = told(log_of(CALM + everywhere(f"languages=en:60,de:20,{names}", "01:30") + "02:00 end"))
    assert [page.question for page in traffic(outcome.pages())] == ["new_slices_surge"]


def test_a_rare_language_that_is_new_is_told_of_once_and_pages_nobody():
    outcome = told(log_of(CALM + everywhere("languages=en:69,de:30,xx:1", "01:30") + "05:00 end"))
    (notice,) = traffic(outcome.findings)
    assert (notice.question, notice.kind.value, notice.promise.value) == ("new_slice", "notice", "rule")
    assert "language=xx" in notice.evidence.detail


def gist(outcome):
    return [
        (f.id, f.kind, f.onset_low_ms, f.detected_at_ms, f.paged_at_ms, f.ended_at_ms, f.evidence.detail)
        for f in outcome.findings
    ]


def test_how_it_is_read_and_judged_and_who_dies_does_not_show():
    log = log_of(SURGE + everywhere("languages=en:40,de:60", "03:30") + "04:00 end")
    expected = gist(told(log))
    assert {question for *_, question in expected}
    for options in (
        {"block_records": 97},
        {"judging": Judging(at_the_end=True)},
        {"judging": Judging(deaths=1, snapshot_ticks=30), "block_records": 700},
        {"judging": Judging(deaths=2), "block_records": 700},
    ):
        assert gist(judged(split(log, 3), **options)) == expected
