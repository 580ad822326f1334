"""Widgets on pages of another origin, under a strict policy there: the API's figures, access, accessibility."""

import pytest
from browser.product import Product
from conftest import ReceiverProcess, fresh_database, run_cli, sql
from months import Months
from otlp import export, export_request, usage
from sender import Sender, accounted
from waiting import wait_until

HOURS = 50
FIGURE = "tallystick-usage .figure .q"
CHECK = """async rules => (await axe.run(document, rules ? { runOnly: rules } : {})).violations.map(
    v => [v.id, v.nodes.map(n => n.html + ' ' + n.failureSummary)])"""
EXPIRE = "UPDATE read_token SET expires_at = now() - interval '1 hour'"


def new_key(database_url, *scopes):
    options = [part for scope in scopes for part in ("--scope", scope)]
    return run_cli("keys", "create", "--name", "k", *options, "--database-url", database_url).stdout.strip()


@pytest.fixture(scope="module")
def product(template):
    """A product beside a receiver with some days of usage, for tests that change nothing of it."""
    with fresh_database(template) as url:
        key = new_key(url, "ingest", "read")
        receiver = ReceiverProcess(["--database-url", url, "--embed-origins", "*"], {})
        for request in Months(hours=HOURS).requests():
            assert export(receiver.url, request, key).status == 200
        accounted(receiver.url, key)
        found = Product(receiver.url, key)
        yield found
        found.close()
        receiver.close()


@pytest.fixture
async def own(start_receiver, database_url, in_thread):
    """(product, a function that uses something of acme's) on a receiver of the test's own."""
    key = await in_thread(new_key, database_url, "ingest", "read")
    receiver = await in_thread(start_receiver, "--embed-origins", "*")
    sender = Sender()

    async def use(quantity):
        request = sender.whole(requests=[quantity])
        assert (await in_thread(export, receiver.url, request, key)).status == 200

    found = Product(receiver.url, key)
    found.receiver = receiver
    yield found, use
    await in_thread(found.close)


def requests_of(visit):
    """Every request of the tab from now on: (URL, headers)."""
    found = []
    visit.page.on("request", lambda request: found.append((request.url, request.headers)))
    return found


async def quantities(visit, selector):
    found = await visit.page.eval_on_selector_all(selector, "all => all.map(q => [q.dataset.of, q.dataset.quantity])")
    return dict(found)


async def test_the_lines_of_the_readme_show_what_the_api_answers(visit, product):
    seen = requests_of(visit)
    await visit.page.goto(product.page(product.example()))
    await visit.page.wait_for_selector(FIGURE)
    answer = usage(product.receiver_url, key=product.key, orgId="acme", type="logs.ingested.bytes")
    assert await quantities(visit, FIGURE) == {"logs.ingested.bytes": answer["totals"][0]["quantity"]}
    assert "tsk_" not in str(seen), "the key stays with the backend"
    asked = [headers for url, headers in seen if "/api/usage" in url and "authorization" in headers]
    assert asked[0]["authorization"] == f"Bearer {product.minted[-1]}"
    assert not [url for url, headers in seen if "tst_" in url + headers.get("referer", "")]
    assert "tst_" not in await visit.page.content()


async def test_each_day_stands_in_a_table_exactly(visit, product):
    element = '<tallystick-usage metric="queries.executed" range="7d" tz="UTC" token-url="/usage-token"/>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.click("tallystick-usage summary")
    shown = await quantities(visit, "tallystick-usage td .q")
    answer = usage(product.receiver_url, key=product.key, orgId="acme", type="queries.executed", groupBy="type,day")
    days = {row["day"]: row["quantity"] for row in answer["rows"]}
    assert days.items() <= shown.items()
    assert len(shown) == 7
    tips = await visit.page.eval_on_selector_all("tallystick-usage rect title", "all => all.map(t => t.textContent)")
    (day, quantity) = max(days.items())
    assert any(tip.startswith(day) and f"{int(quantity):,} {{query}}" in tip for tip in tips)


async def test_days_without_a_sample_of_a_level_are_unknown_where_those_of_a_sum_are_zero(visit, product):
    """Everything is complete: that nothing came says that nothing was used, and not that nothing is stored."""
    elements = [
        f'<tallystick-usage metric="{metric}" range="7d" tz="UTC" token-url="/usage-token"></tallystick-usage>'
        for metric in ("storage.snapshot", "queries.executed")
    ]
    await visit.page.goto(product.page(product.module() + "".join(elements)))
    await visit.page.wait_for_selector(".completeness[data-state=complete] >> nth=1")
    states = await visit.page.eval_on_selector_all("tallystick-usage td .q", "all => all.map(q => q.className)")
    assert (states[:3], states[7:10]) == (3 * ["q unknown"], 3 * ["q zero"])
    assert await visit.page.locator("tallystick-usage:first-of-type rect.unknown").count() >= 3


