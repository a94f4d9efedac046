// SPDX-License-Identifier: Apache-2.0
//
// Requests of this side that are challenged (RFC 3261, 22). The server is on
// the left of the ladders.
#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "base/hash.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr char kPassword[] = "s3cret";

class CallChallengeTest : public ServerTest<CallChallengeTest> {
 protected:
  static void WithPassword(v1::ReferRequest& request) {
    request.mutable_credentials()->set_username("bob");
    request.mutable_credentials()->set_password(kPassword);
  }

  static SipHeaders Challenge(const std::string& nonce,
                              const std::string& more = "",
                              const std::string& header = "WWW-Authenticate") {
    return {{header, Cat("Digest realm=\"pbx\", nonce=\"", nonce,
                         "\", qop=\"auth\"", more)}};
  }

  // One parameter of an Authorization header, unquoted.
  static std::string Parameter(const std::string& value,
                               const std::string& name) {
    const size_t at = value.find(Cat(" ", name, "="));
    if (at == std::string::npos) return "";
    std::string text = value.substr(at + name.size() + 2);
    if (text.front() != '"') return text.substr(0, text.find(','));
    return text.substr(1, text.find('"', 1) - 1);
  }

  // Recomputes what `request` answers the challenge of `nonce` with.
  static void ExpectAuthorized(const SipMessage& request,
                               const std::string& nonce,
                               HashAlgorithm algorithm = HashAlgorithm::kMd5,
                               const std::string& header = "Authorization") {
    const std::string value = request.Header(header);
    EXPECT_EQ(Parameter(value, "username"), "bob");
    EXPECT_EQ(Parameter(value, "nonce"), nonce);
    EXPECT_EQ(Parameter(value, "uri"), request.uri());
    EXPECT_EQ(Parameter(value, "nc"), "00000001");
    const std::string ha1 = HexHash(algorithm, Cat("bob:pbx:", kPassword));
    const std::string ha2 =
        HexHash(algorithm, Cat(request.method(), ":", request.uri()));
    EXPECT_EQ(Parameter(value, "response"),
              HexHash(algorithm, Cat(ha1, ":", nonce,
                                     ":00000001:", Parameter(value, "cnonce"),
                                     ":auth:", ha2)));
    EXPECT_THAT(request.ToString(), Not(HasSubstr(kPassword)));
  }
};

