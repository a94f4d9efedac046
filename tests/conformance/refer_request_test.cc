// SPDX-License-Identifier: Apache-2.0
//
// What a client may have in its REFER, on the wire, and what it may not.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ReferRequestTest : public ServerTest<ReferRequestTest> {
 protected:
  static grpc::Status WithHeader(AnsweredCall& call, const std::string& name) {
    return call.ReferRefused("sip:carol@target.example",
                             [&](v1::ReferRequest& request) {
                               (*request.mutable_headers())[name] = "1";
                             });
  }

  static ReferClient::Edit TargetHeader(const std::string& name,
                                        const std::string& value) {
    return [name, value](v1::ReferRequest& request) {
      (*request.mutable_target_headers())[name] = value;
    };
  }

  static std::string UpperCase(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }
};

TEST_F(ReferRequestTest, HeadersThatAReferMustNotHaveAreRefused) {
  Shows({"3"});
  AnsweredCall call(server());
  for (const char* name : {"Alert-Info", "Call-Info", "In-Reply-To",
                           "Min-Expires", "Priority", "Reply-To", "Subject"}) {
    EXPECT_REFUSED(WithHeader(call, name), INVALID_ARGUMENT,
                   "FORBIDDEN_HEADER");
  }
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

// Compact forms stand behind the name they mean.
TEST_F(ReferRequestTest, HeadersThatTheServerWritesAreRefused) {
  Shows({"30"});
  AnsweredCall call(server());
  for (const char* name : {"Via",
                           "v",
                           "From",
                           "f",
                           "To",
                           "t",
                           "Call-ID",
                           "i",
                           "CSeq",
                           "Contact",
                           "m",
                           "Max-Forwards",
                           "Route",
                           "Record-Route",
                           "Path",
                           "Service-Route",
                           "Content-Length",
                           "l",
                           "Content-Type",
                           "c",
                           "Content-Encoding",
                           "e",
                           "Refer-To",
                           "r",
                           "Referred-By",
                           "b",
                           "Refer-Sub",
                           "Refer-Events-At",
                           "Target-Dialog",
                           "Replaces",
                           "Join",
                           "Event",
                           "o",
                           "Allow-Events",
                           "u",
                           "Subscription-State",
                           "Expires",
                           "Min-Expires",
                           "Require",
                           "Proxy-Require",
                           "Supported",
                           "k",
                           "Unsupported",
                           "Allow",
                           "Accept",
                           "Accept-Contact",
                           "a",
                           "Accept-Encoding",
                           "Accept-Language",
                           "Authorization",
                           "Proxy-Authorization",
                           "WWW-Authenticate",
                           "Proxy-Authenticate",
                           "Authentication-Info",
                           "Session-Expires",
                           "x",
                           "Min-SE",
                           "RSeq",
                           "RAck",
                           "Timestamp",
                           "Date",
                           "User-Agent",
                           "Server",
                           "P-Asserted-Identity",
                           "P-Preferred-Identity",
                           "Privacy",
                           "Identity",
                           "y",
                           "Identity-Info",
                           "Security-Client",
                           "Security-Server",
                           "Security-Verify"}) {
    SCOPED_TRACE(name);
    EXPECT_REFUSED(WithHeader(call, name), INVALID_ARGUMENT,
                   "FORBIDDEN_HEADER");
    EXPECT_REFUSED(WithHeader(call, UpperCase(name)), INVALID_ARGUMENT,
                   "FORBIDDEN_HEADER");
    EXPECT_REFUSED(WithHeader(call, Cat(name, " ")), INVALID_ARGUMENT,
                   "BAD_NAME");
  }
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST_F(ReferRequestTest, OnlySomeHeadersMayStandInTheTargetsUri) {
  Shows({"23", "24"});
  AnsweredCall call(server());
  const auto refer_to = [&](const std::string& name, const std::string& value) {
    return call.DeclinedRefer("sip:t@h.example", TargetHeader(name, value))
        .Header("Refer-To");
  };
  EXPECT_EQ(refer_to("User-to-User", "56a3;encoding=hex"),
            "<sip:t@h.example?User-to-User=56a3%3Bencoding%3Dhex>");
  EXPECT_EQ(refer_to("Subject", "\"<a> b\""),
            "<sip:t@h.example?Subject=%22%3Ca%3E%20b%22>");
  for (const char* name :
       {"From", "Call-ID", "CSeq", "Via", "Record-Route", "Route", "Accept",
        "Accept-Language", "Allow", "Contact", "Organization", "Supported",
        "User-Agent", "body"}) {
    SCOPED_TRACE(name);
    EXPECT_REFUSED(
        call.ReferRefused("sip:t@h.example", TargetHeader(name, "1")),
        INVALID_ARGUMENT, "FORBIDDEN_URI_HEADER");
    EXPECT_REFUSED(call.ReferRefused(Cat("sip:t@h.example?", name, "=1")),
                   INVALID_ARGUMENT, "FORBIDDEN_URI_HEADER");
  }
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST_F(ReferRequestTest, WhatIsEscapedAlreadyIsNotEscapedAgain) {
  Shows({"23"});
  AnsweredCall call(server());
  for (const char* uri : {"sip:t@h.example?X-A=%2540", "sip:*72%23@h.example",
                          "sip:t@h.example?X-A=a%26b&X-B=%22"}) {
    EXPECT_EQ(call.DeclinedRefer(uri).Header("Refer-To"), Cat("<", uri, ">"));
  }
  EXPECT_THAT(call.DeclinedRefer("*72#").Header("Refer-To"),
              HasSubstr("<sip:*72%23@"));
  call.ExpectHangsUp();
}

// Teams: no user, and parameters that must come back as they were.
TEST_F(ReferRequestTest, OpaqueParametersAreKeptByteByByte) {
  Shows({"18", "F37"});
  const std::string opaque = ";x-i=8aCd-2F;x-m=8:orgid:f/0;x-t";
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  const std::string contact = Cat("sip:127.0.0.1:", peer.port(), opaque);
  peer.Invite({.contact = Cat("<", contact, ">")});
  const std::string target =
      Cat("sip:sip.pstnhub.microsoft.com:5061;transport=tls", opaque);
  TransferStream stream =
      client.Refer(client.AwaitCall(peer.dialog().call_id).call_id(), target);
  const SipMessage refer = peer.Expect("REFER");
  EXPECT_EQ(refer.uri(), contact);
  EXPECT_THAT(refer.Lines("Refer-To"), ElementsAre(Cat("<", target, ">")));
  peer.Answer(refer, 202);
  EXPECT_THAT(peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
              Answered(200));
  const SipMessage bye = peer.Expect("BYE");
  EXPECT_EQ(bye.uri(), contact);
  peer.Answer(bye, 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(ReferRequestTest, ASipsTargetNeedsASecureCall) {
  Shows({"102"});
  AnsweredCall call(server());
  EXPECT_REFUSED(call.ReferRefused("sips:alice@b.example"), INVALID_ARGUMENT,
                 "SIPS_ON_INSECURE_LEG");
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST_F(ReferRequestTest, AnotherMethodIsRefused) {
  Shows({"19"});
  AnsweredCall call(server());
  EXPECT_REFUSED(call.ReferRefused("sip:a@b.example;method=BYE"),
                 INVALID_ARGUMENT, "BAD_URI");
  EXPECT_REFUSED(call.ReferRefused("mailto:a@b.example"), INVALID_ARGUMENT,
                 "SCHEME");
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST(ReferNumbersTest, NumbersAreWrittenAsConfigured) {
  Shows({"20", "21", "22"});
  CallcontroldProcess server(
      TestConfig("transfers { refer_domain: 'pbx.example' tel_to_sip: true "
                 "international_prefix: '00' default_country_code: '49' }"));
  AnsweredCall call(server);
  const std::vector<std::pair<std::string, std::string>> kCases = {
      {"+15083084809", "<sip:+15083084809@pbx.example;user=phone>"},
      {"0015083084809", "<sip:+15083084809@pbx.example;user=phone>"},
      {"030 1234567", "<sip:+49301234567@pbx.example;user=phone>"},
      {"1000", "<sip:1000@pbx.example>"},
      {"alice", "<sip:alice@pbx.example>"},
      {"tel:+15083084809", "<sip:+15083084809@pbx.example;user=phone>"},
      // RFC 3261, 19.1.6.
      {"tel:+358-555-1234567;postd=pp22",
       "<sip:+358-555-1234567;postd=pp22@pbx.example;user=phone>"}};
  for (const auto& [input, wire] : kCases) {
    EXPECT_THAT(call.DeclinedRefer(input).Lines("Refer-To"), ElementsAre(wire))
        << input;
  }
  call.ExpectHangsUp();
}

TEST(ReferNumbersTest, ReferredByIsOneWhoeverIsMeant) {
  Shows({"26"});
  CallcontroldProcess server(TestConfig(
      "transfers { referred_by_default: REFERRED_BY_DEFAULT_LOCAL }"));
  AnsweredCall call(server);
  EXPECT_THAT(call.DeclinedRefer("sip:t@h.example").Lines("Referred-By"),
              ElementsAre("<sip:service@callcontrol.example>"));
  call.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
