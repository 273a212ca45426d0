"""A small agent: plain paho and cryptography, one slot, Linux. It passes `idlehands conformance`.

    python agent.py --broker HOST:PORT --certificate DIR --home DIR

What it leaves out, and which parts are long and why: docs/conformance.md.
"""

import argparse
import base64
import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import signal
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

parser = argparse.ArgumentParser()
for name in ("broker", "certificate", "home"):
    parser.add_argument(f"--{name}", required=True)
options = parser.parse_args()
folder, home = Path(options.certificate), Path(options.home)
subject = load_pem_x509_certificate((folder / "cert.pem").read_bytes()).subject
me = subject.rfc4514_string().removeprefix("CN=")
trust = json.loads((folder / "trust.json").read_text())
key = load_pem_private_key((folder / "sign.key").read_bytes(), None)


def clock():  # of leases and claims: it goes on while the machine sleeps
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def keep(name, content):  # whole and on the disk, or not at all
    with (home / "new").open("w") as file:
        file.write(json.dumps(content))
        file.flush()
        os.fsync(file.fileno())
    (home / "new").rename(home / name)


def key_id(public):
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()


def encode(kind, body):
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body)


def check(trusted, signer, kind, body, signature):  # raises unless one of the trusted has signed it
    public = {key_id(one): one for one in trusted}[signer]
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(
        base64.b64decode(signature), encode(kind, body)
    )


def say(what, data, topic="up/", retain=False):
    envelope = {"specversion": "1.0", "id": secrets.token_hex(8), "source": me, "type": f"idlehands.{what}"}
    body = json.dumps({"boot": boot, **data}).encode()
    if what == "result":
        envelope["signer"] = key_id(key.public_key().public_bytes_raw().hex())
        envelope["signature"] = base64.b64encode(key.sign(encode(envelope["type"], body))).decode()
    payload = json.dumps(envelope)[:-1].encode() + b', "data": ' + body + b"}"
    client.publish(f"idlehands/v1/agent/{me}/{topic}{what}", payload, retain=retain)


def decline(job, token, why, **more):
    say("decline", {"declines": [{"job": job, "token": token, "why": why, **more}]})


def hear(_client, _userdata, message):
    global epoch, rest, due, answered
    what, text = message.topic.split("/")[-1], message.payload.decode()
    envelope = json.loads(text)
    start = re.search(r'"data"\s*:\s*', text).end()
    raw = text[start : json.JSONDecoder().raw_decode(text, start)[1]]
    if what == "grant":
        check(trust["hq"], envelope["signer"], "idlehands.grant", raw.encode(), envelope["signature"])
    data = json.loads(raw)  # what was verified is what is read
    if data["epoch"] < epoch or data.get("online") is False:
        return
    if data["epoch"] > epoch:
        epoch, due, answered = data["epoch"], 0, False
    rest = data.get("rest", rest)
    for offer in data.get("offers", ()):
        hear_offer(offer["job"], offer["token"])
    for denial in data.get("denials", ()):
        claims.pop((denial["job"], denial["token"]), None)
    for grant in data.get("grants", ()):
        hear_grant(grant)
    if what == "ack" and data["boot"] == boot:
        hear_ack(data)


def hear_offer(job, token):
    if run or claims:
        decline(job, token, "the slot is taken")
    elif (job, token) not in begun:
        nonce = secrets.token_hex(16)
        claims[job, token] = nonce, clock()
        say("claim", {"claims": [{"job": job, "token": token, "nonce": nonce}]})


def hear_grant(grant):
    attempt = grant["job"], grant["token"]
    if (grant["agent"], grant["boot"]) != (me, boot) or attempt in begun:
        return
    nonce, claimed_at = claims.get(attempt, ("", 0))
    if nonce != grant["nonce"]:
        decline(*attempt, "it was not claimed, or too long ago")
        return
    del claims[attempt]
    try:
        judge(grant["spec"])
    except Exception as error:
        decline(*attempt, f"its script is not trusted here: {error!r}", unwilling=True)
        return
    begin(attempt, grant["spec"], claimed_at + 30)