async def test_without_a_metric_all_are_listed_and_widgets_of_one_address_share_a_token(visit, product):
    before = len(product.minted)
    element = '<tallystick-usage range="7d" token-url="/usage-token"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + 3 * element))
    for nth in range(3):
        await visit.page.wait_for_selector(f"tallystick-usage >> nth={nth} >> dl .q")
    answer = usage(product.receiver_url, key=product.key, orgId="acme")
    assert await quantities(visit, "tallystick-usage:first-of-type dl .q") == {
        row["type"]: row["quantity"] for row in answer["totals"]
    }
    assert len(product.minted) == before + 1


async def test_a_frame_takes_its_token_from_the_fragment_which_nobody_is_sent(visit, product):
    seen = requests_of(visit)
    token = product.mint()["token"]
    address = f"{product.receiver_url}/embed/usage?metric=alerts.evaluated&range=7d"
    await visit.page.goto(product.page(f'<iframe title="usage" src="{address}#token={token}"></iframe>'))
    await visit.page.frame_locator("iframe").locator(FIGURE).wait_for()
    (frame,) = [frame for frame in visit.page.frames if "/embed/usage" in frame.url]
    answer = usage(product.receiver_url, key=product.key, orgId="acme", type="alerts.evaluated")
    assert await frame.get_attribute(FIGURE, "data-quantity") == answer["totals"][0]["quantity"]
    assert await frame.evaluate("location.href") == address
    assert not [url for url, headers in seen if "tst_" in url.partition("#")[0] + headers.get("referer", "")]


async def test_a_frame_asks_the_page_around_it_for_a_token(visit, product):
    token = product.mint()["token"]
    script = product.script(
        f"""addEventListener("message", ({{ data, source, origin }}) => {{
            if (origin !== "{product.receiver_url}" || data.type !== "tallystick-token") return;
            window.reason = data.reason;
            source.postMessage({{ type: "tallystick-token", token: "{token}" }}, origin);
        }});"""
    )
    frame = f'<iframe title="usage" src="{product.receiver_url}/embed/usage?metric=alerts.evaluated"></iframe>'
    await visit.page.goto(product.page(f'<script src="{script}"></script>{frame}'))
    await visit.page.frame_locator("iframe").locator(FIGURE).wait_for()
    assert await visit.page.evaluate("reason") == "missing"


async def test_figures_move_and_tokens_are_renewed_before_they_expire(visit, own, in_thread):
    """No request is refused meanwhile: the fixture fails at the first 401 on the console."""
    product, use = own
    product.token_body = {"orgId": "acme", "lifetimeSeconds": 8}
    await use(5)
    element = '<tallystick-usage metric="requests" range="7d" token-url="/usage-token"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(f"{FIGURE}[data-quantity='5']")
    await use(7)
    await visit.page.wait_for_selector(f"{FIGURE}[data-quantity='12']")
    await in_thread(wait_until, lambda: len(product.minted) > 1, what="another token")


async def test_a_page_without_a_backend_for_it_is_told_when_a_token_is_needed(visit, own, database_url, in_thread):
    product, use = own
    visit.provokes("401")
    await use(5)
    script = product.script(
        """window.reasons = [];
        addEventListener("tallystick-token", async ({ target, detail }) => {
            reasons.push(detail.reason);
            target.token = (await (await fetch("/usage-token")).json()).token;
        });"""
    )
    element = '<tallystick-usage metric="requests" range="7d"></tallystick-usage>'
    await visit.page.goto(product.page(f'<script src="{script}"></script>' + product.module() + element))
    await visit.page.wait_for_selector(f"{FIGURE}[data-quantity='5']")
    await in_thread(sql, database_url, EXPIRE)
    await use(7)
    await visit.page.wait_for_selector(f"{FIGURE}[data-quantity='12']")
    await visit.page.wait_for_function("() => reasons.join() === 'missing,expired'")


async def test_an_expired_token_leaves_the_last_figures_with_their_time(visit, own, database_url, in_thread):
    product, use = own
    visit.provokes("401")
    await use(5)
    token = (await in_thread(product.mint))["token"]
    element = f'<tallystick-usage metric="requests" range="7d" token="{token}"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(FIGURE)
    await in_thread(sql, database_url, EXPIRE)
    await visit.page.wait_for_selector(".notice:has-text('The access has expired. These figures are of')")
    assert await quantities(visit, FIGURE) == {"requests": "5"}


async def test_a_backend_that_fails_is_said_and_the_widget_recovers_by_itself(visit, own):
    product, use = own
    visit.provokes("500")
    product.token_status = 500
    await use(5)
    element = '<tallystick-usage metric="requests" range="7d" token-url="/usage-token"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(".notice:has-text('/usage-token cannot be used, it answers 500')")
    product.token_status = 200
    await visit.page.wait_for_selector(f"{FIGURE}[data-quantity='5']")
    assert await visit.page.locator(".notice").count() == 0


