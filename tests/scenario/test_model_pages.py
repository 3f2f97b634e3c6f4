"""Lists of models in pages: as each API pages them, and so that its SDK sees each model once."""
import anthropic
from google import genai
import openai
import pytest

import bed

NAMES = [f"m{i}" for i in range(1003)] + ["a/\u00fc&+b", "last"]
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def gateway(binary, place):
    conf = bed.basic("127.0.0.1:9")  # nobody is asked
    conf["models"] = {name: {"targets": "oai/any"} for name in NAMES}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


def anthropics(gateway, query):
    return gateway.ask(f"/v1/models?{query}", method="GET", headers=VERSION)


def googles(gateway, query):
    return gateway.ask(f"/v1beta/models?{query}", method="GET")


def test_anthropics_sdk_sees_each_model_once(gateway):
    client = anthropic.Anthropic(base_url=f"http://{gateway.addr}", api_key="any", max_retries=0)
    for limit in (37, 1000):
        assert [model.id for model in client.models.list(limit=limit)] == NAMES
    page = client.models.list()
    assert (len(page.data), page.has_more, page.last_id) == (20, True, NAMES[19])


def test_anthropics_sdk_goes_backwards_too(gateway):
    client = anthropic.Anthropic(base_url=f"http://{gateway.addr}", api_key="any", max_retries=0)
    pages = list(client.models.list(limit=300, before_id="last").iter_pages())
    assert [len(page.data) for page in pages] == [300, 300, 300, 104]
    assert [page.has_more for page in pages] == [True, True, True, False]
    assert [model.id for page in reversed(pages) for model in page.data] == NAMES[:-1]


@pytest.mark.parametrize("query, first, last, more", [
    ("limit=1", 0, 0, True),
    ("limit=1000", 0, 999, True),
    ("limit=1000&after_id=m4", 5, 1004, False),
    ("limit=1000&after_id=m3", 4, 1003, True),
    ("limit=&after_id=", 0, 19, True),
    ("limit=2&before_id=m2", 0, 1, False),
    ("limit=2&before_id=m3", 1, 2, True),
])
def test_anthropics_pages(gateway, query, first, last, more):
    page = anthropics(gateway, query).json()
    assert [model["id"] for model in page["data"]] == NAMES[first:last + 1]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (
        NAMES[first], NAMES[last], more)


@pytest.mark.parametrize("query", ["limit=5&after_id=last", "limit=5&before_id=m0"])
def test_anthropics_page_of_nothing(gateway, query):
    page = anthropics(gateway, query).json()
    assert (page["data"], page["has_more"]) == ([], False)
    assert "first_id" not in page and "last_id" not in page


@pytest.mark.parametrize("query, why", [
    ("limit=0", "limit: a number from 1 to 1000 is wanted"),
    ("limit=1001", "limit: a number from 1 to 1000 is wanted"),
    ("limit=ten", "limit: a number from 1 to 1000 is wanted"),
    ("after_id=nobody", "after_id: no model of the list is called so"),
    ("before_id=nobody", "before_id: no model of the list is called so"),
    ("after_id=m1&before_id=m3", "before_id: it cannot stand beside after_id"),
])
def test_anthropics_pages_that_are_none(gateway, query, why):
    answer = anthropics(gateway, query)
    error = answer.json()["error"]
    assert (answer.status, error["type"], error["message"]) == (400, "invalid_request_error", why)


def test_googles_sdk_sees_each_model_once(gateway):
    client = genai.Client(api_key="any", http_options={"base_url": f"http://{gateway.addr}"})
    for size in (37, 1000):
        assert [model.name for model in client.models.list(config={"page_size": size})] == [
            f"models/{name}" for name in NAMES]
    assert len(client.models.list()) == 50


@pytest.mark.parametrize("query, first, last, token", [
    ("", 0, 49, "m49"),
    ("pageSize=0", 0, 49, "m49"),
    ("pageSize=1", 0, 0, "m0"),
    ("page_size=2&page_token=m0", 1, 2, "m2"),
    ("pageSize=1001", 0, 999, "m999"),
    ("pageSize=1000&pageToken=m4", 5, 1004, None),
    ("pageSize=1000&pageToken=m3", 4, 1003, NAMES[1003]),
])
def test_googles_pages(gateway, query, first, last, token):
    page = googles(gateway, query).json()
    assert [model["name"] for model in page["models"]] == [
        f"models/{name}" for name in NAMES[first:last + 1]]
    assert page.get("nextPageToken") == token


@pytest.mark.parametrize("query, why", [
    ("pageSize=-1", "pageSize: a number is wanted"),
    ("pageToken=nobody", "pageToken: no model of the list is called so"),
])
def test_googles_pages_that_are_none(gateway, query, why):
    answer = googles(gateway, query)
    error = answer.json()["error"]
    assert (answer.status, error["status"], error["message"]) == (400, "INVALID_ARGUMENT", why)


@pytest.mark.parametrize("query, headers", [
    ("", {"x-goog-api-key": "any"}), ("", {"x-goog-api-client": "any"}), ("?key=any", {})])
def test_googles_clients_ask_at_v1_too(gateway, query, headers):
    page = gateway.ask(f"/v1/models{query}", method="GET", headers=headers).json()
    assert page["models"][49]["name"] == "models/m49" and page["nextPageToken"] == "m49"
    one = gateway.ask(f"/v1/models/m7{query}", method="GET", headers=headers).json()
    assert one["name"] == "models/m7"


def test_openais_list_has_one_page(gateway):
    client = openai.OpenAI(base_url=f"http://{gateway.addr}/v1", api_key="any", max_retries=0)
    assert [model.id for model in client.models.list(extra_query={"limit": 5})] == NAMES
