# SPDX-License-Identifier: Apache-2.0
"""The far ends of a benchmark, as SIPp scenarios.

    caller.xml      calls in, takes the REFER, reports 100, 180 and 200, is hung up
    late.xml        the same, with a pause of -d ms before the 200
    refusable.xml   the same as caller.xml, and takes 503 for an answer
    silent.xml      calls in and answers no REFER
    held.xml        calls in and stays, for -d ms
    transferor.xml  the other side of caller.xml: SIPp itself as the transferor

The final NOTIFY carries the time that it was sent at, at the end of the reason
phrase: tests/bench/latency.h reads it.
"""

import pathlib

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="{name}">
"""

SDP = """
      v=0
      o=- 53655765 2353687637 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
      m=audio 40000 RTP/AVP 0 101
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=sendrecv"""

# What a request inside the call begins with, by who called: the caller knows
# the dialog from SIPp, the callee keeps it in variables.
CALLER = """{method} [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [routes]
      From: "far" <sip:{user}@[local_ip]:[local_port]>;tag=[pid]f[call_number]
      To: <sip:{callee}@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: {cseq} {method}
      Max-Forwards: 70"""
CALLEE = """{method} [$target] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From:[$local];tag=[pid]f[call_number]
      To:[$remote]
      Call-ID: [call_id]
      CSeq: {cseq} {method}
      Max-Forwards: 70"""
CONTACT = "Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>"


def send(message, retransmitted=True):
    attribute = ' retrans="500"' if retransmitted else ""
    return f"  <send{attribute}>\n    <![CDATA[\n      {message}\n\n    ]]>\n  </send>\n"


def await_request(method):
    return f'  <recv request="{method}"/>\n'


def await_answer(status, more=""):
    return f'  <recv response="{status}"{more}/>\n'


def answer(status, headers="", body=""):
    return send(
        f"""SIP/2.0 {status}
      [last_Via:]
      [last_Record-Route:]
      [last_From:]
      [last_To:]{headers}
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: [len]
{body}""",
        retransmitted=False,
    )


def call_in(user="far", callee="agent", refusal=""):
    """INVITE, its answer, ACK. `refusal`: what else may be its answer."""
    names = {"user": user, "callee": callee}
    invite = CALLER.format(method="INVITE", cseq=1, **names)
    invite = invite.replace("[next_url]", f"sip:{callee}@[remote_ip]:[remote_port]")
    invite = invite.replace("\n      [routes]", "").replace("[peer_tag_param]", "")
    invite += f"""
      {CONTACT.format(user=user)}
      Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REFER, NOTIFY
      Content-Type: application/sdp
      Content-Length: [len]
{SDP}"""
    ack = CALLER.format(method="ACK", cseq=1, **names) + "\n      Content-Length: 0"
    provisional = "".join(
        await_answer(status, ' optional="true"') for status in (100, 180)
    )
    return (
        send(invite)
        + provisional
        + refusal
        + await_answer(200, ' rrs="true"')
        + send(ack, retransmitted=False)
    )


def notify(cseq, status, state):
    head = CALLER.format(method="NOTIFY", cseq=cseq, user="far", callee="agent")
    return send(
        f"""{head}
      {CONTACT.format(user="far")}
      Event: refer
      Subscription-State: {state}
      Content-Type: message/sipfrag;version=2.0
      Content-Length: [len]

      SIP/2.0 {status}"""
    ) + await_answer(200)


def transferee(pause=""):
    """What the far end does from the REFER to the BYE."""
    return (
        await_request("REFER")
        + answer("202 Accepted", "\n      " + CONTACT.format(user="far"))
        + notify(2, "100 Trying", "active;expires=60")
        + notify(3, "180 Ringing", "active;expires=59")
        + pause
        + notify(4, "200 OK [timestamp]", "terminated;reason=noresource")
        + await_request("BYE")
        + answer("200 OK")
    )


def refusable():
    """A far end that is told that there is too much of its kind."""
    ack = CALLER.format(method="ACK", cseq=1, user="far", callee="agent")
    # That of the INVITE (RFC 3261, 17.1.1.3), as SIPp makes it.
    ack = ack.replace("[branch]", "z9hG4bK-[pid]-[call_number]-0")
    ack += "\n      Content-Length: 0"
    ack = ack.replace("[next_url]", "sip:agent@[remote_ip]:[remote_port]")
    return (
        call_in(refusal=await_answer(503, ' optional="true" next="refused"'))
        + transferee()
        + '  <nop next="end"/>\n  <label id="refused"/>\n'
        + send(ack, retransmitted=False)
        + '  <label id="end"/>\n  <nop/>\n'
    )


def transferor():
    """Takes a call, sends REFER, answers the NOTIFYs, hangs up."""

    def request(method, cseq, headers=""):
        head = CALLEE.format(method=method, cseq=cseq)
        contact = CONTACT.format(user="agent")
        return send(f"{head}\n      {contact}{headers}\n      Content-Length: 0")

    def kept(expression, header, variable):
        return (
            f'      <ereg regexp="{expression}" search_in="hdr" header="{header}:" '
            f'check_it="true" assign_to="{variable}"/>\n'
        )

    return (
        '  <recv request="INVITE" rrs="true">\n    <action>\n'
        + kept(".*", "From", "remote")
        + kept(".*", "To", "local")
        + kept("sip:[^&gt;; ]+", "Contact", "target")
        + "    </action>\n  </recv>\n"
        + answer(
            "200 OK",
            f""";tag=[pid]f[call_number]
      {CONTACT.format(user="agent")}
      Content-Type: application/sdp""",
            SDP,
        )
        + await_request("ACK")
        + request(
            "REFER",
            1,
            "\n      Refer-To: <sip:target@127.0.0.1:5099>"
            "\n      Referred-By: <sip:agent@127.0.0.1>",
        )
        + await_answer(202)
        + (await_request("NOTIFY") + answer("200 OK")) * 3
        + request("BYE", 2)
        + await_answer(200)
    )


SCENARIOS = {
    "caller": lambda: call_in() + transferee(),
    "late": lambda: call_in() + transferee("  <pause/>\n"),
    "refusable": refusable,
    "silent": lambda: call_in() + await_request("REFER") + "  <pause/>\n",
    "held": lambda: call_in(user="held", callee="held") + "  <pause/>\n",
    "transferor": transferor,
}


def write(name, folder):
    """Writes one scenario into `folder` and returns its path."""
    path = pathlib.Path(folder) / f"{name}.xml"
    path.write_text(HEAD.format(name=name) + SCENARIOS[name]() + "</scenario>\n")
    return path