async def test_a_receiver_that_is_away_is_said_and_the_widget_recovers_by_itself(visit, own, in_thread):
    product, use = own
    await use(5)
    element = '<tallystick-usage metric="requests" range="7d" token-url="/usage-token"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(FIGURE)
    await in_thread(product.receiver.stop)
    await visit.page.wait_for_selector(".notice:has-text('The receiver is away')")
    assert await quantities(visit, FIGURE) == {"requests": "5"}
    await in_thread(product.receiver.start)
    await visit.page.wait_for_selector(".notice", state="detached")


async def test_what_the_token_does_not_read_is_said(visit, product):
    visit.provokes("403")
    element = '<tallystick-usage org="globex" metric="queries.executed" token-url="/usage-token"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(".notice:has-text('bound to another organisation')")
    await visit.page.evaluate("document.querySelector('tallystick-usage').removeAttribute('org')")
    await visit.page.wait_for_selector(FIGURE)


async def test_a_site_that_no_setting_names_shows_nothing(visit, receiver, in_thread):
    product = Product(receiver.url, "")
    element = '<tallystick-usage metric="requests" token-url="/usage-token"></tallystick-usage>'
    frame = f'<iframe title="usage" src="{receiver.url}/embed/usage?orgId=acme"></iframe>'
    visit.provokes("frame-ancestors", "CORS", "net::ERR_FAILED")
    async with visit.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        await visit.page.goto(product.page(product.module() + element + frame))
    await visit.page.wait_for_selector(".notice:has-text('does not allow this site (embed_origins)')")
    await in_thread(product.close)


async def test_zero_and_unknown_look_different(visit, own, in_thread):
    product, _ = own
    for request in Months(hours=4, orgs={"acme": ("web",)}).requests():
        await in_thread(export, product.receiver_url, request, product.key)
    element = '<tallystick-usage metric="unannounced" project="nobody" range="7d" token-url="/usage-token"/>'
    page = product.page(product.module() + element)
    await visit.page.goto(page)
    await visit.page.wait_for_selector(f"{FIGURE}.zero[data-quantity='0']")
    await visit.page.wait_for_selector(".completeness[data-state=complete]")
    point = {"name": "unannounced", "unit": "1", "value": 3, "attributes": {"org.id": "acme"}}
    request = export_request([point], resource={"service.name": "other"})
    await in_thread(export, product.receiver_url, request, product.key)
    await visit.page.goto(page)
    await visit.page.wait_for_selector(f"{FIGURE}.unknown")
    await visit.page.wait_for_selector(".completeness[data-state=unsure]")


async def test_axe_finds_no_violation_and_nothing_is_wider_than_the_screen(visit, product, axe):
    one = '<tallystick-usage metric="logs.ingested.bytes" range="7d" token-url="/usage-token"></tallystick-usage>'
    dark = one.replace("<tallystick-usage", '<tallystick-usage theme="dark"').replace("7d", "30d")
    all_of_them = '<tallystick-usage range="7d" token-url="/usage-token"></tallystick-usage>'
    page = visit.page
    await page.goto(product.page("<h1>Usage</h1>" + product.module() + one + dark + all_of_them))
    await page.wait_for_selector("tallystick-usage dl .q")
    await page.wait_for_selector("tallystick-usage details >> nth=1")
    for details in await page.locator("tallystick-usage details").all():
        await details.locator("summary").click()
    await page.evaluate(axe)
    assert await page.evaluate(CHECK) == []
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate(CHECK, ["color-contrast"]) == []
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


async def test_the_page_for_frames_is_accessible_and_shows_an_open_receivers_figures_without_a_token(
    visit, platform_url, axe
):
    await visit.page.goto(f"{platform_url}/embed/usage?orgId=acme&metric=queries.executed&range=7d&theme=dark")
    await visit.page.wait_for_selector(FIGURE)
    answer = usage(platform_url, orgId="acme", type="queries.executed")
    assert await quantities(visit, FIGURE) == {"queries.executed": answer["totals"][0]["quantity"]}
    await visit.page.evaluate(axe)
    assert await visit.page.evaluate(CHECK) == []


async def test_attributes_that_change_are_asked_for_anew(visit, product):
    element = '<tallystick-usage metric="queries.executed" range="7d" token-url="/usage-token"></tallystick-usage>'
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(f"{FIGURE}[data-of='queries.executed']")
    await visit.page.evaluate("document.querySelector('tallystick-usage').setAttribute('metric', 'alerts.evaluated')")
    await visit.page.wait_for_selector(f"{FIGURE}[data-of='alerts.evaluated']")


@pytest.mark.parametrize(("attribute", "sentence"), [
    ('range="90d"', "range must be one of today, 7d, 30d"), ('from="2026-11-01"', "from and to must be days"),
    ('tz="Mars"', "there is no time zone Mars"), ('token-url="http://["', "token-url is no address"),
])  # fmt: skip
async def test_a_mistake_in_the_page_is_said_and_no_other_period_is_shown(visit, product, attribute, sentence):
    element = f"<tallystick-usage {attribute}></tallystick-usage>"
    await visit.page.goto(product.page(product.module() + element))
    await visit.page.wait_for_selector(f'.notice:has-text("{sentence}")')
    assert await visit.page.locator("tallystick-usage .q").count() == 0
