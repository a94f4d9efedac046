#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Webhooks, as a receiver sees them: the real server, real HTTP."""

import importlib.util
import json
import pathlib
import re
import threading
import time
import unittest

import stage
from hooks_stage import HooksTest, statuses_of
from receivers import Certificate, Receiver, Silent, closed_port

# The `sip:refer` page's own example.
PAGE = json.loads((pathlib.Path(__file__).parent / "page.json").read_text())
KEY = "first-key-of-16-bytes"
OLD_KEY = "second-key-of-16-bytes"


def python_client():
    """clients/python/webhook.py as a module."""
    path = stage.ROOT / "clients/python/webhook.py"
    spec = importlib.util.spec_from_file_location("webhook", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class WhatIsSentTest(HooksTest):
    def test_the_page_s_example_pasted_into_grpcurl(self):
        receiver = self.enterContext(Receiver())
        server = self.start(f'base_url: "{receiver.url()}"', loopback=False)
        events = self.refer(server, **PAGE)

        (hook,) = receiver.take(1)
        last = events[-1]
        self.assertEqual(hook.path, "/action")
        self.assertEqual(hook.headers["Content-Type"], "application/json")
        self.assertEqual(
            hook.json,
            {
                "referStatus": 202,
                "final_referred_call_status": 200,
                "verdict": "SUCCESS",
                "outcome": "TRANSFERRED",
                "transfer_id": last["transferId"],
                "call_id": last["callId"],
                "sip_call_id": events[0]["referSent"]["sipCallId"],
                "sequence": int(last["sequence"]),
            },
        )
        self.await_none(server)
        self.assertEqual(receiver.untaken, [])

    def test_every_notify_is_told_in_order_with_the_keys_of_the_page(self):
        receiver = self.enterContext(Receiver())
        server = self.start()
        events = self.refer(
            server, eventHook=receiver.url("/events"), actionHook=receiver.url("/end")
        )
        hooks = receiver.take(4)
        self.assertEqual(statuses_of(hooks), ["100", "180", "200", "action"])
        self.assertEqual(
            hooks[1].json,
            {
                "event": "transfer-status",
                "call_status": "180",
                "transfer_id": events[0]["transferId"],
                "call_id": events[0]["callId"],
                "sip_call_id": events[0]["referSent"]["sipCallId"],
                "sequence": 4,
            },
        )
        self.assertEqual([h.path for h in hooks], 3 * ["/events"] + ["/end"])
        # One connection for the lot.
        self.assertEqual(len({h.connection for h in hooks[:3]}), 1)

    def test_a_status_that_was_never_reported_is_left_out(self):
        receiver = self.enterContext(Receiver())
        server = self.start()
        call_id = "nobody-answers@far"
        with stage.FarEnd(server, "caller_srvbye.xml", call_id, ring=5000):
            call = server.await_call(call_id)
            watcher = threading.Thread(
                target=self.grpcurl,
                args=(
                    server,
                    "Refer",
                    {
                        "callId": call,
                        "referTo": "1000",
                        "actionHook": receiver.url("/a"),
                        "eventHook": receiver.url("/e"),
                    },
                ),
            )
            watcher.start()
            # It rings: now this side hangs up.
            self.assertEqual(statuses_of(receiver.take(2)), ["100", "180"])
            self.callctl(server, "hangup", call)
            (hook,) = receiver.take(1)
            watcher.join()
        self.assertEqual(hook.json["outcome"], "LOCAL_HANGUP")
        self.assertEqual(hook.json["verdict"], "UNKNOWN")
        self.assertEqual(hook.json["referStatus"], 202)
        self.assertNotIn("final_referred_call_status", hook.json)

    def test_a_failure_is_told_as_well(self):
        receiver = self.enterContext(Receiver())
        server = self.start()
        self.refer(server, "caller_busy.xml", actionHook=receiver.url("/a"))
        (hook,) = receiver.take(1)
        self.assertEqual(hook.json["final_referred_call_status"], 486)
        self.assertEqual(hook.json["verdict"], "FAILURE")
        self.assertEqual(hook.json["outcome"], "TARGET_FAILED")

    def test_the_signature_is_by_each_key_and_the_client_verifies_it(self):
        receiver = self.enterContext(Receiver())
        server = self.start(
            f'signing_keys {{ text: "{KEY}" }} signing_keys {{ text: "{OLD_KEY}" }}'
        )
        self.refer(server, actionHook=receiver.url("/a"))
        (hook,) = receiver.take(1)
        header = hook.headers["X-Callcontrol-Signature"]
        self.assertRegex(header, r"^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$")
        verify = python_client().verify
        for keys in ([KEY], [OLD_KEY], ["another-key-of-some-bytes", KEY]):
            keys = [key.encode() for key in keys]
            self.assertTrue(verify(keys, header, hook.body))
        good = [KEY.encode()]
        self.assertFalse(verify([b"another-key-of-some-bytes"], header, hook.body))
        self.assertFalse(verify(good, header, hook.body + b" "))
        self.assertFalse(verify(good, header, hook.body, time.time() + 301))
        self.assertFalse(verify(good, header.replace("t=", "t=1"), hook.body))
        for broken in ("", "t=,v1=", "v1=" + 64 * "0", "t=\u0661,v1=\u0661"):
            self.assertFalse(verify(good, broken, hook.body))

    def test_each_delivery_carries_its_id_attempt_and_trace(self):
        receiver = self.enterContext(Receiver())
        server = self.start()
        trace = "0af7651916cd43dd8448eb211c80319c"
        events = self.refer(
            server,
            metadata=[f"traceparent: 00-{trace}-b7ad6b7169203331-01"],
            eventHook=receiver.url("/e"),
        )
        hooks = receiver.take(3)
        transfer = events[0]["transferId"]
        self.assertEqual(
            [h.delivery for h in hooks],
            [f"h{transfer[1:]}-{sequence}" for sequence in (3, 4, 5)],
        )
        self.assertEqual([h.attempt for h in hooks], [1, 1, 1])
        spans = set()
        for hook in hooks:
            parent = hook.headers["traceparent"]
            self.assertRegex(parent, rf"^00-{trace}-[0-9a-f]{{16}}-01$")
            spans.add(parent)
        self.assertEqual(len(spans), 3)

        # A trace that is none is left out, and each transfer gets one.
        self.refer(
            server, metadata=["traceparent: 00-xyz"], actionHook=receiver.url("/a")
        )
        (hook,) = receiver.take(1)
        self.assertRegex(
            hook.headers["traceparent"], r"^00-[0-9a-f]{32}-[0-9a-f]{16}-00$"
        )

    def test_credentials_of_the_url_or_a_token_of_the_configuration(self):
        receiver = self.enterContext(Receiver())
        server = self.start(
            f'base_url: "{receiver.url()}" bearer_token {{ text: "secret-token" }}'
            ' bearer_hosts: "127.0.0.1" bearer_hosts: "127.0.0.2"'
        )
        self.refer(server, actionHook=receiver.url("/a"))
        (hook,) = receiver.take(1)
        self.assertEqual(hook.headers["Authorization"], "Bearer secret-token")
        self.refer(server, actionHook=receiver.url("/a", user="me:open%20sesame@"))
        (hook,) = receiver.take(1)
        self.assertEqual(hook.headers["Authorization"], "Basic bWU6b3BlbiBzZXNhbWU=")
        # Nobody gets the token in clear text but the base itself.
        other = self.enterContext(Receiver(address="127.0.0.2"))
        self.refer(server, actionHook=other.url("/a", host="127.0.0.2"))
        (hook,) = other.take(1)
        self.assertNotIn("Authorization", hook.headers)
        for line in server.log:
            self.assertNotRegex(line, "secret-token|sesame")


class WhoMayBeCalledTest(HooksTest):
    def refused(self, server, reason, **hook):
        request = {"callId": "c-any-1", "referTo": "1000", **hook}
        result = self.grpcurl(server, "Refer", request)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("Code: InvalidArgument", result.stderr)
        self.assertIn(f'"reason": "{reason}"', result.stderr)
        self.assertEqual(result.stdout, "")

    def test_a_relative_hook_needs_a_base(self):
        server = self.start()
        self.refused(server, "NO_BASE_URL", actionHook="/action")
        self.refused(server, "NO_BASE_URL", eventHook="events")

    def test_what_is_no_web_url_is_refused(self):
        server = self.start()
        for url in ("ftp://h/", "file:///etc/passwd", "http://", "gopher://h:70/",
                    "http://h/\r\nX: y", "http://a b/", "http://h\\@i/",
                    "http://h/" + 3000 * "x"):  # fmt: skip
            with self.subTest(url=url):
                self.refused(server, "BAD_HOOK_URL", actionHook=url)

    def test_addresses_of_this_side_are_refused_before_anything_is_sent(self):
        server = self.start(loopback=False)
        for host in ("127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "[::1]",
                     "2130706433", "0x7f.1", "127.1", "0", "10.1.2.3",
                     "192.168.0.1", "172.31.0.9", "169.254.169.254", "100.64.0.1",
                     "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]",
                     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "255.255.255.255",
                     "user:pw@127.0.0.1"):  # fmt: skip
            with self.subTest(host=host):
                self.refused(server, "HOOK_REFUSED", actionHook=f"http://{host}:80/")

    def test_only_the_hosts_listed_where_there_is_a_list(self):
        server = self.start('allowed_hosts: "*.app.example" allowed_hosts: "b.example"')
        for host in ("evil.example", "app.example", "xapp.example", "b.example.com"):
            with self.subTest(host=host):
                self.refused(server, "HOOK_REFUSED", actionHook=f"https://{host}/")
        # These are found to be no call of this server, so their URL was good.
        for host in ("a.app.example", "a.b.app.example", "B.example"):
            request = {"callId": "c-any-1", "referTo": "1000"}
            request["actionHook"] = f"https://{host}/"
            result = self.grpcurl(server, "Refer", request)
            self.assertIn("Code: NotFound", result.stderr)

    def test_a_name_that_leads_to_loopback_gets_nowhere(self):
        hosts = pathlib.Path(self.enterContext(stage.Folder())) / "hosts"
        hosts.write_text("127.0.0.1 innocent.example\n")
        receiver = self.enterContext(Receiver())
        server = self.start(
            loopback=False,
            wrapper=(
                *stage.MOUNTED,
                'mount --bind "$0" /etc/hosts || exit; exec "$@"',
                hosts,
            ),
        )
        self.refer(server, actionHook=receiver.url("/a", host="innocent.example"))
        (dead,) = self.await_dead(server)
        self.assertIn("127.0.0.1", dead["lastError"])
        self.assertIn("allowed_networks", dead["lastError"])
        self.assertEqual(dead["attempts"], 1)
        self.assertEqual(receiver.untaken, [])

    def test_redirects_are_not_followed(self):
        secret = self.enterContext(Receiver())
        receiver = self.enterContext(
            Receiver(lambda hook: (307, {"Location": secret.url("/secret")}))
        )
        server = self.start()
        self.refer(server, actionHook=receiver.url("/a"))
        (dead,) = self.await_dead(server)
        self.assertEqual(dead["lastStatus"], 307)
        self.assertEqual(len(receiver.take(1)), 1)
        self.assertEqual(receiver.untaken + secret.untaken, [])

    def test_a_proxy_of_the_environment_is_not_used(self):
        proxy = self.enterContext(Receiver())
        receiver = self.enterContext(Receiver())
        server = self.start(environment={"http_proxy": proxy.url()})
        self.refer(server, actionHook=receiver.url("/a"))
        receiver.take(1)
        self.assertEqual(proxy.untaken, [])


class ReceiversTest(HooksTest):
    def test_one_that_fails_and_recovers_gets_the_same_delivery_again(self):
        answers = iter([503, 500, 408, 200])
        receiver = self.enterContext(Receiver(lambda hook: next(answers)))
        server = self.start()
        self.refer(server, actionHook=receiver.url("/a"))
        hooks = receiver.take(4)
        self.assertEqual([h.attempt for h in hooks], [1, 2, 3, 4])
        self.assertEqual(len({h.delivery for h in hooks}), 1)
        self.assertEqual(len({h.body for h in hooks}), 1)
        self.await_none(server)
        self.assertEqual(receiver.untaken, [])

    def test_one_that_asks_for_time_gets_it(self):
        answers = iter([(429, {"Retry-After": "1"}), 200])
        receiver = self.enterContext(Receiver(lambda hook: next(answers)))
        server = self.start(
            fast="first_retry { nanos: 10000000 } longest_retry { seconds: 9 }"
        )
        self.refer(server, actionHook=receiver.url("/a"))
        first, second = receiver.take(2)
        self.assertGreaterEqual(second.time - first.time, 0.99)
        self.assertLess(second.time - first.time, 5)

    def test_one_that_closes_without_an_answer_is_tried_again(self):
        answers = iter([None, None, 200])
        receiver = self.enterContext(Receiver(lambda hook: next(answers)))
        server = self.start()
        self.refer(server, actionHook=receiver.url("/a"))
        self.assertEqual([h.attempt for h in receiver.take(3)], [1, 2, 3])
        self.await_none(server)

    def test_one_that_refuses_gets_it_once(self):
        receiver = self.enterContext(Receiver(lambda hook: 404))
        server = self.start()
        self.refer(server, actionHook=receiver.url("/a", user="me:pw@"))
        (dead,) = self.await_dead(server)
        self.assertEqual(dead["lastStatus"], 404)
        self.assertEqual(dead["url"], receiver.url("/a"))
        self.assertEqual(dead["kind"], "HOOK_KIND_ACTION")
        self.assertEqual(len(receiver.take(1)), 1)
        self.assertEqual(receiver.untaken, [])

    def test_one_that_never_answers_ends_as_a_dead_letter_that_can_be_revived(self):
        silent = self.enterContext(Silent())
        server = self.start(
            'max_attempts: 2 allowed_hosts: "127.0.0.1"',
            fast="attempt_limit { nanos: 200000000 } first_retry { nanos: 50000000 }",
        )
        self.refer(server, actionHook=silent.url("/a"))
        (dead,) = self.await_dead(server)
        self.assertEqual(dead["attempts"], 2)
        self.assertIn("imed out", dead["lastError"])
        table = self.callctl(server, "hooks").stdout
        self.assertRegex(table, rf"(?m)^{dead['deliveryId']}\s+ACTION\s+DEAD\s+2\b")
        delivery = dead["deliveryId"]
        revived = self.callctl(server, "hooks", "retry", delivery).stdout
        self.assertIn(delivery, revived)
        self.await_dead(server)

        gone = self.callctl(server, "hooks", "retry", "h-nobody-1", code=1)
        self.assertIn("h-nobody-1", gone.stderr)
        filtered = self.listed(server, "--filter=state = PENDING")
        self.assertEqual(filtered, [])

    def test_a_dead_letter_that_is_sent_again_arrives(self):
        answers = iter([400, 200])
        receiver = self.enterContext(Receiver(lambda hook: next(answers)))
        server = self.start()
        self.refer(server, actionHook=receiver.url("/a"))
        (dead,) = self.await_dead(server)
        receiver.take(1)
        self.callctl(server, "hooks", "retry", dead["deliveryId"])
        (hook,) = receiver.take(1)
        self.assertEqual((hook.delivery, hook.attempt), (dead["deliveryId"], 1))
        self.await_none(server)

    def test_one_that_answers_without_end_is_not_listened_to(self):
        receiver = self.enterContext(Receiver(lambda hook: (200, {}, bytes(20 << 20))))
        server = self.start()
        self.refer(server, actionHook=receiver.url("/a"))
        receiver.take(1)
        self.await_none(server)
        self.assertEqual(receiver.untaken, [])

    def test_one_with_a_wrong_certificate_learns_nothing(self):
        folder = pathlib.Path(self.enterContext(stage.Folder()))
        good = Certificate(folder, "IP:127.0.0.1")
        wrong_name = Certificate(folder, "DNS:other.example")
        unknown = Certificate(folder, "IP:127.0.0.2")
        both = folder / "both.crt"
        both.write_bytes(
            good.certificate.read_bytes() + wrong_name.certificate.read_bytes()
        )
        server = self.start(f'ca_file: "{both}" max_attempts: 1')
        for count, tls in enumerate((wrong_name, unknown), 1):
            with Receiver(tls=tls) as receiver:
                self.refer(server, actionHook=receiver.url("/a"))
                newest, *_ = self.await_dead(server, count)
                self.assertRegex(newest["lastError"], "(?i)certificate|SSL")
                self.assertEqual(receiver.untaken, [])
        with Receiver(tls=good) as receiver:
            self.refer(server, actionHook=receiver.url("/a"))
            receiver.take(1)

    def test_one_that_offers_http_2_is_spoken_to_in_it(self):
        folder = pathlib.Path(self.enterContext(stage.Folder()))
        tls = Certificate(folder, "IP:127.0.0.1")
        (folder / "e").touch()
        (folder / "a").touch()
        port = closed_port()
        command = ["nghttpd", "--verbose", "--address=127.0.0.1", f"-d{folder}"]
        command += [str(port), tls.key, tls.certificate]
        with stage.Talker(command, {}) as receiver:
            receiver.await_line("listen 127.0.0.1")
            server = self.start(f'ca_file: "{tls.certificate}"')
            url = f"https://127.0.0.1:{port}"
            self.refer(server, eventHook=f"{url}/e", actionHook=f"{url}/a")
            receiver.await_line(":path: /a")
            self.await_none(server)
            posts = [x for x in receiver.lines if ":method: POST" in x]
            # Frames of one connection, "[id=1]", which was kept.
            streams = {re.search(r"stream_id=(\d+)", x).group(1) for x in posts}
        self.assertEqual(len(posts), 4)
        self.assertEqual(streams, {"1", "3", "5", "7"})

    def test_a_slow_one_delays_neither_the_stream_nor_other_hooks(self):
        release = threading.Event()
        self.addCleanup(release.set)
        slow = self.enterContext(
            Receiver(lambda hook: 200 if release.wait(stage.PATIENCE) else 500)
        )
        quick = self.enterContext(Receiver())
        server = self.start(
            "action_wait { nanos: 400000000 }", fast="attempt_limit { seconds: 20 }"
        )
        began = time.monotonic()
        self.refer(server, eventHook=slow.url("/e"), actionHook=quick.url("/a"))
        # The stream has ended, though not even the first event arrived.
        self.assertEqual(statuses_of(slow.take(1)), ["100"])
        (action,) = quick.take(1)
        self.assertGreaterEqual(action.time - began, 0.4)
        self.assertEqual(slow.untaken, [])
        self.refer(server, eventHook=quick.url("/e"))
        self.assertEqual(statuses_of(quick.take(3)), ["100", "180", "200"])
        release.set()
        self.assertEqual(statuses_of(slow.take(2)), ["180", "200"])
        self.await_none(server)

    def test_events_wait_for_the_one_before_and_stay_in_order(self):
        failures = iter([500, 500, 500])
        receiver = self.enterContext(Receiver(lambda hook: next(failures, 200)))
        server = self.start()
        self.refer(server, eventHook=receiver.url("/e"), actionHook=receiver.url("/a"))
        self.assertEqual(
            statuses_of(receiver.take(7)), 4 * ["100"] + ["180", "200", "action"]
        )


class ClientsTest(HooksTest):
    def test_the_python_receiver_takes_what_is_signed(self):
        server = self.start(f'signing_keys {{ text: "{KEY}" }}')
        command = [
            stage.tool("python/bin/python"),
            stage.ROOT / "clients/python/webhook.py",
            "0",
        ]
        for keys, arrives in ((KEY, True), ("quite-another-key-here", False)):
            with self.subTest(arrives=arrives), stage.Talker(
                command, {"CALLCONTROL_HOOK_KEYS": keys}
            ) as webhook:
                port = webhook.await_line(r"listening on port (\d+)")
                url = f"http://127.0.0.1:{port}"
                self.refer(server, eventHook=f"{url}/e", actionHook=f"{url}/a")
                if arrives:
                    webhook.await_line(r"^t-\S+ 3: 100$")
                    webhook.await_line(r"6: SUCCESS TRANSFERRED, REFER 202, target 200$")
                    self.await_none(server)
                else:
                    for dead in self.await_dead(server, 4):
                        self.assertEqual(dead["lastStatus"], 401)

    def test_callctl_listens(self):
        server = self.start(f'signing_keys {{ text: "{KEY}" }}')
        command = [stage.CALLCTL, "hooks", "listen", "0"]
        with stage.Talker(command, {"CALLCTL_HOOK_KEY": KEY}) as listener:
            port = listener.await_line(r"listening on http://127\.0\.0\.1:(\d+)")
            url = f"http://127.0.0.1:{port}"
            self.refer(server, eventHook=f"{url}/e", actionHook=f"{url}/a")
            listener.await_line(r"POST /e\b.*\battempt 1\b.*\bsignature good")
            listener.await_line(r'"call_status":"180"')
            listener.await_line(r"POST /a\b")
            listener.await_line(r'"verdict":"SUCCESS"')
        self.await_none(server)


if __name__ == "__main__":
    unittest.main(verbosity=2)
