"""Reports of cost, black box: who costs most, how cost is spread, what one of anything costs, and where it goes."""

import json
from decimal import Context, Decimal

import pytest
from conftest import run_cli
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, use
from waiting import wait_until

GPT_5 = {"input_uncached": "1.25", "cache_read": "0.125", "output": "10"}
GPT = attributes_of("openai", "gpt-5")
NOVEMBER = {"start": "2026-11-01", "end": "2026-12-01"}


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT)


def report(receiver, name, key="", *, start="2026-11-01", end="2026-12-01", **query):
    """The answer of a report, once everything that was sent is priced."""
    costs(receiver, key)
    reply = get(f"{receiver.url}/api/v1/costs/{name}", key, **{"from": start, "to": end, **query})
    assert reply.status == 200, reply.body
    return reply.json


def used_by(receiver, tokens, **more):
    """Millions of output tokens by user, at 10 USD each."""
    for user, millions in tokens.items():
        attributes = GPT if user is None else GPT | {"user.id": user}
        use(receiver, {"output": int(millions * 1_000_000)}, attributes, **more)


def test_the_costliest_users_come_first_with_their_shares_and_what_is_nobodys(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    used_by(receiver, {"ann": 5, "bob": 3, "cy": 1, None: 1})
    use(receiver, {"output": 250_000}, attributes_of("openai", "nobody-knows", **{"user.id": "ann"}))
    answer = report(receiver, "top", limit=2)
    assert [(r["user"], r["cost"], r["share"], r["cumulativeShare"]) for r in answer["rows"]] == [
        ("ann", "50", "0.5", "0.5"), ("bob", "30", "0.3", "0.8")
    ]  # fmt: skip
    assert answer["subjects"] == [{"currency": "USD", "count": 3, "cost": "90", "median": "30", "outlierAbove": "90"}]
    assert [(u["cost"], u["share"]) for u in answer["unattributed"]] == [("10", "0.1")]
    assert [(u["model"], u["quantity"]) for u in answer["unpricedModels"]] == [("nobody-knows", "250000")]
    assert answer["pricedUntil"] == answer["to"]


def test_growth_is_against_the_own_mean_of_the_four_weeks_before(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    used_by(receiver, {"ann": 4, "bob": 4}, when="2026-09-10T12:00:00")
    used_by(receiver, {"ann": 2, "bob": 0.5, 'o"Brien\\é\u0001': 1}, when="2026-10-02T12:00:00")
    used_by(receiver, {'o"Brien\\é\u0001': 1}, when="2026-09-28T12:00:00")
    week = {"start": "2026-10-01", "end": "2026-10-08"}
    rows = {row["user"]: (row["costBefore"], row["growth"]) for row in report(receiver, "top", **week)["rows"]}
    assert rows == {"ann": ("40", "1"), "bob": ("40", "-0.5"), 'o"Brien\\é\u0001': ("10", "3")}
    later = report(receiver, "top", start="2026-09-05", end="2026-09-12")
    assert {row["growth"] for row in later["rows"]} == {None}, "nothing is known of before"


def test_an_outlier_is_above_the_other_95_percent_and_above_three_medians(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    used_by(receiver, {f"u{n}": 1 for n in range(19)} | {"whale": 3})
    assert not any(row["isOutlier"] for row in report(receiver, "top")["rows"]), "three medians are not more than three"
    used_by(receiver, {"whale": 0.000001}, when="2026-11-11T12:00:00")
    assert [row["user"] for row in report(receiver, "top")["rows"] if row["isOutlier"]] == ["whale"]
    few = report(receiver, "top", **{"attr.user.id": ["u1", "u2", "whale"]})["rows"]
    assert [row["user"] for row in few if row["isOutlier"]] == ["whale"], "of three users one may stand out, too"
    [alone] = report(receiver, "top", **{"attr.user.id": "whale"})["rows"]
    assert not alone["isOutlier"]


def test_a_distribution_says_how_uneven_it_is(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    used_by(receiver, {f"u{n}": n for n in range(1, 11)})
    [row] = report(receiver, "distribution")["rows"]
    assert (row["count"], row["cost"], row["mean"], row["min"], row["max"]) == (10, "550", "55", "10", "100")
    assert (row["p50"], row["p90"], row["p95"], row["p99"]) == ("50", "90", "100", "100")
    assert row["deciles"] == [str(10 * n) for n in range(1, 10)]
    assert (row["gini"], row["top1Share"], row["top10Share"]) == ("0.3", "0.181818", "0.181818")
    assert row["lorenz"][0] == {"subjects": "0", "cost": "0"} and row["lorenz"][-1] == {"subjects": "1", "cost": "1"}
    assert row["lorenz"][5] == {"subjects": "0.5", "cost": "0.272727"}


def test_currencies_are_never_added_up(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    card(receiver, "mistral", "large", prices={"output": "6"}, currency="EUR")
    used_by(receiver, {"ann": 1, "bob": 3})
    use(receiver, {"output": 1_000_000}, attributes_of("mistral", "large", **{"user.id": "ann"}))
    rows = report(receiver, "top")["rows"]
    assert [(r["currency"], r["user"], r["cost"], r["share"]) for r in rows] == [
        ("EUR", "ann", "6", "1"), ("USD", "bob", "30", "0.75"), ("USD", "ann", "10", "0.25")
    ]  # fmt: skip
    assert [(r["currency"], r["count"], r["cost"]) for r in report(receiver, "distribution")["rows"]] == [
        ("EUR", 1, "6"), ("USD", 2, "40")
    ]  # fmt: skip
    assert [row["currency"] for row in report(receiver, "trend")["trends"]] == ["EUR", "USD"]
    assert [row["currency"] for row in report(receiver, "unit-economics")["rows"]] == ["EUR", "USD"]


def test_users_of_one_name_in_two_organisations_are_two_where_one_groups_by_organisation(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    for org in ("one", "two"):
        use(receiver, {"output": 1_000_000}, GPT | {"org.id": org, "user.id": "ann"})
    assert [row["cost"] for row in report(receiver, "top")["rows"]] == ["20"]
    rows = report(receiver, "top", groupBy="org,user")["rows"]
    assert [(row["org"], row["user"], row["cost"]) for row in rows] == [("one", "ann", "10"), ("two", "ann", "10")]
    assert report(receiver, "unit-economics")["activeUsers"] == 2


def test_unit_economics(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    for user, conversation, feature in (("ann", "c1", "chat"), ("ann", "c2", "chat"), ("bob", "c3", "search")):
        of = GPT | {"user.id": user, "gen_ai.conversation.id": conversation, "app.feature": feature}
        use(receiver, {"input_uncached": 1_000_000, "cache_read": 3_000_000, "output": 100_000}, of)
        use(receiver, {"ok": 9, "error": 1}, of, metric="llm.requests", unit="{request}", by="outcome")
    use(receiver, {"cancelled": 1, "no_usage": 1}, GPT | {"user.id": "cy"}, metric="llm.requests", unit="{request}",
        by="outcome")  # fmt: skip
    answer = report(receiver, "unit-economics")
    [row] = answer["rows"]
    assert (row["cost"], answer["activeUsers"], row["perActiveUser"]) == ("7.875", 3, "2.625")
    assert (row["conversations"], row["perConversation"]) == (3, "2.625")
    assert (row["features"], row["perFeature"], row["perRequest"]) == (2, "3.9375", "0.24609375")
    assert answer["requests"]["total"] == "32"
    assert {o["outcome"]: (o["requests"], o["share"]) for o in answer["requests"]["outcomes"]} == {
        "ok": ("27", "0.84375"), "error": ("3", "0.09375"), "cancelled": ("1", "0.03125"),
        "no_usage": ("1", "0.03125"),
    }  # fmt: skip
    assert answer["cache"] == {
        "inputTokens": "12000000", "readTokens": "9000000", "hitShare": "0.75", "unpricedTokens": "0"
    }  # fmt: skip
    assert row["cacheSaving"] == {"reads": "10.125", "writes": "0", "net": "10.125"}


def test_what_a_cache_saves_is_reckoned_with_the_prices_of_each_hour(receiver):
    card(receiver, "anthropic", "opus", prices={"input_uncached": "5", "cache_read": "0.5", "cache_write_5m": "6.25"},
         validTo="2026-11-10")  # fmt: skip
    card(receiver, "anthropic", "opus", prices={"input_uncached": "4", "cache_read": "0.5", "cache_write_5m": "5"},
         validFrom="2026-11-10")  # fmt: skip
    opus = attributes_of("anthropic", "opus")
    for when in ("2026-11-09T23:10:00", "2026-11-10T00:10:00"):
        use(receiver, {"cache_read": 1_000_000, "cache_write_5m": 400_000}, opus, when)
    use(receiver, {"cache_read": 7}, attributes_of("anthropic", "nobody-knows"))
    answer = report(receiver, "unit-economics")
    assert answer["rows"][0]["cacheSaving"] == {"reads": "8", "writes": "0.9", "net": "7.1"}
    assert answer["cache"]["unpricedTokens"] == "7"


def test_a_user_of_a_sender_that_counts_no_requests_is_active(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    use(receiver, {"input": 1_000_000}, GPT | {"enduser.id": "ann"}, metric="gen_ai.client.token.usage",
        by="gen_ai.token.type", kind="histogram")  # fmt: skip
    answer = report(receiver, "unit-economics")
    assert (answer["activeUsers"], answer["requests"]) == (1, {"total": None, "outcomes": []})
    assert answer["rows"][0]["perRequest"] is None


def test_a_trend_compares_whole_buckets_and_names_a_direction_only_where_there_is_one(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    for day in range(2, 9):
        used_by(receiver, {"ann": day}, when=f"2026-10-{day:02}T22:30:00")  # half past midnight in Berlin
    query = {"start": "2026-10-01T06:00:00Z", "end": "2026-10-11", "groupBy": "day", "tz": "Europe/Berlin"}
    answer = report(receiver, "trend", **query)
    rows = answer["rows"]
    assert [row["day"] for row in rows] == [f"2026-10-{n:02}" for n in range(1, 11)]
    assert [row["cost"] for row in rows] == ["0", "0", "20", "30", "40", "50", "60", "70", "80", "0"]
    assert [row["isComplete"] for row in rows] == [False] + [True] * 9
    assert (rows[1]["change"], rows[2]["change"], rows[2]["changeShare"]) == (None, "20", None)
    assert (rows[3]["change"], rows[3]["changeShare"]) == ("10", "0.5")
    up = report(receiver, "trend", **{**query, "end": "2026-10-10"})["trends"]
    assert up == [{"currency": "USD", "direction": "up", "buckets": 7, "changePerBucket": "10", "r2": "1"}]
    assert report(receiver, "trend", start="2026-10-02", end="2026-10-05")["trends"][0]["buckets"] == 3
    weeks = report(receiver, "trend", groupBy="week", start="2026-09-28", end="2026-10-12")
    assert [(row["week"], row["cost"]) for row in weeks["rows"]] == [("2026-09-28", "90"), ("2026-10-05", "260")]
    assert weeks["trends"][0]["direction"] is None, "two weeks are no line"


def test_usage_without_a_price_makes_a_day_unknown_and_never_cheap(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    used_by(receiver, {"ann": 1}, when="2026-10-02T12:00:00")
    use(receiver, {"output": 5}, attributes_of("openai", "nobody-knows"), "2026-10-03T12:00:00")
    rows = report(receiver, "trend", start="2026-10-02", end="2026-10-05")["rows"]
    assert [(row["cost"], row["change"]) for row in rows] == [("10", None), (None, None), ("0", None)]


def test_an_agents_own_usage_is_that_of_its_calls_and_is_not_counted_again(receiver):
    """Acceptance check A-10: 28,852 / 1,542 would be twice the bill."""
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    for operation, agent in (("chat", "researcher"), ("invoke_agent", "planner")):
        of = GPT | {"llm.root_id": "run-1", "gen_ai.agent.name": agent, "gen_ai.operation.name": operation}
        use(receiver, {"input": 14_426, "output": 771}, of, metric="gen_ai.client.token.usage",
            by="gen_ai.token.type", kind="histogram")  # fmt: skip
    answer = report(receiver, "top", groupBy="root")
    assert [(row["root"], row["cost"]) for row in answer["rows"]] == [("run-1", "0.0257425")]
    assert answer["totals"][0]["quantities"] == [{"type": "llm.tokens", "unit": "{token}", "quantity": "15197"}]
    by_agent = report(receiver, "top", groupBy="agent")
    assert [row["agent"] for row in by_agent["rows"]] == ["researcher"]
    assert answer["superseded"] == [{"type": "llm.tokens", "unit": "{token}", "quantity": "15197"}]


def test_tenants_do_not_mix_in_reports(start_receiver, database_url):
    url = ("--database-url", database_url)
    keys = {
        name: run_cli("keys", "create", "--name", name, "--scope", scope, *more, *url).stdout.split()[0]
        for name, scope, more in (("all", "admin", ()), ("two", "read", ("--org", "two")))
    }
    receiver = start_receiver(*PATIENT)
    card(receiver, "openai", "gpt-5", prices=GPT_5, key=keys["all"])
    for org, millions in (("one", 5), ("two", 1)):
        of = GPT | {"org.id": org, "user.id": f"user-of-{org}"}
        use(receiver, {"output": millions * 1_000_000, "cache_read": 1_000_000}, of, key=keys["all"])
        use(receiver, {"ok": 1}, of, metric="llm.requests", unit="{request}", by="outcome", key=keys["all"])
    for name in ("top", "distribution", "trend", "unit-economics"):
        mine = report(receiver, name, keys["two"])
        assert mine["orgId"] == "two" and mine["totals"][0]["cost"] == "10.125", name
        assert "user-of-one" not in json.dumps(mine)
        assert get(f"{receiver.url}/api/v1/costs/{name}", keys["two"], orgId="one").status == 403, name
        assert get(f"{receiver.url}/api/v1/costs/{name}", "").status == 401, name
    assert report(receiver, "unit-economics", keys["two"])["activeUsers"] == 1
    assert report(receiver, "unit-economics", keys["two"])["rows"][0]["cacheSaving"]["net"] == "1.125"


def test_every_grouping_adds_up_to_the_total_and_no_subject_is_lost(receiver):
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.23456789", "output": "0.0028"})
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "3.3"}, orgId="two", perUnits="7")
    names = ("project.id", "user.id", "gen_ai.conversation.id", "app.feature", "gen_ai.agent.name", "llm.root_id")
    for n in range(12):
        known = {name: f"{name}-{n % (2 + at)}" for at, name in enumerate(names) if (n + at) % 4}
        use(
            receiver, {"input_uncached": 1_000_003 + n, "output": 7 * n + 1},
            GPT | {"org.id": ("one", "two")[n % 2], "region": "eu"} | known, f"2026-11-{9 + n:02}T23:30:00",
        )  # fmt: skip
    whole = Decimal(costs(receiver)["totals"][0]["cost"])
    groups = "user conversation feature agent root project org model provider kind tier region source grade category"
    for group in (*groups.split(), "org,user", "user,feature"):
        rows = costs(receiver, groupBy=group)["rows"]
        assert _added(row["cost"] for row in rows) == whole, group
        answer = report(receiver, "top", groupBy=group, limit=1000)
        nobody = [one["cost"] for one in answer["unattributed"]]
        assert _added([*(row["cost"] for row in answer["rows"]), *nobody]) == whole, group
        spread = report(receiver, "distribution", groupBy=group)["rows"]
        assert _added([*(row["cost"] for row in spread), *nobody]) == whole, group
    for unit in ("day", "week", "month"):
        for zone in ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Auckland"):
            rows = report(receiver, "trend", groupBy=unit, tz=zone, start="2026-10-30", end="2026-12-02")["rows"]
            assert _added(row["cost"] for row in rows) == whole, (unit, zone)


def _added(costs_):
    wide = Context(prec=200)
    total = Decimal(0)
    for one in costs_:
        total = wide.add(total, Decimal(one))
    return total


def test_what_caches_saved_in_a_closed_month_stays_what_it_was(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    use(receiver, {"cache_read": 1_000_000}, GPT, "2026-09-10T12:00:00")
    costs(receiver)
    assert send("POST", receiver.url + "/api/v1/costs/months/2026-09/close").status == 202
    months = receiver.url + "/api/v1/costs/months"
    wait_until(lambda: get(months).json["months"][0]["state"] == "closed", what="the month to be closed")
    card(receiver, "openai", "gpt-5", prices=GPT_5 | {"input_uncached": "100"}, replace=True)
    use(receiver, {"cache_read": 1_000_000}, GPT, "2026-10-10T12:00:00")
    saved = [
        report(receiver, "unit-economics", start=start, end=end)["rows"][0]["cacheSaving"]["net"]
        for start, end in (("2026-09-01", "2026-10-01"), ("2026-10-01", "2026-11-01"))
    ]
    assert saved == ["1.125", "99.875"]


def test_nothing_used_is_an_empty_report(receiver):
    for name in ("top", "distribution", "trend", "unit-economics"):
        answer = report(receiver, name)
        assert (answer["rows"], answer["totals"]) == ([], []), name


def test_wrong_questions_are_refused_with_a_sentence(receiver):
    for name, query, word in (
        ("top", {"limit": "0"}, "limit"), ("top", {"limit": "1001"}, "limit"), ("top", {"limit": "x"}, "limit"),
        ("top", {"groupBy": "user,day"}, "day"), ("top", {"groupBy": "type"}, "type"),
        ("distribution", {"limit": "5"}, "limit"),
        ("trend", {"groupBy": "hour"}, "groupBy"), ("trend", {"groupBy": "day,user"}, "groupBy"),
        ("unit-economics", {"groupBy": "user"}, "groupBy"), ("top", {"projectId": "p"}, "orgId"),
        ("unit-economics", {"from": "2026-11-02", "to": "2026-11-01"}, "from"),
    ):  # fmt: skip
        reply = get(f"{receiver.url}/api/v1/costs/{name}", "", **query)
        assert reply.status == 400 and word in reply.json["detail"], (name, query)


def test_the_command_line_prints_each_report(receiver):
    card(receiver, "openai", "gpt-5", prices=GPT_5)
    used_by(receiver, {"ann": 4, "bob": 1, None: 1}, when="2026-10-02T12:00:00")
    use(receiver, {"cache_read": 8}, attributes_of("openai", "nobody-knows"), "2026-10-02T12:00:00")
    costs(receiver)

    def printed(*words):
        done = run_cli("cost", *words, "--from", "2026-10-01", "--to", "2026-11-01", "--url", receiver.url)
        assert done.returncode == 0, done.stderr
        return done.stdout

    top = printed("top")
    assert "66.67 %" in top and "83.33 %" in top and "unattributed: 10 USD (16.67 %)" in top
    assert "no price: nobody-knows, 8 token" in top
    assert "gini" in printed("distribution") and "80.00 %" in printed("distribution")
    assert "2026-10-02" in printed("trend")
    economics = printed("unit-economics")
    assert "active users: 2" in economics and "of 8 cached tokens nobody knows what they saved" in economics
    for name in ("top", "distribution", "trend", "unit-economics"):
        found = json.loads(printed(name, "--json"))
        assert found["totals"][0]["cost"] == "60" and found["unpricedModels"][0]["model"] == "nobody-knows"
    misplaced = run_cli("cost", "--org", "acme", "top", "--url", receiver.url)
    assert misplaced.returncode == 2 and "behind 'top'" in misplaced.stderr
    assert run_cli("cost", "top", "--limit", "0", "--url", receiver.url).returncode == 2
    refused = run_cli("cost", "top", "--group-by", "day", "--url", receiver.url)
    assert refused.returncode == 1 and "groupBy" in refused.stderr
