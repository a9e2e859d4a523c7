"""A hundred and fifty ask at the same moment: each is told a place and answered, or told to come back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import fake_app
from tests.browser.serving import served
from uait.page import app

N_ASKERS = 150


async def _asked(client: httpx.AsyncClient, api: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What the page's script would hear: the places in the queue, and the answer; or how it was refused."""
    joined = await client.post(f"{api}/queue/join", json=asked)
    if joined.status_code != 200:
        return {"refused": joined.status_code, "why": joined.json()["detail"]}
    heard: dict[str, Any] = {"places": []}
    async with client.stream("GET", f"{api}/queue/data", params={"session_hash": asked["session_hash"]}) as stream:
        async for line in stream.aiter_lines():
            message: Any = json.loads(line.removeprefix("data: ")) if line else {"msg": ""}
            if message["msg"] == "estimation":
                heard["places"].append(message["rank"])
            if message["msg"] == "process_completed":
                return {**heard, "answer": message["output"]["data"][0]["answer"]}
    return heard


async def _all_asked(url: str, fn_index: int) -> list[dict[str, Any]]:
    # each request on a connection of its own: the server may just be closing one that was idle
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    asked = {"fn_index": fn_index, "data": ["What is the capital of France?", 0.5, "shipped", "", "", False]}
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        every = [_asked(client, f"{url}/gradio_api", {**asked, "session_hash": f"s{i}"}) for i in range(N_ASKERS)]
        return await asyncio.gather(*every)


@pytest.mark.parametrize("room", [app.MAX_WAITING, 40])
def test_of_150_askers_at_once_each_is_answered_or_told_to_come_back(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(app, "MAX_WAITING", room)
    demo = fake_app.build(pause=0.002)
    fn_index = next(i for i, fn in demo.fns.items() if fn.api_name == "ask")
    with served(demo) as url:
        heard = asyncio.run(_all_asked(url, fn_index))
    answered = [one for one in heard if one.get("answer") == "Paris"]
    refused = [one for one in heard if "refused" in one]
    assert len(answered) + len(refused) == N_ASKERS, heard
    assert all(one["places"] for one in answered)
    assert {(one["refused"], one["why"].split(".")[0]) for one in refused} <= {(503, "Queue is full")}
    if room >= N_ASKERS:
        assert refused == []
        assert max(one["places"][0] for one in answered) > 64
    else:
        assert room <= len(answered) < N_ASKERS
