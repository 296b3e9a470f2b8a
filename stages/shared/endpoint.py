"""An OpenAI-compatible endpoint: one answer a request, with retries, and every failure told by a short reason."""

import asyncio
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stages.shared.errors import UserError
from stages.shared.params import Section

KEY = "OPENAI_API_KEY"
LONGEST_WAIT = 120.0  # seconds; the client waits as long as Retry-After says, up to this, and gives up above
SILENT = 20  # requests in a row without an answer after which the endpoint is taken to be gone
# What servers disagree on: whether they take a JSON Schema for the answer, and the name of its longest length.
MANNERS = tuple(itertools.product((True, False), ("max_tokens", "max_completion_tokens")))
UNKNOWN_FIELDS = (400, 422)  # the statuses of a server that does not know a field
REMEDIES = {  # by status; {section} is that of params.yaml
    400: "look at section {section} of params.yaml",
    401: f"set the environment variable {KEY}",
    403: f"look at the environment variable {KEY}",
    404: "mend {section}.model or {section}.base_url",
    422: "look at section {section} of params.yaml",
}
Message = Mapping[str, str]


class EndpointParams(Section):
    """What a section `llm` of a stage says of its endpoint."""

    base_url: str
    model: str = Field(min_length=1)
    max_tokens: int = Field(ge=16)
    temperature: float | None = Field(ge=0)
    timeout: float = Field(gt=0)
    retries: int = Field(ge=0)
    parallel: int = Field(ge=1)

    @field_validator("base_url")
    @classmethod
    def is_public(cls, url: str) -> str:
        """Refuse an address that is none, or that carries a secret: it is written into what is made."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(f"must be http(s)://HOST/v1 without a user or a query; a key goes into {KEY}")
        return url.rstrip("/")


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    text: str
    finish: str  # stop; length where it was cut off; content_filter where it was refused
    prompt_tokens: int
    completion_tokens: int
    model: str  # as the endpoint names what answered
    endpoint: str


class NoAnswer(Exception):
    """Why a request has no answer."""


class Refused(NoAnswer):
    """A request that the endpoint answers with an error status."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.told = status, told


class Wire(BaseModel):
    """Base of what is read of a reply; whatever lacks its fields is no chat completion."""

    model_config = ConfigDict(from_attributes=True)


class ReplyText(Wire):
    """The text of a reply, or its refusal."""

    content: str | None = None
    refusal: str | None = None


class Choice(Wire):
    """One text of a reply, and why it ended."""

    message: ReplyText
    finish_reason: str | None = None


class Usage(Wire):
    """The tokens that a reply took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Reply(Wire):
    """A chat completion."""

    choices: list[Choice] = Field(min_length=1)
    model: str | None = None
    usage: Usage | None = None


class Endpoint:
    """Asks one endpoint; use as an async context manager.

    The first request is sent alone and finds out what the endpoint takes. Raises UserError where the endpoint cannot
    be reached, knows neither key nor model, or has fallen silent; NoAnswer where only one request went wrong.
    """

    def __init__(self, params: EndpointParams, stage: str) -> None:
        try:
            import openai
        except ImportError:
            raise UserError(f"{stage}.writer is llm, which needs the openai client; run `pip install .[llm]`") from None
        self.api, self.params, self.section = openai, params, f"{stage}.llm"
        self.key = os.environ.get(KEY, "").strip()
        self.client = openai.AsyncOpenAI(
            api_key=self.key or "none",  # a server of one's own wants none
            base_url=params.base_url,
            timeout=params.timeout,
            max_retries=params.retries,
        )
        self.opening = asyncio.Lock()
        self.manner: tuple[bool, str] | None = None  # of MANNERS, as soon as one has been taken
        self.silent = 0

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def ask(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Answer:
        """The answer to `messages`, asked for as JSON of `schema`, if any, where the endpoint knows how."""
        try:
            answer = await self.open(messages, schema)
        except NoAnswer as error:
            self.silent += 1
            if self.silent >= SILENT:
                raise UserError(
                    f"{self.params.base_url} gave no answer to {SILENT} requests in a row, at last: {error}; what was "
                    "written is kept, see to the endpoint and run again"
                ) from None
            raise
        self.silent = 0
        return answer

    async def open(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> Answer:
        """Send a request; the first one alone, while the others wait for what it finds out."""
        if self.manner is None:
            async with self.opening:
                if self.manner is None:
                    return await self.try_manners(messages, schema)
        return await self.send(messages, schema, self.manner)

    async def try_manners(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> Answer:
        """An answer in the first manner that the endpoint does not refuse, which is kept."""
        refusals: list[Refused] = []
        for manner in MANNERS:
            try:
                answer = await self.send(messages, schema, manner)
            except Refused as refusal:
                refusals.append(refusal)
                if refusal.status not in UNKNOWN_FIELDS:
                    break
            else:
                self.manner = manner
                return answer
        raise self.at_first(refusals[0])

    def at_first(self, refusal: Refused) -> UserError | NoAnswer:
        """What a refusal of the very first request means: that the params or the key are to be mended, if it can be."""
        if refusal.status not in REMEDIES:
            return refusal
        told = " ".join(refusal.told.replace(self.key or KEY, "[key]").split())[:200]
        remedy = REMEDIES[refusal.status].format(section=self.section)
        return UserError(f"{self.params.base_url} refuses model {self.params.model} ({told}); {remedy}")

    async def send(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None, manner: tuple[bool, str]
    ) -> Answer:
        """One request with the client's retries; whatever goes wrong becomes a NoAnswer.

        Raises UserError where nobody is at the address and nothing has been answered yet.
        """
        patience = (1 + self.params.retries) * (self.params.timeout + LONGEST_WAIT)
        try:
            async with asyncio.timeout(patience):
                completion = await self.client.chat.completions.create(**self.request(messages, schema, manner))
            return self.answer(Reply.model_validate(completion))
        except (self.api.APITimeoutError, TimeoutError):
            raise NoAnswer("timed out") from None
        except self.api.APIStatusError as error:
            if error.code == "content_filter":
                raise NoAnswer("the endpoint's content filter") from None
            raise Refused(error.status_code, str(error)) from None
        except self.api.APIConnectionError as error:
            if self.manner is None and type(error.__cause__).__name__ == "ConnectError":
                url = self.params.base_url
                raise UserError(f"nothing answers at {url}; start it, or mend {self.section}.base_url") from None
            raise NoAnswer("the connection broke off") from None
        except (ValueError, self.api.APIError):
            raise NoAnswer("no chat completion came back") from None

    def request(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, manner: tuple[bool, str]) -> Any:
        """The fields of one request."""
        structured, longest = manner[0] and schema is not None, manner[1]
        form = {"name": str((schema or {}).get("title")), "schema": schema, "strict": True}
        return {
            "model": self.params.model,
            "messages": messages,
            longest: self.params.max_tokens,
            **({} if self.params.temperature is None else {"temperature": self.params.temperature}),
            **({"response_format": {"type": "json_schema", "json_schema": form}} if structured else {}),
        }

    def answer(self, reply: Reply) -> Answer:
        """A reply as an answer."""
        choice, usage = reply.choices[0], reply.usage or Usage()
        return Answer(
            text=choice.message.content or "",
            finish="content_filter" if choice.message.refusal else choice.finish_reason or "stop",
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            model=reply.model or self.params.model,
            endpoint=self.params.base_url,
        )
