"""Which server a session may talk to."""

import pytest
from pydantic import ValidationError
from vivavoce_vllm.options import VllmOptions
from vivavoce_vllm.servers import ServerChoice, ServerUrl

from vivavoce_api import ClientError

OWN = ServerUrl.parse("https://models.example.com/v1")


def choice(*allowed: str, key: str | None = "key", send: bool = False, own: ServerUrl | None = OWN) -> ServerChoice:
    return ServerChoice(own, allowed, key, send)


def chosen(choice: ServerChoice, url: str) -> str:
    return str(choice.for_session({"vllm_url": url}).url)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://gpu:8000", "http://gpu:8000/v1"),
        ("http://gpu:8000/", "http://gpu:8000/v1"),
        ("HTTPS://GPU.example.com/v1/", "https://gpu.example.com:443/v1"),
        ("https://api.example.com/openai/v1", "https://api.example.com:443/openai/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_urls_have_one_spelling(text: str, url: str) -> None:
    assert str(ServerUrl.parse(text)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpu:8000",
        "file:///etc/passwd",
        "ftp://gpu/",
        "http://",
        "http://user@gpu",
        "http://user:word@gpu",
        "http://gpu@evil.example.com",
        "http://gpu\\@evil.example.com",
        "http://gpu:99999",
        "http://gpu:port",
        "http://gpu/v1?x=1",
        "http://gpu/v1#x",
        "http://gpu/a/../b",
        "http://gpu/..",
        "http://gpu/%2e%2e/v1",
        "http://gpu//evil",
        "http://gpu /v1",
        "http://g\tpu",
        "http://gpü",
        "http://[::1",
        "http://.gpu",
        "http://gpu.",
        "http://" + "g" * 600,
    ],
)
def test_odd_urls_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ServerUrl.parse(text)


@pytest.mark.parametrize(
    "url", ["http://gpu", "http://gpu:9000/v1", "https://GPU", "http://other:8000", "http://[::1]:8000", " http://gpu "]
)
def test_allowed_hosts_may_be_chosen(url: str) -> None:
    assert chosen(choice("gpu", "other:8000", "[::1]:8000"), url) == str(ServerUrl.parse(url.strip()))


@pytest.mark.parametrize(
    "url",
    [
        "http://other",
        "http://other:8001",
        "http://gpu.example.com",
        "http://evilgpu",
        "http://gpu.",
        "http://2130706433",
        "http://127.0.0.1",
        "http://gpu/some/path",
        "http://gpu@evil",
        "nonsense",
        "http://models.example.com",
    ],
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(ClientError, match="vllm_url"):
        chosen(choice("gpu", "other:8000"), url)


def test_refusal_tells_the_operator_what_to_add() -> None:
    with pytest.raises(ClientError) as refusal:
        chosen(choice("gpu"), "http://other:8000")
    assert refusal.value.fix is not None
    assert "other:8000" in refusal.value.fix
    assert "gpu" not in str(refusal.value), "the list is no client's business"


def test_without_the_parameter_the_yaml_decides() -> None:
    assert choice().for_session({}).url == OWN
    assert choice().for_session({"vllm_url": "  "}).url == OWN
    with pytest.raises(ClientError, match=r"\?vllm_url=URL"):
        choice("gpu", own=None).for_session({})


@pytest.mark.parametrize(
    ("url", "send", "gets_key"),
    [
        ("https://models.example.com", False, True),
        ("http://models.example.com", False, False),
        ("https://models.example.com:444", False, False),
        ("https://gpu", False, False),
        ("https://gpu", True, True),
        ("http://gpu", True, False),
        ("http://127.0.0.1:8000", True, True),
    ],
)
def test_the_key_goes_only_where_it_should(url: str, send: bool, gets_key: bool) -> None:
    server = choice("models.example.com", "gpu", "127.0.0.1", send=send).for_session({"vllm_url": url})
    assert (server.api_key == "key") is gets_key
    assert "key" not in repr(server)


@pytest.mark.parametrize("host", ["*", "http://gpu", "gpu/v1", "", "gpu:port", "*.example.com", "user@gpu", "::1"])
def test_the_allow_list_takes_only_hosts(host: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        VllmOptions.model_validate({"allowed_hosts": [host]})


def test_the_allow_list_ignores_case() -> None:
    assert VllmOptions.model_validate({"allowed_hosts": ["GPU:8000"]}).allowed_hosts == ("gpu:8000",)


def test_base_url_with_a_password_is_refused() -> None:
    with pytest.raises(ValidationError, match="api_key_env"):
        VllmOptions(base_url="http://me:pw@gpu")