def judge(spec):  # raises unless the owner's rules let it run
    script, word = spec["script"], spec["script"]["signature"]
    kind = "application/vnd.idlehands.script+json"
    authors = [author["key"] for author in trust["authors"]]
    check(authors, word["key"], kind, word["statement"].encode(), word["signature"])
    said = json.loads(word["statement"])
    if (said["bundle"], said["entry"]) != (script["bundle"], script["entry"]):
        raise ValueError("its author signed another script")
    if said.get("arguments") is not None or spec.get("secrets"):
        raise ValueError("this agent looks at no arguments and opens no secrets")
    denied = {script["bundle"], word["key"]} & {*trust["denied"], *map(key_id, trust["denied"])}
    if denied or (trust["scripts"] == "listed" and script["bundle"] not in trust["allowed"]):
        raise ValueError("its owner does not allow it")


def words(spec):
    def text(value):
        return value if isinstance(value, str) else json.dumps(value)

    yield from spec.get("argv", ())
    style = spec.get("arguments", "flags")
    for name, value in spec.get("params", {}).items() if style != "stdin" else ():
        if style == "flags" and (value is None or value is False):
            continue
        if style == "flags":
            yield f"--{name.replace('_', '-')}"
        if style != "flags" or value is not True:
            yield from map(text, value if isinstance(value, list) else [value])


def begin(attempt, spec, lease):
    global run, due
    begun.add(attempt)
    try:
        sha256 = spec["script"]["bundle"]
        bearer = {"Authorization": f"Bearer {(folder / 'token').read_text().strip()}"}
        with urlopen(Request(f"{rest}/api/v1/blobs/{sha256}", headers=bearer), timeout=5) as answer:
            bundle = answer.read()
        if hashlib.sha256(bundle).hexdigest() != sha256:
            raise ValueError("the bundle is another one than its author signed")
        place = tempfile.TemporaryDirectory(dir=home)
        with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
            archive.extractall(place.name, filter="data")
        streams = {name: open(f"{place.name}/.{name}", "w+b") for name in ("stdin", "stdout", "stderr")}
        if spec.get("arguments") == "stdin":
            streams["stdin"].write(json.dumps(spec["params"]).encode())
            streams["stdin"].seek(0)
        command = [sys.executable, spec["script"]["entry"], *words(spec)]
        process = subprocess.Popen(command, cwd=place.name, start_new_session=True, **streams)
    except Exception as error:
        finish(attempt, {"outcome": "failed", "failure": {"kind": "cannot_start", "message": repr(error)}})
        return
    run = {"attempt": attempt, "process": process, "lease": lease, "spec": spec, "place": place, **streams}
    due = 0


def kill():
    global run, due
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run["process"].pid, signal.SIGKILL)
    run["process"].wait()
    run, due = None, 0


def finish(attempt, result):
    global due
    name = f"result-{attempt[0]}-{attempt[1]}"
    keep(name, {"job": attempt[0], "token": attempt[1], **result})
    spool[attempt] = {"file": home / name, "due": 0, "wait": 1}
    due = 0


def look_after_the_script():
    global run
    if run["spec"].get("exclusive") and clock() > run["lease"]:
        attempt = run["attempt"]
        kill()
        decline(*attempt, "its lease ended", interrupted=True)
    elif (code := run["process"].poll()) is not None:
        run["stdout"].seek(0)
        printed, said = None, run["stdout"].read()
        for line in reversed(said.splitlines()):
            with contextlib.suppress(ValueError):
                printed = json.loads(line) if line.startswith(b"{") else None
            if printed is not None:
                break
        result = {
            "outcome": "failed" if code else "succeeded",
            "exit_code": code if code >= 0 else 128 - code,
        }
        if len(json.dumps(printed)) > 180 * 1024:
            result |= {"outcome": "failed", "failure": {"kind": "result_too_big", "message": "over 180 KiB"}}
        elif code:
            run["stderr"].seek(0)
            end = run["stderr"].read()[-4000:].decode(errors="replace")
            result["failure"] = {"kind": "exit", "message": f"exit code {code}", "traceback": end}
        else:
            result["result"] = printed
        attempt, run = run["attempt"], None
        finish(attempt, result)


