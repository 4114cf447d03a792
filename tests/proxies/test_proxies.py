"""The real binary asks a provider behind TLS through tinyproxy and microsocks."""

import json
import ssl

import pytest

import processes
import world


def credential(name, **more):
    return {"name": name, "api_key": processes.secret("upstream key"), **more}


def provider(front, authority, **more):
    return {"base_url": f"https://{front}/v1", "tls": {"ca_file": str(authority.file)}, **more}


def gateway_logs(request):
    return "".join(log.read_text() for log in processes.SCAN.glob(f"{request.node.name}-[0-9].log"))


def test_each_credential_goes_its_own_way(front, authority, proxies, ask):
    http, socks = proxies
    credentials = [credential("inherits"), credential("socks", proxy=socks.url), credential("direct", proxy="direct")]
    asking = ask(provider(front, authority, credentials=credentials), {"proxy": http.url})
    for _ in range(3):
        status, text = asking()
        assert status == 200 and "ahoi" in text, text
    assert http.written().count(f"CONNECT {front}") == 1, http.written()
    assert socks.written().count(f"connected to {front}") == 1, socks.written()


@pytest.mark.parametrize("written", ["direct", ""])
def test_direct_bypasses_the_global_one(front, authority, proxies, ask, written):
    http, _ = proxies
    asking = ask(
        provider(front, authority, api_key=processes.secret("upstream key"), proxy=written), {"proxy": http.url}
    )
    assert asking()[0] == 200
    assert f"CONNECT {front}" not in http.written()


def test_a_plain_provider_is_asked_through_tinyproxy_too(mock, proxies, ask):
    http, _ = proxies
    asking = ask({"base_url": f"http://{mock}/v1", "api_key": processes.secret("upstream key"), "proxy": http.url})
    for _ in range(3):
        assert asking()[0] == 200
    assert f"POST http://{mock}/v1/chat/completions" in http.written()


def test_the_environment_counts_where_nothing_is_written(mock, authority, proxies, ask):
    http, _ = proxies
    address = world.own_address()
    if address is None:
        pytest.skip("this machine has only loopback, which no proxy of the environment is asked for")
    with world.tls_front(mock, authority.identity(address), host=address) as port:
        place = f"{address}:{port}"
        up = provider(place, authority, api_key=processes.secret("upstream key"))
        for environment, is_asked in [({"HTTPS_PROXY": http.url, "NO_PROXY": ""}, True), ({"NO_PROXY": address}, False)]:
            before = http.written().count(f"CONNECT {place}")
            asking = ask(up, None, {"HTTPS_PROXY": http.url, **environment})
            status, text = asking()
            assert status == 200, text
            assert (http.written().count(f"CONNECT {place}") > before) == is_asked, environment
        # Loopback is asked directly all the same.
        asking = ask(
            {"base_url": f"http://{mock}/v1", "api_key": processes.secret("upstream key")}, None, {"ALL_PROXY": http.url}
        )
        assert asking()[0] == 200
        assert mock not in http.written()


def test_a_wrong_password_is_said_and_not_shown(front, authority, proxies, ask, request):
    for proxy in proxies:
        wrong = processes.secret("wrong password")
        up = provider(front, authority, api_key=processes.secret("upstream key"), proxy=proxy.url_with(wrong))
        status, text = ask(up)()
        assert status == 502 and json.loads(text)["error"]["code"] == "upstream_unreachable", text
        assert f"127.0.0.1:{proxy.port} does not lead to {front}" in gateway_logs(request)


def test_a_certificate_of_somebody_else_is_refused_through_a_proxy_too(front, proxies, run, ask, request):
    stranger = world.Authority(run, "stranger")
    for proxy in proxies:
        up = provider(front, stranger, api_key=processes.secret("upstream key"), proxy=proxy.url)
        status, text = ask(up)()
        assert status == 502 and json.loads(text)["error"]["code"] == "upstream_untrusted", text
        assert "its certificate is signed by nobody who is known" in gateway_logs(request)


def test_a_server_of_tls_1_2_is_asked(mock, authority, ask):
    identity = authority.identity("localhost")
    with world.tls_front(mock, identity, newest=ssl.TLSVersion.TLSv1_2) as port:
        up = provider(f"localhost:{port}", authority, api_key=processes.secret("upstream key"))
        assert ask(up)()[0] == 200
