from __future__ import annotations

import pytest

MLP = "Linear(784, 512)\nReLU()\n6 x [Linear(512, 512), ReLU()]\nLinear(512, 10)\n"
HOSTILE = "<img src=x onerror=alert(1)>"
FIRST_TRY = "def f(m):\n    if type(m) == nn.Linear:\n        m.weight.data.normal_(0, 0.02)\n"


@pytest.fixture
def network(client):
    answer = client.post("/spec/measure", data={"net": MLP})
    return answer.headers["location"].split("/")[2].partition("?")[0]


def page(answer, status: int = 200) -> str:
    assert answer.status_code == status, answer.text[:300]
    return answer.text


def test_the_page_holds_code_for_the_plan_of_its_address(client, network):
    text = page(client.get(f"/m/{network}/code?base=kaiming_normal(fan_in,relu)&linear.bias=0"))
    assert "nn.init.kaiming_normal_(m.weight, mode=&#34;fan_in&#34;" in text
    assert "nn.init.zeros_(m.bias)" in text


def test_the_file_is_the_code(client, network):
    query = "base=lecun_normal&linear.gain=1.5335"
    answer = client.get(f"/m/{network}/code.py?{query}")
    assert answer.headers["content-type"].startswith("text/x-python")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.text == client.get(f"/m/{network}/code.json?{query}").json()["code"]
    compile(answer.text, "init.py", "exec")


def test_the_twin_holds_the_plan_and_its_notes(client, network):
    found = client.get(f"/m/{network}/code.json?linear=orthogonal(gain=1)&act=GELU").json()
    assert found["plan"] == {"linear": "orthogonal(gain=1)", "act": "GELU"}
    assert found["network_known"] is True


def test_now_and_after_stand_beside_each_other(client, network):
    text = page(client.get(f"/m/{network}/code?base=kaiming_normal(fan_in,relu)"))
    assert "What it changes" in text
    assert "now: PyTorch default" in text


def test_plans_are_a_link_away(client, network):
    text = page(client.get(f"/m/{network}/code"))
    assert f"/m/{network}/code?base=xavier_uniform" in text
    assert f'href="/m/{network}/compare' in text


def test_nonsense_in_a_plan_is_refused(client, network):
    assert client.get(f"/m/{network}/code?base=kaiming").status_code == 422
    assert client.get(f"/m/{network}/code?linear.gain=much").status_code == 422


def test_a_file_that_nobody_knows_has_no_code(client):
    assert client.get(f"/m/{'0' * 32}/code").status_code == 404


def test_a_network_that_nobody_has_read_says_so(client, site):
    file = site.upload(site.safetensors(w=(4, 4)))
    assert "Nobody has read this network yet" in page(client.get(f"/m/{file}/code"))
    assert client.get(f"/m/{file}/code.json").json()["code"] is None
    assert client.get(f"/m/{file}/code.py").status_code == 422


def test_a_checkpoint_of_tensors_alone_gets_code_by_its_layers(client, site):
    run = site.submit()
    site.finish(
        run, [site.tensor(0, "fc.weight"), site.tensor(1, "fc.bias", shape=(4,), role="bias")]
    )
    text = page(client.get(f"/m/{run}/code?base=xavier_uniform(gain=1)"))
    assert "nn.init.xavier_uniform_(m.weight, gain=1.0)" in text
    assert "This file holds tensors alone." in text


def test_tied_tensors_are_drawn_once(client, site):
    run = site.submit()
    table = site.tensor(0, "wte.weight", kind="Embedding", status="consistent")
    head = site.tensor(1, "lm_head.weight", status="not_judged", alias_of=0)
    site.finish(run, [table, head])
    code = client.get(f"/m/{run}/code.json?base=normal(0.02)").json()["code"]
    assert 'NAMED = (r"wte\\.weight",)' in code
    assert "isinstance" not in code


def test_the_reader_names_a_mistake_with_its_line(client):
    text = page(client.get("/code", params={"code": FIRST_TRY}))
    assert "isinstance(m, nn.Linear)" in text
    assert "Line 2" in text
    assert "nn.init.normal_(m.weight, 0, 0.02)" in text


def test_the_reader_takes_a_form(client):
    assert "Line 2" in page(client.post("/code", data={"code": FIRST_TRY}))


def test_the_reader_answers_with_a_part_of_the_page(client):
    text = page(client.post("/code/reading", data={"code": FIRST_TRY}))
    assert "<html" not in text
    assert 'data-line="2"' in text


def test_a_text_that_is_no_python_is_told_with_its_line(client):
    text = page(client.get("/code", params={"code": "x = 1\ndef f(:\n"}))
    assert "line 2: invalid syntax" in text
    assert 'data-line="2"' in text


def test_hostile_text_is_escaped(client):
    hostile = f"def f(m):\n    if type(m) == nn.Linear: '{HOSTILE}'\n# </textarea>{HOSTILE}\u202e\n"
    assert "<img" not in page(client.get("/code", params={"code": hostile}))
    broken = page(client.get("/code", params={"code": f"({HOSTILE}"}))
    assert "<img" not in broken


def test_the_readers_twin_is_data(client):
    found = client.get("/code.json", params={"code": FIRST_TRY}).json()
    assert [one["code"] for one in found["mistakes"]] == ["type_equals", "data"]
    assert client.get("/code.json").json() is None
    assert client.get("/code.json", params={"code": "def f(:"}).status_code == 422


def test_a_clean_function_is_as_expected(client):
    clean = (
        "def f(m):\n    if isinstance(m, nn.Embedding):\n        nn.init.normal_(m.weight, std=1)\n"
    )
    text = page(client.get("/code", params={"code": clean}))
    assert 'data-sign="as_expected"' in text
    assert "No mistake found." in text


def test_examples_are_links(client):
    assert 'href="/code?code=def+weights_init' in page(client.get("/code"))


def test_the_api_reads_a_function(client):
    answer = client.post("/api/v1/init-functions", json={"text": FIRST_TRY})
    found = answer.json()
    assert answer.status_code == 200
    assert found["functions"] == ["f"]
    assert found["mistakes"][0] == {
        "level": "warning",
        "code": "type_equals",
        "line": 2,
        "expression": "type(m) == nn.Linear",
        "message": found["mistakes"][0]["message"],
        "correction": "isinstance(m, nn.Linear)",
    }


def test_the_api_refuses_what_is_no_python_with_its_line(client):
    answer = client.post("/api/v1/init-functions", json={"text": "def f(:"})
    assert answer.status_code == 422
    assert answer.json()["error"] == "not_python"
    assert "line 1" in answer.json()["message"]


def test_the_api_takes_no_other_field_and_no_giant(client):
    assert client.post("/api/v1/init-functions", json={"code": "x"}).status_code == 422
    giant = client.post("/api/v1/init-functions", json={"text": "x" * 2**20})
    assert giant.status_code == 413


def test_another_site_cannot_use_the_form(client):
    headers = {"origin": "https://evil.example"}
    assert client.post("/code", data={"code": "x"}, headers=headers).status_code == 403