//  REFER --->
//        <--- 401
//  REFER (Authorization, CSeq + 1) --->
//        <--- 202, NOTIFY 200
//  BYE --->
//        <--- 401
//  BYE (Authorization) --->
TEST_F(CallChallengeTest, ReferAndByeAnswerTheirChallenges) {
  Shows({"7", "34", "84", "F25"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", WithPassword);
  const SipMessage first = call.peer.Expect("REFER");
  EXPECT_FALSE(first.Has("Authorization")) << "nobody asked yet";
  call.peer.Answer(first, 401, "Unauthorized", Challenge("n1"));
  const SipMessage second = call.peer.Expect("REFER");
  EXPECT_EQ(second.CSeqNumber(), first.CSeqNumber() + 1);
  EXPECT_EQ(second.Header("Refer-To"), first.Header("Refer-To"));
  ExpectAuthorized(second, "n1");
  call.peer.Answer(second, 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  const SipMessage bye = call.peer.Expect("BYE");
  call.peer.Answer(bye, 401, "Unauthorized", Challenge("n2"));
  const SipMessage again = call.peer.Expect("BYE");
  EXPECT_EQ(again.CSeqNumber(), bye.CSeqNumber() + 1);
  ExpectAuthorized(again, "n2");
  call.peer.Answer(again, 200);

  EXPECT_THAT(stream.Next(), ReferSent());
  EXPECT_THAT(stream.Next(), ReferAnswered(401));
  const v1::ReferEvent sent = stream.Next();
  EXPECT_THAT(sent, ReferSent());
  EXPECT_EQ(sent.refer_sent().attempt(), 2);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

TEST_F(CallChallengeTest, AProxyIsAnsweredWithSha256) {
  Shows({"34", "F25"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", WithPassword);
  call.peer.Answer(
      call.peer.Expect("REFER"), 407, "Proxy Authentication Required",
      Challenge("n1", ", algorithm=SHA-256", "Proxy-Authenticate"));
  const SipMessage second = call.peer.Expect("REFER");
  ExpectAuthorized(second, "n1", HashAlgorithm::kSha256, "Proxy-Authorization");
  call.peer.Answer(second, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call.ExpectHangsUp();
}

TEST_F(CallChallengeTest, AWrongPasswordIsTriedOnce) {
  Shows({"34"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", WithPassword);
  call.peer.Answer(call.peer.Expect("REFER"), 401, "Unauthorized",
                   Challenge("n1"));
  call.peer.Answer(call.peer.Expect("REFER"), 401, "Unauthorized",
                   Challenge("n2"));
  const auto events = stream.RestUntilResult();
  EXPECT_THAT(events.back(), Ended(v1::TRANSFER_OUTCOME_REFER_AUTH_FAILED));
  EXPECT_EQ(events.back().result().refer_status(), 401);
  call.peer.ExpectNothing(50ms);
  call.ExpectHangsUp();
}

TEST_F(CallChallengeTest, AStaleNonceIsNoWrongPassword) {
  Shows({"34"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", WithPassword);
  call.peer.Answer(call.peer.Expect("REFER"), 401, "Unauthorized",
                   Challenge("n1"));
  call.peer.Answer(call.peer.Expect("REFER"), 401, "Unauthorized",
                   Challenge("n2", ", stale=true"));
  const SipMessage third = call.peer.Expect("REFER");
  ExpectAuthorized(third, "n2");
  call.peer.Answer(third, 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
  call.ExpectHangsUp();
}

// A far end that finds every nonce stale gets an end.
TEST_F(CallChallengeTest, StaleNoncesAreCounted) {
  Shows({"34"});
  AnsweredCall call(server());
  TransferStream stream = call.Refer("sip:carol@target.example", WithPassword);
  for (int i = 0; i < 5; ++i) {
    call.peer.Answer(call.peer.Expect("REFER"), 401, "Unauthorized",
                     Challenge(Cat("n", i), ", stale=true"));
  }
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_AUTH_FAILED));
  call.ExpectHangsUp();
}

TEST_F(CallChallengeTest, AnotherRealmIsNotAnswered) {
  Shows({"34"});
  AnsweredCall call(server());
  TransferStream stream =
      call.Refer("sip:carol@target.example", [](v1::ReferRequest& request) {
        WithPassword(request);
        request.mutable_credentials()->set_realm("elsewhere");
      });
  call.peer.Answer(call.peer.Expect("REFER"), 401, "Unauthorized",
                   Challenge("n1"));
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_AUTH_FAILED));
  call.ExpectHangsUp();
}

//  INVITE --->
//        <--- 407
//  ACK, INVITE (Proxy-Authorization) --->
//        <--- 200
//  ACK --->
//  re-INVITE --->
//        <--- 401
//  ACK, re-INVITE (Authorization) --->
TEST_F(CallChallengeTest, APlacedCallAnswersItsChallenges) {
  ScriptedPeer peer(server().sip_port());
  ReferClient client(server().grpc_port());
  v1::PlaceCallRequest request;
  request.set_to(Cat("sip:carol@127.0.0.1:", peer.port()));
  request.mutable_credentials()->set_username("bob");
  request.mutable_credentials()->set_password(kPassword);
  EventStream<v1::CallEvent> stream = client.PlaceCall(request);
  const std::string id = stream.Next().call().call_id();
  const SipMessage first = peer.Expect("INVITE");
  peer.Answer(first, 407, "Proxy Authentication Required",
              Challenge("n1", "", "Proxy-Authenticate"));
  peer.Expect("ACK");
  const SipMessage second = peer.Expect("INVITE");
  EXPECT_EQ(second.CallId(), first.CallId());
  EXPECT_EQ(second.CSeqNumber(), first.CSeqNumber() + 1);
  ExpectAuthorized(second, "n1", HashAlgorithm::kMd5, "Proxy-Authorization");
  peer.AcceptCall(second, SdpOffer());
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_ANSWERED);

  v1::UpdateCallRequest hold;
  hold.set_call_id(id);
  hold.set_hold(true);
  auto done = std::async(std::launch::async, [&] {
    auto context = Deadline();
    v1::Call call;
    return client.stub().UpdateCall(context.get(), hold, &call);
  });
  peer.Answer(peer.Expect("INVITE"), 401, "Unauthorized", Challenge("n2"));
  peer.Expect("ACK");
  const SipMessage again = peer.Expect("INVITE");
  ExpectAuthorized(again, "n2");
  peer.Answer(again, 200, "", {}, SdpOffer({40000}, 2));
  peer.Expect("ACK");
  EXPECT_TRUE(done.get().ok());
  client.HangUp(id);
  peer.Answer(peer.Expect("BYE"), 200);
}

TEST_F(CallChallengeTest, CredentialsAreCheckedAndNeverTold) {
  AnsweredCall call(server());
  v1::ReferRequest request;
  request.set_call_id(call.id);
  request.set_refer_to("sip:carol@target.example");
  request.mutable_credentials()->set_password(kPassword);
  EXPECT_REFUSED(call.client.ReferRefused(request), INVALID_ARGUMENT, "EMPTY");
  request.mutable_credentials()->set_username("bob\r\nX-Evil: 1");
  const grpc::Status status = call.client.ReferRefused(request);
  EXPECT_REFUSED(status, INVALID_ARGUMENT, "BAD_CHAR");
  EXPECT_THAT(status.error_message(), Not(HasSubstr(kPassword)));
  EXPECT_THAT(server().stderr_text(), Not(HasSubstr(kPassword)));
  call.ExpectHangsUp();
}

}  // namespace
}  // namespace callcontrol::testing
