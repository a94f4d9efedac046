// SPDX-License-Identifier: Apache-2.0
//
// The bodies of NOTIFYs that the field sends, over the wire (protocol.md, 4).
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::Contains;

constexpr char kSipfrag[] = "message/sipfrag;version=2.0";

struct Body {
  std::string id;
  std::string body;
  std::string content_type;
  int status;
  std::string phrase;
  // Without SIPFRAG_; empty for a body that is as it should be.
  std::string warning;
};

void PrintTo(const Body& body, std::ostream* out) { *out << body.id; }

class SipfragWireTest : public ServerTest<SipfragWireTest>,
                        public ::testing::WithParamInterface<Body> {
 protected:
  // The transfer of a call that stays, so that one will do for many.
  static TransferStream Accepted(AnsweredCall& call) {
    return call.AcceptedRefer([](v1::ReferRequest& request) {
      request.mutable_leg_policy()->set_on_success(v1::LEG_ACTION_KEEP);
    });
  }

  static void Notify(AnsweredCall& call, const Body& body,
                     std::string_view state) {
    SipMessage notify = call.peer.NewNotify("", state);
    notify.SetBody(body.content_type, body.body);
    EXPECT_THAT(call.peer.AwaitAnswer(call.peer.SendRequest(notify)),
                Answered(200));
  }
};

TEST_P(SipfragWireTest, TellsItsStatus) {
  Shows({"66", "68"});
  const Body& body = GetParam();
  AnsweredCall call(server());
  TransferStream stream = Accepted(call);
  Notify(call, body, "active");
  std::vector<v1::ReferEvent> events;
  do {
    events.push_back(stream.Next());
  } while (!events.back().has_transfer_status());
  EXPECT_THAT(events.back(), Status(body.status));
  EXPECT_EQ(events.back().transfer_status().reason(), body.phrase);
  if (body.warning.empty()) {
    EXPECT_EQ(events.size(), 1u) << events[0].ShortDebugString();
  } else {
    EXPECT_THAT(events, Contains(Warned(Cat("SIPFRAG_", body.warning))));
  }
  call.ExpectHangsUp();
  stream.RestUntilResult();
}

INSTANTIATE_TEST_SUITE_P(
    Readable, SipfragWireTest,
    ::testing::Values(
        Body{"SF04", "SIP/2.0 603 Declined\r\n", kSipfrag, 603, "Declined", ""},
        Body{"SF07", "SIP/2.0 182 Queued, position 4\r\n", kSipfrag, 182,
             "Queued, position 4", ""},
        Body{"SF09", "SIP/2.0 202 Accepted\r\n", kSipfrag, 202, "Accepted", ""},
        Body{"SF10",
             "SIP/2.0 302 Moved Temporarily\r\nContact: <sip:x@192.0.2.9>\r\n",
             kSipfrag, 302, "Moved Temporarily", ""},
        Body{"SF12", "SIP/2.0 487 Request Terminated\r\n", kSipfrag, 487,
             "Request Terminated", ""},
        Body{"SF13", "SIP/2.0 408 Request Timeout\r\n", kSipfrag, 408,
             "Request Timeout", ""},
        Body{"SF15", "SIP/2.0 607 Unwanted\r\n", kSipfrag, 607, "Unwanted", ""},
        Body{"SF17", "SIP/2.0 499 Vendor Thing\r\n", kSipfrag, 499,
             "Vendor Thing", ""},
        Body{"SF19", "SIP/2.0 200 \r\n", kSipfrag, 200, "", ""},
        Body{"SF22",
             "SIP/2.0 200 OK\r\nContact: <sip:carol@192.0.2.4>\r\n"
             "Call-ID: 7@x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
             kSipfrag, 200, "OK", ""},
        Body{"SF26", "SIP/2.0 100 Trying\r\nSIP/2.0 200 OK\r\n", kSipfrag, 100,
             "Trying", ""},
        Body{"SF27", "SIP/2.0 200 OK\r\n", "message/sipfrag", 200, "OK", ""},
        Body{"SF28", "SIP/2.0 200 OK\r\n",
             "Message/SipFrag; Version=\"2.0\"; charset=UTF-8", 200, "OK", ""},
        Body{"SF29", "SIP/2.0 200 OK", kSipfrag, 200, "OK", "NO_EOL"},
        Body{"SF32", "SIP/2.0 200", kSipfrag, 200, "", "NO_REASON_SP"},
        Body{"SF33", "SIP/2.0 486\r\n", kSipfrag, 486, "", "NO_REASON_SP"},
        Body{"SF34", "\r\nSIP/2.0 200 OK\r\n", kSipfrag, 200, "OK",
             "LEADING_WS"},
        Body{"SF36", "sip/2.0 200 ok\r\n", kSipfrag, 200, "ok", "VERSION_CASE"},
        Body{"SF40", "SIP/2.0 480 Nicht verf\xfcgbar\r\n", kSipfrag, 480,
             "Nicht verf\xEF\xBF\xBDgbar", ""},
        Body{"SF43", "SIP/2.0 200 OK\r\n", "", 200, "OK", "NO_CONTENT_TYPE"},
        Body{"SF48", "SIP/2.0 200\r\n OK\r\n", kSipfrag, 200, "",
             "NO_REASON_SP"}),
    [](const auto& test) { return test.param.id; });

class SipfragErrorTest : public SipfragWireTest {};

TEST_P(SipfragErrorTest, ChangesNothing) {
  Shows({"67", "F11"});
  AnsweredCall call(server());
  TransferStream stream = Accepted(call);
  Notify(call, GetParam(), "active");
  v1::ReferEvent event = stream.Next();
  // What is odd about its type may be told as well.
  if (event.warning().code() != "NOTIFY_UNPARSED") event = stream.Next();
  EXPECT_THAT(event, Warned("NOTIFY_UNPARSED"));
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  EXPECT_THAT(stream.Next(), Status(200));
  EXPECT_EQ(stream.Result().outcome(), v1::TRANSFER_OUTCOME_TRANSFERRED);
  call.ExpectHangsUp();
}

Body Broken(const std::string& id, const std::string& body) {
  return {id, body, kSipfrag, 0, "", ""};
}

INSTANTIATE_TEST_SUITE_P(
    Broken, SipfragErrorTest,
    ::testing::Values(
        Broken("SF49", ""), Broken("SF51", "200 OK\r\n"),
        Broken("SF53", "SIP/2.0\r\n"), Broken("SF55", "SIP/2.0 OK\r\n"),
        Broken("SF57", "SIP/2.0 20 OK\r\n"),
        Broken("SF58", "SIP/2.0 2000 OK\r\n"),
        Broken("SF60", "SIP/2.0 000 Zero\r\n"),
        Broken("SF61", "SIP/2.0 700 High\r\n"),
        Broken("SF63", "SIP/2.0 -200 OK\r\n"),
        Broken("SF66", "SIP/2.0 200OK\r\n"),
        Broken("SF67", "SIP/2.0 2 0 0 OK\r\n"),
        Broken("SF69", "SIP/1.0 200 OK\r\n"),
        Broken("SF73", "HTTP/1.1 200 OK\r\n"),
        Broken("SF74", "\"SIP/2.0 200 OK\"\r\n"),
        Broken("SF76", "INVITE sip:alice@example.com SIP/2.0\r\n"),
        Broken("SF78", "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"),
        Body{"SF87", "call connected\r\n", "text/plain", 0, "", ""}),
    [](const auto& test) { return test.param.id; });

}  // namespace
}  // namespace callcontrol::testing