def hear_ack(ack):
    global answered, due
    answered = answered or (
        "seq" in ack and not ack.get("refused") and sent.get(ack["seq"], (0, 0))[1] == epoch
    )
    for order in ack.get("orders", ()):
        if run is None or (order["job"], order["token"]) != run["attempt"]:
            continue
        if order["command"] == "stop":
            kill()
        elif "seq" in ack:
            run["lease"] = max(run["lease"], sent[ack["seq"]][0] + 30)
    for settled in ack.get("results", ()):
        if entry := spool.pop((settled["job"], settled["token"]), None):
            entry["file"].unlink()
            due = 0


def beat():
    global seq, due, beat_at
    seq, beat_at = seq + 1, clock()
    due, sent[seq] = beat_at + (9.5 if answered else 1), (beat_at, epoch)
    listed = [(attempt, "spooled") for attempt in spool] + ([(run["attempt"], "running")] if run else [])
    attempts = [{"job": job, "token": token, "phase": phase} for (job, token), phase in listed]
    facts = (
        {} if answered else {"facts": {"cores": os.cpu_count(), "isolation": ["basic"], "system": "Linux"}}
    )
    more = {"instance": instance, "seq": seq, "slots": 1, "free": int(not run), "refused": refused}
    say("heartbeat", {**more, "attempts": attempts, **facts})


def tick():
    if run:
        look_after_the_script()
    for attempt, (_nonce, claimed_at) in list(claims.items()):
        if clock() > claimed_at + 10:
            del claims[attempt]
    for entry in spool.values() if listens else ():
        if clock() > entry["due"]:
            say("result", {"results": [json.loads(entry["file"].read_text())]})
            entry["due"], entry["wait"] = clock() + entry["wait"], min(30, 2 * entry["wait"])
    if listens and clock() > max(due, beat_at + 0.5):
        beat()


def hear_safely(*arguments):
    try:
        hear(*arguments)
    except Exception as error:  # whatever came there: it is not HQ's
        refused[type(error).__name__] = refused.get(type(error).__name__, 0) + 1


def hello(*_):
    client.subscribe([(f"idlehands/v1/agent/{me}/down/+", 0), ("idlehands/v1/hq/state", 0)])


def begin_to_speak(*_):  # not before one can hear the answers
    global due, listens
    say("presence", {"online": True}, topic="", retain=True)
    due, listens = 0, True


last = json.loads((home / "boot").read_text()) if (home / "boot").exists() else 0
boot, instance = max(last + 1, int(time.time())), secrets.token_hex(16)
keep("boot", boot)
claims, begun, sent, refused, run = {}, set(), {}, {}, None
epoch, rest, answered, seq, due, beat_at, listens = 0, "", False, -1, 0, 0, False
spool = {}
for file in home.glob("result-*"):
    _, job, token = file.name.split("-")
    spool[job, int(token)] = {"file": file, "due": 0, "wait": 1}

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
context = ssl.create_default_context(cafile=folder / "ca.pem")
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
client.tls_set_context(context)
will = {"specversion": "1.0", "id": "will", "source": me, "type": "idlehands.presence"}
will["data"] = {"online": False, "boot": boot}
client.will_set(f"idlehands/v1/agent/{me}/presence", json.dumps(will), retain=True)
client.on_connect, client.on_subscribe, client.on_message = hello, begin_to_speak, hear_safely
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # without a goodbye, so that the will is published
host, _, port = options.broker.rpartition(":")
client.connect(host, int(port), keepalive=30)
while True:
    if client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS:
        listens = False
        time.sleep(1)
        with contextlib.suppress(OSError):
            client.reconnect()
    tick()
