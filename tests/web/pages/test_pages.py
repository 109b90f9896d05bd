"""Pages as a browser gets them: they work without a script, show the current state, and escape every text."""

import re

import pytest
from markupsafe import escape
from quart.testing import QuartClient

from durable_research.catalogue import BY_KIND, PIPELINES
from durable_research.domain.ledger.effects import Charges
from durable_research.domain.workflows.events import AttemptCompleted, AttemptFailed, Closed, EventKind, SentAgain
from durable_research.domain.workflows.remedies import REMEDIES
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.ports.database.overview import Today
from durable_research.ports.database.similarity import Related
from durable_research.web.http.problems import remedy_body
from tests.web.harness import EMBEDDING_MODEL, TEXT, UNKNOWN, Harness

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = "<script>alert(1)</script>"


async def page(client: QuartClient, path: str, status: int = 200) -> str:
    response = await client.get(path, headers=HTML)
    text = await response.get_data(as_text=True)
    assert response.status_code == status, text
    assert response.content_type == "text/html; charset=utf-8"
    return str(text)


async def post(client: QuartClient, path: str = "/reports", **fields: str) -> tuple[int, str, str]:
    response = await client.post(path, form=fields, headers=HTML | {"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    return response.status_code, response.headers.get("Location", ""), await response.get_data(as_text=True)


async def test_a_submitted_question_redirects_to_the_reports_page(client: QuartClient, harness: Harness) -> None:
    status, location, _ = await post(client, prompt="How do\r\ntides work?", title="", language="", token="t")

    (row,) = harness.world.workflows.rows.values()
    assert (status, location) == (303, f"/reports/{row.workflow_id}")
    assert row.input == {"prompt": "How do\ntides work?"}


async def test_the_same_form_sent_twice_starts_one_report(client: QuartClient, harness: Harness) -> None:
    answers = {(await post(client, prompt="tides", token="t"))[1] for _ in range(3)}

    assert len(answers) == len(harness.world.workflows.rows) == 1


async def test_the_same_form_with_another_question_starts_another_report(client: QuartClient, harness: Harness) -> None:
    await post(client, prompt="tides", token="t")
    await post(client, prompt="winds", token="t")

    assert len(harness.world.workflows.rows) == 2


async def test_each_form_has_its_own_token(client: QuartClient) -> None:
    tokens = {re.search(r'name="token" value="([^"]+)"', await page(client, "/"))[1] for _ in range(2)}  # type: ignore[index]

    assert len(tokens) == 2


async def test_an_empty_question_is_refused_and_nothing_is_started(client: QuartClient, harness: Harness) -> None:
    status, _, text = await post(client, prompt="  ", title="My title", token="t")

    assert status == 422
    assert '<a href="#prompt">Write a question first.</a>' in text
    assert 'aria-invalid="true"' in text
    assert 'value="My title"' in text
    assert harness.world.workflows.rows == {}


async def test_a_question_that_is_too_long_stays_in_the_form(client: QuartClient) -> None:
    _, _, text = await post(client, prompt="x" * 20_001, token="t")

    assert "longer than 20,000 characters" in text
    assert "x" * 20_001 in text


async def test_a_long_question_in_any_script_fits_the_form(client: QuartClient) -> None:
    assert (await post(client, prompt="潮" * 20_000, token="t"))[0] == 303


async def test_an_example_question_fills_the_form_without_a_script(client: QuartClient) -> None:
    link = re.search(r'data-example href="([^"]+)"', await page(client, "/"))

    assert link
    assert re.search(r"<textarea[^>]*>\s*How do tidal power plants work", await page(client, link[1]))


async def test_the_home_page_says_when_no_worker_runs(client: QuartClient, harness: Harness) -> None:
    without = await page(client, "/")
    await harness.worker()

    assert "No worker is running" in without
    assert "No worker is running" not in await page(client, "/")


async def test_the_home_page_says_how_today_goes_and_leads_to_the_operators_pages(
    client: QuartClient, harness: Harness
) -> None:
    harness.world.overview.numbers = Today(done=12, running=3, waiting=2, failed=1)

    text = await page(client, "/")
    strip = text.partition('<p class="today">')[2].partition("</p>")[0]

    assert " ".join(re.sub(r"<[^>]+>", " ", strip).split()) == (
        "Today 12 done · 3 at work · 2 waiting for you · 1 failed (UTC) Metrics System"
    )
    assert re.findall(r'href="([^"]+)"', strip) == ["/system#work", "/metrics-ui", "/system"]


async def test_the_header_counts_the_workers(client: QuartClient, harness: Harness) -> None:
    await harness.worker("worker-1")
    await harness.worker("worker-2")

    assert "2 workers" in await page(client, "/reports")


@pytest.mark.parametrize("path", ["/", "/reports", "/nothing-here"])
async def test_every_page_with_the_simulator_shows_the_demo_ribbon(client: QuartClient, path: str) -> None:
    text = await (await client.get(path, headers=HTML)).get_data(as_text=True)

    assert "texts are canned by the simulator; not research" in text


async def test_pages_of_a_real_provider_show_no_ribbon() -> None:
    assert "ribbon" not in await page(QuartClient(Harness(is_demo=False).app), "/")


async def test_a_running_report_shows_its_steps_and_can_be_cancelled_without_a_script(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.queued()
    await harness.worker()
    await harness.step(report_id, "llm_call")

    text = await page(client, f"/reports/{report_id}")

    assert "attempt 1 on worker-1@7" in text
    assert f'<form method="post" action="/reports/{report_id}/cancel">' in text
    assert "Refresh" in text
    assert "follow.js" in text


async def test_the_page_lists_the_final_statuses_for_its_script(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()

    final = re.search(r'data-final="([^"]+)"', await page(client, f"/reports/{report_id}"))

    assert final
    assert final[1].split(" ") == ["cancelled", "done", "failed", "partly_done", "terminated"]


async def test_a_retrying_step_shows_its_last_error(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    attempt = await harness.step(report_id, "llm_call")
    error = {"code": "rate_limited", "detail": "the provider is busy"}
    await harness.world.progress.end_attempt(
        attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(error=error, counted=True)
    )

    text = await page(client, f"/reports/{report_id}")

    assert "attempt 1: the provider is busy" in text
    assert "failed: the provider is busy" in text


async def test_the_page_of_a_queued_report_says_when_no_worker_runs(client: QuartClient, harness: Harness) -> None:
    text = await page(client, f"/reports/{await harness.queued()}")

    assert "No worker is running; the work starts or goes on by itself" in text


async def test_cancelling_by_form_redirects_to_the_report(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()

    status, location, _ = await post(client, f"/reports/{report_id}/cancel")

    assert (status, location, harness.world.engine.cancelled) == (303, f"/reports/{report_id}", [report_id])
    assert "Cancelling…" in await page(client, location)


async def test_a_finished_report_is_shown_on_the_same_page(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    text = await page(client, f"/reports/{report_id}")

    assert "The sea rises &amp; falls." in text
    assert f'href="/api/reports/{report_id}.pdf"' in text
    assert f'href="/api/reports/{report_id}.md"' in text
    assert "follow.js" not in text


@pytest.mark.parametrize("kind", [Kind.REPORT, Kind.POST])
async def test_a_repeated_view_does_not_parse_the_markdown_again(
    client: QuartClient, harness: Harness, kind: Kind
) -> None:
    made = await harness.queued(kind=kind)
    await (harness.done(made) if kind is Kind.REPORT else harness.written(made, text=TEXT))
    path = f"/{'reports' if kind is Kind.REPORT else 'posts'}/{made}"
    await page(client, path)

    for key in [key for key in harness.world.objects.objects if not key.endswith(".html")]:
        del harness.world.objects.objects[key]

    assert "The sea rises &amp; falls." in await page(client, path)


async def test_a_possible_extra_charge_is_shown(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    assert '<dt>Possible extra charges</dt><dd class="warn">1</dd>' in await page(client, f"/reports/{report_id}")


@pytest.mark.parametrize(
    ("embedded", "shown"),
    [
        (Charges(), []),
        (Charges(1), ["<dd>1</dd>"]),
        (Charges(0, 2), ['<dd class="warn">0, and perhaps 2 more</dd>']),
    ],
)
async def test_charges_of_embeddings_are_shown_separately_when_there_are_any(
    client: QuartClient, harness: Harness, embedded: Charges, shown: list[str]
) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)
    harness.world.ledger.embedded[report_id] = embedded

    text = await page(client, f"/reports/{report_id}")

    assert "<dt>Model calls paid</dt><dd>1</dd>" in text
    assert re.findall(r"<dt>Embeddings paid</dt>(<dd.*?</dd>)", text) == shown


async def test_a_lost_attempt_is_shown_with_its_worker(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    assert "lost, worker-1@7 went away" in await page(client, f"/reports/{report_id}")


async def test_a_failed_report_shows_its_error_and_offers_to_run_again(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued("winds?")
    error = {"code": "model_refused", "detail": "the key is refused"}
    await harness.world.progress.close(report_id, Status.FAILED, Closed(error=error))

    text = await page(client, f"/reports/{report_id}")

    assert "The key is refused" in text
    assert f"/?again={report_id}" in text


async def test_a_partly_done_report_says_that_its_record_is_missing(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    await harness.world.progress.close(report_id, Status.PARTLY_DONE, Closed())

    assert "not yet in the library" in await page(client, f"/reports/{report_id}")


async def test_user_text_is_escaped_on_every_page(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued(SCRIPT, title=SCRIPT)
    await harness.done(report_id, title=SCRIPT, text=f"# {SCRIPT}\n\n{SCRIPT}\n")

    for path in (
        "/",
        "/reports",
        f"/reports/{report_id}",
        "/reports?text=%3Cscript%3Ealert(1)",
        "/?prompt=%3Cscript%3E",
    ):
        assert "<script>" not in await page(client, path)


@pytest.mark.parametrize("report_id", [UNKNOWN, "x", UNKNOWN.replace("report", "post")])
async def test_an_unknown_report_is_an_html_404_page(client: QuartClient, report_id: str) -> None:
    assert "There is nothing here" in await page(client, f"/reports/{report_id}", 404)


async def test_a_report_of_another_tenant_is_404(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued(tenant="others")

    assert "There is nothing here" in await page(client, f"/reports/{report_id}", 404)


async def test_clients_without_html_get_a_problem_body(client: QuartClient) -> None:
    assert (await client.get("/nothing", headers={"Accept": "*/*"})).content_type == "application/problem+json"


async def test_without_the_database_pages_are_503_and_say_what_is_safe(client: QuartClient, harness: Harness) -> None:
    harness.world.database.is_away = True

    assert "what was accepted is kept" in await page(client, "/", 503)


async def test_an_internal_error_is_a_page_with_the_request_id(
    client: QuartClient, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.operations.reading, "list", None)

    response = await client.get("/", headers=HTML)

    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in await response.get_data(as_text=True)


async def test_an_empty_library_links_to_the_start_form(client: QuartClient) -> None:
    assert "No reports yet" in await page(client, "/reports")


async def test_a_search_without_a_match_repeats_the_search_text(client: QuartClient, harness: Harness) -> None:
    await harness.queued("tides")

    assert "<q>winds</q>" in await page(client, "/reports?text=winds&status=")


async def test_the_library_is_paged_with_links(client: QuartClient, harness: Harness) -> None:
    for number in range(30):
        await harness.queued(f"question {number:02}")

    first = await page(client, "/reports?text=question")
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link
    second = await page(client, link[1].replace("&amp;", "&"))

    titles = re.findall(r"question \d\d", first + second)
    assert titles == [f"question {number:02}" for number in range(29, -1, -1)]


async def test_a_report_that_waits_for_a_decision_offers_both_without_a_script(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.waiting()
    text = await page(client, f"/reports/{report_id}")
    decide = re.search(r'<form[^>]*data-part="decide"([^>]*)>', text)

    status, location, _ = await post(client, f"/reports/{report_id}/decide", decision="give_up")

    assert decide
    assert "hidden" not in decide[1]
    assert "Waiting for you" in text
    assert "decide whether to pay again" in text
    assert (status, location, len(harness.world.engine.decided)) == (303, f"/reports/{report_id}", 1)


async def test_a_report_that_does_not_wait_hides_the_decision_form(client: QuartClient, harness: Harness) -> None:
    text = await page(client, f"/reports/{await harness.queued()}")

    assert re.search(r'data-part="decide" hidden>', text)


async def test_the_home_page_has_a_working_button_for_each_pipeline(client: QuartClient, harness: Harness) -> None:
    text = await page(client, "/")

    assert re.findall(r"<button[^>]*>([^<]+)</button>", text) == [pipeline.button for pipeline in PIPELINES.values()]
    for action in re.findall(r'formaction="([^"]+)"', text):
        status, location, _ = await post(client, action, prompt=f"tides for {action}")
        assert (status, location.rpartition("/")[0]) == (303, action)
    assert {row.kind for row in harness.world.workflows.rows.values()} == set(Kind) - {Kind.REPORT}


@pytest.mark.parametrize(("path", "title"), [("/reports", "Reports"), ("/posts", "Posts"), ("/texts", "Texts")])
async def test_each_kind_has_its_own_library(client: QuartClient, harness: Harness, path: str, title: str) -> None:
    for kind in Kind:
        await harness.queued(f"a question for a {kind}", kind=kind)

    text = await page(client, path)

    assert f"<title>{title} – Durable AI Research</title>" in text
    assert f'<a href="{path}" aria-current="page">{title}</a>' in text
    assert len(re.findall(r"a question for a", text)) == 1


async def test_the_home_page_lists_each_workflow_with_its_kind(client: QuartClient, harness: Harness) -> None:
    for kind in Kind:
        await harness.queued(kind=kind)

    kinds = re.findall(r'<span class="row-kind">([^<]+)</span>', await page(client, "/"))

    assert kinds == [BY_KIND[kind].noun for kind in reversed(Kind)]


async def test_a_finished_post_shows_its_text_and_related_texts(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued("How do tides work?")
    post_id = await harness.queued(kind=Kind.POST)
    await harness.written(post_id, text="# Bees\n\nBees dance.\n")
    harness.world.similarity.neighbours[post_id, EMBEDDING_MODEL] = [Related(report_id, Kind.REPORT, SCRIPT, 0.8349)]

    text = await page(client, f"/posts/{post_id}")

    assert re.search(r"<h1>Bees</h1>", text)
    assert "Bees dance." in text
    assert f'href="/api/workflows/{post_id}/texts/text"' in text
    assert f'<a href="/reports/{report_id}">&lt;script&gt;' in text
    assert "report, 83 % alike" in text


async def test_a_finished_post_says_that_embeddings_are_off_and_what_was_left_out(
    client: QuartClient, harness: Harness
) -> None:
    post_id = await harness.queued(kind=Kind.POST)
    attempt = await harness.step(post_id, "create_embedding")
    await harness.world.progress.end_attempt(
        attempt, EventKind.ATTEMPT_COMPLETED, AttemptCompleted(left_out="embeddings are off")
    )
    running = await page(client, f"/posts/{post_id}")
    await harness.written(post_id, text="# Bees\n\nBees dance.\n")
    harness.operations.texts.embedding_model = ""

    text = await page(client, f"/posts/{post_id}")

    assert "Left out</span>" in running
    assert "Embeddings are off" in running
    assert "<dt>Make it findable</dt><dd>Left out: embeddings are off</dd>" in text
    assert "Embeddings are off (<code>OPENAI_EMBEDDING_MODEL</code> is empty)" in text
    related = await client.get(f"/api/workflows/{post_id}/related")
    assert await related.get_json() == {"related": [], "embeddings": "off"}


async def test_a_checked_text_is_shown_with_its_summary(client: QuartClient, harness: Harness) -> None:
    text_id = await harness.queued(kind=Kind.PROCESSING)
    await harness.written(text_id, text="# Tides\n\nThe sea rises.\n", summary="It rises and falls.\n")

    text = await page(client, f"/texts/{text_id}")

    read = (">Summary</h2>", "It rises and falls.", ">Text</h2>", "The sea rises.")
    assert sorted(read, key=text.index) == list(read)
    assert "<dt>Model calls paid</dt><dd>2</dd>" in text


async def test_a_post_with_a_failed_undo_offers_try_again_and_no_cancel(client: QuartClient, harness: Harness) -> None:
    post_id = await harness.waiting_for_an_undo()

    text = await page(client, f"/posts/{post_id}")
    status, location, _ = await post(client, f"/posts/{post_id}/decide", decision="try_again")

    assert "“Undo: remove the embedding” did not finish within 20 s" in text
    assert "still to be done: “Undo: remove the embedding”, “Undo: remove the post”" in text
    assert "Undo: remove the embedding" in text
    assert 'data-decision="try_again" class="primary">Try again' in text
    assert 'data-decision="send_again" class="primary" hidden' in text
    assert 'data-part="cancel" hidden' in text
    assert (status, location, len(harness.world.engine.decided)) == (303, f"/posts/{post_id}", 1)


async def test_a_failed_report_shows_its_remedy_and_charges(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    harness.world.ledger.charged[report_id] = Charges(settled=0, possible_extra=2)
    error = {"code": "quota_exhausted", "detail": "the quota is used up"}
    await harness.world.progress.close(report_id, Status.FAILED, Closed(error=error))

    text = await page(client, f"/reports/{report_id}")
    status = await (await client.get(f"/api/workflows/{report_id}/status")).get_json()

    assert f"<strong>What to do:</strong> {escape(REMEDIES['quota_exhausted'].words)}." in text
    assert "0 calls to the model&#39;s provider were charged, and perhaps 2 more." in text
    assert status["error"]["remedy"] == remedy_body(REMEDIES["quota_exhausted"], resumable=True)


async def test_a_needed_decision_is_shown_with_the_remedy(client: QuartClient, harness: Harness) -> None:
    post_id = await harness.queued(kind=Kind.POST)
    attempt = await harness.step(post_id, "create_embedding")
    error = {"code": "model_refused", "detail": "no such model"}
    await harness.world.progress.end_attempt(
        attempt, EventKind.ATTEMPT_FAILED, AttemptFailed(final=True, asks_a_person=True, error=error)
    )

    text = await page(client, f"/posts/{post_id}")

    assert REMEDIES["model_refused"].words in text
    for words in ("Try again", "Go on without it", "Give this up"):
        assert re.search(rf"<button[^>]*(?<!hidden)>{words}</button>", text), words


async def test_a_step_that_waits_for_its_provider_is_one_row_with_the_end_of_the_wait(
    client: QuartClient, harness: Harness
) -> None:
    report_id = await harness.queued()
    await harness.worker()
    busy = AttemptFailed(error={"code": "rate_limited", "detail": "the provider is busy"}, wait_left_seconds=60.0)
    for _ in range(3):
        attempt = await harness.step(report_id, "llm_call")
        await harness.world.progress.end_attempt(attempt, EventKind.ATTEMPT_FAILED, busy)

    text = await page(client, f"/reports/{report_id}")

    assert len(re.findall(r"<tr data-attempt=", text)) == 1
    assert "<td>1 to 3</td>" in text
    assert re.search(
        r"“Ask the model” waits since \d\d:\d\d UTC, looked 3 times, goes on until .* UTC: the provider", text
    )


async def test_a_resent_call_is_shown_at_its_attempt(client: QuartClient, harness: Harness) -> None:
    report_id = await harness.queued()
    attempt = await harness.step(report_id, "llm_call")
    await harness.world.progress.note(attempt, EventKind.CALL_SENT_AGAIN, SentAgain(possible_extra=2))

    text = await page(client, f"/reports/{report_id}")

    assert "sends the call again: 2 earlier may have been charged; " in text


@pytest.mark.parametrize("path", ["/", "a finished report"])
async def test_pages_say_that_no_sources_are_looked_up(client: QuartClient, harness: Harness, path: str) -> None:
    report_id = await harness.queued()
    await harness.done(report_id)

    text = await page(client, path if path == "/" else f"/reports/{report_id}")

    assert "comes from the model's memory" in text or "come from the model's memory" in text


async def test_the_page_of_a_failed_text_says_that_it_was_removed(client: QuartClient, harness: Harness) -> None:
    text_id = await harness.queued(kind=Kind.PROCESSING)
    await harness.world.progress.close(
        text_id, Status.FAILED, Closed(error={"code": "output_invalid", "detail": "too short"})
    )

    text = await page(client, f"/texts/{text_id}")

    assert "This checked text failed" in text
    assert "What had been made is removed." in text


@pytest.mark.parametrize("path", ["/reports", "/texts"])
async def test_a_post_id_is_404_under_another_kind(client: QuartClient, harness: Harness, path: str) -> None:
    post_id = await harness.queued(kind=Kind.POST)

    assert "There is nothing here" in await page(client, f"{path}/{post_id}", 404)
