"""Signing in with a key, and what a key may see."""

from conftest import run_cli


async def test_a_key_opens_the_page_and_signing_out_closes_it(visit, secured, in_thread):
    url = secured.url
    await visit.sign_in(f"{url}/?range=7d", await in_thread(secured.key, "reader", "read"))
    await visit.page.wait_for_selector("[data-group=globex]")
    (cookie,) = await visit.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert "tsk_" not in cookie["value"]
    await visit.page.reload()
    await visit.page.wait_for_selector("[data-group=globex]")
    await visit.page.click("text=Sign out")
    await visit.page.wait_for_selector("input[name=key]")
    assert await visit.page.context.cookies() == []


async def test_a_key_of_one_organisation_sees_that_one_only(visit, secured, in_thread):
    url = secured.url
    await visit.sign_in(f"{url}/?range=7d&by=org", await in_thread(secured.key, "acme", "read", "--org", "acme"))
    await visit.page.wait_for_selector("[data-group=acme]")
    assert await visit.page.inner_text(".fixed b") == "acme"
    assert "globex" not in await visit.page.content()
    await visit.page.goto(f"{url}/?range=7d&org=globex")
    await visit.page.wait_for_selector(".panel.denied")
    assert all("403" in complaint for complaint in visit.complaints)
    visit.complaints.clear()
    await visit.page.click("text=Show what this key may see")
    await visit.page.wait_for_selector("[data-group=web]")


async def test_wrong_keys_are_told_why(visit, secured, in_thread):
    await visit.sign_in(secured.url, "tsk_no_such")
    await visit.page.wait_for_selector("text=This key is not known")
    await visit.page.fill("input[name=key]", await in_thread(secured.key, "writer", "ingest"))
    await visit.page.press("input[name=key]", "Enter")
    await visit.page.wait_for_selector("text=it needs the scope read or admin")
    assert len(visit.complaints) == 2
    visit.complaints.clear()


async def test_a_revoked_key_ends_the_session(visit, secured, in_thread):
    url = secured.url
    text = await in_thread(secured.key, "reader", "read")
    await visit.sign_in(f"{url}/?range=7d", text)
    await visit.page.wait_for_selector("[data-group=globex]")
    await in_thread(run_cli, "keys", "revoke", text.split("_")[1], "--database-url", secured.database_url)
    await visit.page.wait_for_selector("text=The session has ended")
    visit.complaints.clear()
