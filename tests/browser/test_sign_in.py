"""Signing in with a key, and what a key may see."""

from conftest import run_cli


async def test_a_key_opens_the_page_and_signing_out_closes_it(stranger, secured, in_thread):
    url = secured.url
    await stranger.sign_in(f"{url}/?range=7d", await in_thread(secured.key, "reader", "read"))
    await stranger.page.wait_for_selector("[data-group=globex]")
    (cookie,) = await stranger.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert "tsk_" not in cookie["value"]
    await stranger.page.reload()
    await stranger.page.wait_for_selector("[data-group=globex]")
    await stranger.page.click("text=Sign out")
    await stranger.page.wait_for_selector("input[name=key]")
    assert await stranger.page.context.cookies() == []


async def test_a_key_of_one_organisation_sees_that_one_only(stranger, secured, in_thread):
    url = secured.url
    stranger.provokes("403")
    await stranger.sign_in(f"{url}/?range=7d&by=org", await in_thread(secured.key, "acme", "read", "--org", "acme"))
    await stranger.page.wait_for_selector("[data-group=acme]")
    assert await stranger.page.inner_text(".fixed b") == "acme"
    assert "globex" not in await stranger.page.content()
    await stranger.page.goto(f"{url}/?range=7d&org=globex")
    await stranger.page.wait_for_selector(".panel.denied")
    await stranger.page.click("text=Show what this key may see")
    await stranger.page.wait_for_selector("[data-group=web]")


async def test_wrong_keys_are_told_why(stranger, secured, in_thread):
    stranger.provokes("401", "403")
    await stranger.sign_in(secured.url, "tsk_no_such")
    await stranger.page.wait_for_selector("text=This key is not known")
    await stranger.page.fill("input[name=key]", await in_thread(secured.key, "writer", "ingest"))
    await stranger.page.press("input[name=key]", "Enter")
    await stranger.page.wait_for_selector("text=it needs the scope read or admin")


async def test_a_revoked_key_ends_the_session(stranger, secured, in_thread):
    url = secured.url
    stranger.provokes("401")
    text = await in_thread(secured.key, "reader", "read")
    await stranger.sign_in(f"{url}/?range=7d", text)
    await stranger.page.wait_for_selector("[data-group=globex]")
    await in_thread(run_cli, "keys", "revoke", text.split("_")[1], "--database-url", secured.database_url)
    await stranger.page.wait_for_selector("text=The session has ended")
