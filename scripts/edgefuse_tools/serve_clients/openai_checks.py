"""OpenAI's Python client: transcripts, captions, answers, embeddings, streams, errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence

import openai
from openai import OpenAI

from .server import ROOT, Server

DATA = ROOT / "tests/data"


def words(text: str) -> str:
    """As transcripts are compared."""
    kept = "".join(it for it in text.lower() if it.isalnum() or it.isspace())
    return " ".join(kept.split())


def client(server: Server, retries: int = 0) -> OpenAI:
    """A client without retries, so that an error is seen."""
    return OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=retries)


def picture(name: str) -> dict[str, object]:
    """A picture as a part of a message."""
    data = base64.b64encode((DATA / name).read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}", "detail": "auto"}}


def check_transcripts(server: Server) -> None:
    """Every format, with what the command line prints."""
    recording = DATA / "librivox-0880.wav"
    said = server.printed("transcribe", str(recording))
    api = client(server).audio.transcriptions
    plain = api.create(model="whisper-1", file=recording, language="en")
    assert plain.text == said.strip(), plain.text
    for form in ("text", "srt", "vtt"):
        text = api.create(model="whisper-1", file=recording, response_format=form)
        assert text == server.printed("--format", form, "transcribe", str(recording)), text
    verbose = api.create(
        model="whisper",
        file=recording,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        temperature=0,
        prompt="Sense and Sensibility.",
    )
    assert verbose.language == "english" and verbose.duration > 1.0, verbose
    assert verbose.words and verbose.segments, verbose
    starts = [word.start for word in verbose.words]
    assert starts == sorted(starts) and verbose.words[-1].end <= verbose.duration + 0.1, verbose
    segment = verbose.segments[0]
    assert segment.id == 0 and segment.tokens and segment.avg_logprob < 0.0 <= segment.no_speech_prob, segment
    assert "".join(word.word for word in verbose.words) == verbose.text.replace(" ", ""), verbose

    events = list(api.create(model="whisper-1", file=recording, stream=True))
    assert [event.type for event in events[-1:]] == ["transcript.text.done"], events
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert deltas.strip() == events[-1].text == plain.text, events
    own = api.create(model="whisper-1", file=recording, extra_body={"beams": 2, "vad": False})
    assert words(own.text).endswith("young man"), own.text


def check_chats(server: Server) -> None:
    """Captions and answers."""
    api = client(server).chat.completions
    image = picture("easyvqa-23.png")
    caption = api.create(model="blip", messages=[{"role": "user", "content": [image]}])
    assert caption.choices[0].message.content == "a blue rectangle", caption
    assert caption.choices[0].finish_reason == "stop"
    question = {"type": "text", "text": "what shape is in the image?"}
    answer = api.create(model="edgefuse", messages=[{"role": "user", "content": [question, image]}], max_tokens=300)
    assert answer.choices[0].message.content == "rectangle", answer
    # Live-VLM-WebUI and Frigate send these, too.
    chunks = api.create(
        model="blip",
        messages=[{"role": "user", "content": [{"type": "text", "text": "Describe it briefly."}, image]}],
        stream=True,
        max_tokens=512,
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "a blue rectangle", text
    spoken = base64.b64encode((DATA / "question-shape.wav").read_bytes()).decode()
    sound = {"type": "input_audio", "input_audio": {"data": spoken, "format": "wav"}}
    answer = api.create(model="edgefuse", messages=[{"role": "user", "content": [sound, image]}])
    assert answer.choices[0].message.content == "rectangle", answer
    transcript = api.create(model="edgefuse", messages=[{"role": "user", "content": [sound]}])
    assert "shape" in (transcript.choices[0].message.content or ""), transcript


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine similarity of two embeddings of length 1."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def check_embeddings(server: Server) -> None:
    """Both encodings, and pictures near their captions, for each of the two models that embed.

    The client asks for base64 unless told otherwise.
    """
    api = client(server).embeddings
    name = "easyvqa-23.png"
    texts = [f"a {color} {shape}" for color in ("blue", "red", "green") for shape in ("rectangle", "circle")]
    image = {"image": "data:image/png;base64," + base64.b64encode((DATA / name).read_bytes()).decode()}
    for model, steps, dimensions in (("blip", "match", 128), ("student", "fuse", 128)):
        listed = api.create(model=model, input=[*texts, image], encoding_format="float")
        decoded = api.create(model=model, input=[*texts, image])
        found = [entry.embedding for entry in listed.data]
        assert [entry.index for entry in listed.data] == list(range(len(found))) and listed.model == model, listed
        assert listed.usage.prompt_tokens == listed.usage.total_tokens == 5 * len(texts), listed.usage
        for one, other in zip(found, decoded.data, strict=True):
            assert len(one) == len(other.embedding) == dimensions, (len(one), len(other.embedding))
            assert max(abs(a - b) for a, b in zip(one, other.embedding, strict=True)) < 1e-6, (model, one)
        similarities = [dot(found[-1], text) for text in found[:-1]]
        assert texts[similarities.index(max(similarities))] == "a blue rectangle", (model, similarities)
        given = ["--image", str(DATA / name)] if steps == "fuse" else [str(DATA / name), "--text", texts[0]]
        line = json.loads(server.printed("--format", "json", steps, "--embeddings", *given))
        own = line["fusion" if steps == "fuse" else "match"]["embeddings"]["image"]
        assert max(abs(a - b) for a, b in zip(found[-1], own, strict=True)) < 1e-6, (model, own)
    spoken = base64.b64encode((DATA / "question-shape.wav").read_bytes()).decode()
    sound = api.create(model="student", input=[{"audio": {"base64": spoken}}])
    assert len(sound.data[0].embedding) == 128 and sound.usage.prompt_tokens == 0, sound
    # Without a name, the model whose task it is answers.
    cat = {"image": "data:image/png;base64," + base64.b64encode((DATA / "chelsea.png").read_bytes()).decode()}
    found = [entry.embedding for entry in api.create(model="edgefuse", input=["a cat", "a rocket", cat]).data]
    assert len(found[0]) == 384 and dot(found[2], found[0]) > dot(found[2], found[1]), found
    for model, given_input, word in (
        ("blip", [{"audio": {"base64": spoken}}], "does not embed audio"),
        ("blip", [[1, 2], [3]], "not tokens"),
    ):
        try:
            api.create(model=model, input=given_input)
        except openai.BadRequestError as error:
            assert word in error.message, error
        else:
            raise AssertionError(f"{model} embedded {given_input}")


def check_models_and_errors(server: Server) -> None:
    """The list of models, and errors as the client's exceptions."""
    api = client(server)
    assert {"whisper-1", "whisper", "blip", "edgefuse"} <= {model.id for model in api.models.list()}
    assert api.models.retrieve("blip").id == "blip"
    recording = DATA / "librivox-0880.wav"
    wrong: tuple[tuple[type[openai.APIStatusError], str, Callable[[], object]], ...] = (
        (
            openai.NotFoundError,
            "model_not_found",
            lambda: api.audio.transcriptions.create(model="gpt-9", file=recording),
        ),
        (
            openai.BadRequestError,
            "invalid_input",
            lambda: api.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"no sound")),
        ),
        (
            openai.BadRequestError,
            "invalid_request",
            lambda: api.audio.translations.create(model="whisper-1", file=recording),
        ),
    )
    for kind, code, call in wrong:
        try:
            call()
        except kind as error:
            assert error.code == code and error.request_id.startswith("req_"), error
        else:
            raise AssertionError(f"no {kind.__name__}")
