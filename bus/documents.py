"""The AsyncAPI 3.0 document of the bus, and the command that writes all documents.

`python -m bus.documents [DIR]` writes `docs/asyncapi.json` and `docs/schemas/`.
The document takes the part of someone who joins the house: what they may
receive, and the one thing they send.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

from bus.codec import CONTENT_TYPE, MAX_MESSAGE_BYTES, SPEC_VERSION
from bus.topics import ALL_TOPICS, DEFAULT_ROOT, HQ_STATE, NOTICES, REPLY, REQUEST, TO_AGENT, Topic
from schemas.documents import build_schemas
from schemas.names import JOB_PATTERN, NAME_PATTERN, SWEEP_PATTERN

VERSION = "1.0.0"
_PATTERNS = {
    "agent": ("Name of the agent, as in its certificate.", NAME_PATTERN),
    "client": ("Name of the client, as in its certificate.", NAME_PATTERN),
    "job": ("Job id.", JOB_PATTERN),
    "sweep": ("Sweep id.", SWEEP_PATTERN),
}


def build_asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of every topic."""
    payloads, components = msgspec.json.schema_components(
        [topic.payload for topic in ALL_TOPICS], ref_template="#/components/schemas/{name}"
    )
    keys = [_key(topic) for topic in ALL_TOPICS]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Idlehands",
            "version": VERSION,
            "description": (
                f"Topics below `{DEFAULT_ROOT}`. Every payload is a CloudEvents {SPEC_VERSION} "
                f"envelope in JSON, at most {MAX_MESSAGE_BYTES} bytes. Delivery is at most once (QoS 0): "
                "whoever needs certainty repeats until answered."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "house": {
                "host": "{host}",
                "protocol": "secure-mqtt",
                "protocolVersion": "5.0",
                "description": "The broker of the house; `idlehands status --json` names it as `broker`.",
                "variables": {"host": {"description": "HOST:PORT", "default": "127.0.0.1:8883"}},
                "security": [
                    {"type": "X509", "description": "TLS 1.3 with a certificate of the house's CA."}
                ],
            }
        },
        "channels": {key: _channel(topic) for key, topic in zip(keys, ALL_TOPICS, strict=True)},
        "operations": {
            **{f"receive-{_key(topic)}": _receive(topic) for topic in ALL_TOPICS if topic is not REQUEST},
            "send-request": {
                "action": "send",
                "channel": {"$ref": "#/channels/request"},
                "summary": "Ask HQ to do something. Repeat with the same idempotency key until answered.",
                "reply": {
                    "address": {
                        "description": "Response topic below the sender's own `client/{client}/down/`.",
                        "location": "$message.header#/responseTopic",
                    },
                    "channel": {"$ref": "#/channels/reply"},
                },
            },
        },
        "components": {
            "messages": {
                key: _message(topic, payload)
                for key, topic, payload in zip(keys, ALL_TOPICS, payloads, strict=True)
            },
            "schemas": dict(sorted(components.items())),
        },
    }


def _key(topic: Topic) -> str:
    return topic.type.removeprefix("idlehands.").replace(".", "-")


def _writer(topic: Topic) -> str:
    if topic is REQUEST:
        return "client"
    return "hq" if topic in (REPLY, HQ_STATE, *TO_AGENT, *NOTICES) else "agent"


def _channel(topic: Topic) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", topic.template)
    channel: dict[str, Any] = {
        "address": f"{DEFAULT_ROOT}/{topic.template}",
        "messages": {_key(topic): {"$ref": f"#/components/messages/{_key(topic)}"}},
        "x-written-by": _writer(topic),
    }
    if names:
        channel["parameters"] = {
            name: {"description": f"{_PATTERNS[name][0]} Pattern: {_PATTERNS[name][1]}"} for name in names
        }
    return channel


def _receive(topic: Topic) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{_key(topic)}"},
        "bindings": {"mqtt": {"qos": 0, "retain": topic.retained}},
    }


def _message(topic: Topic, payload: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "string"}
    signed = {
        "signer": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of the public key.",
        },
        "signature": {
            "type": "string",
            "description": "Ed25519 over DSSE's PAE of `type` and the bytes of `data`, in base64.",
        },
    }
    return {
        "name": topic.type,
        "contentType": CONTENT_TYPE,
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "data", *(signed if topic.signed else ())],
            "properties": {
                "specversion": {"const": SPEC_VERSION},
                "id": {"type": "string", "minLength": 1, "maxLength": 128},
                "source": text,
                "type": {"const": topic.type},
                "subject": text,
                "time": {"type": "string", "format": "date-time"},
                "traceparent": text,
                "datacontenttype": text,
                **(signed if topic.signed else {}),
                "data": payload,
            },
        },
    }


def build_documents() -> dict[str, str]:
    """Return the text of every generated document by its path below `docs/`."""
    documents = {"asyncapi.json": build_asyncapi()}
    documents |= {f"schemas/{name}.json": schema for name, schema in build_schemas().items()}
    return {
        path: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for path, document in documents.items()
    }


def main(docs: Path) -> None:
    """Write every generated document below `docs`."""
    for path, text in build_documents().items():
        file = docs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    print(f"{len(build_documents())} documents in {docs}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
