// SPDX-License-Identifier: Apache-2.0
//
// Calls by configured trunks. The server is on the left of the ladders.
#include <string>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::HasSubstr;

// The carrier's calls come from another loopback address than everybody's.
constexpr char kCarrier[] = R"pb(
  trunks {
    name: "carrier"
    source_networks: "127.0.0.7"
    username: "bob"
    password { text: "s3cret" }
    realm: "pbx"
    refer_domain: "carrier.example"
    default_country_code: "49"
    tel_to_sip: true
  }
  routes {
    trunks: "carrier"
    tags { name: "from" value: "carrier" }
    answer {}
  }
  routes { reject { status: 403 } }
)pb";

class TrunkTest : public ::testing::Test {
 protected:
  CallcontroldProcess server_{TestConfig(kCarrier)};
};

TEST_F(TrunkTest, ACallIsOfTheTrunkThatItCameFrom) {
  AnsweredCall call(server_, {.address = "127.0.0.7"});
  const v1::Call read = call.client.GetCall(call.id);
  EXPECT_EQ(read.trunk(), "carrier");
  EXPECT_EQ(read.tags().at("from"), "carrier");
  call.ExpectAlive();
}

TEST_F(TrunkTest, ACallFromElsewhereIsOfNone) {
  ScriptedPeer stranger(server_.sip_port());
  EXPECT_THAT(stranger.AwaitAnswer(stranger.StartInvite({.sdp = SdpOffer()})),
              Answered(403));
}

TEST_F(TrunkTest, NumbersAreReadAsTheTrunkWantsThem) {
  Shows({"20", "21"});
  AnsweredCall call(server_, {.address = "127.0.0.7"});
  for (const auto& [given, written] :
       {std::pair{"03012345678",
                  "<sip:+493012345678@carrier.example;user=phone>"},
        std::pair{"tel:+15083084809",
                  "<sip:+15083084809@carrier.example;user=phone>"}}) {
    TransferStream stream = call.Refer(given);
    const SipMessage refer = call.peer.Expect("REFER");
    EXPECT_EQ(refer.Header("Refer-To"), written);
    call.peer.Answer(refer, 603);
    stream.RestUntilResult();
  }
  call.ExpectHangsUp();
}

//  REFER --->   <--- 401   REFER, with the trunk's credentials --->
TEST_F(TrunkTest, ItsCredentialsAnswerItsChallenges) {
  Shows({"34"});
  AnsweredCall call(server_, {.address = "127.0.0.7"});
  TransferStream stream = call.Refer();
  call.peer.Answer(
      call.peer.Expect("REFER"), 401, "",
      {{"WWW-Authenticate", R"(Digest realm="pbx", nonce="n1", qop="auth")"}});
  const SipMessage again = call.peer.Expect("REFER");
  EXPECT_THAT(again.Header("Authorization"), HasSubstr(R"(username="bob")"));
  call.peer.Answer(again, 603);
  stream.RestUntilResult();
  call.ExpectHangsUp();
}

TEST_F(TrunkTest, ItsCredentialsGoToNoOtherRealm) {
  Shows({"34"});
  AnsweredCall call(server_, {.address = "127.0.0.7"});
  TransferStream stream = call.Refer();
  call.peer.Answer(
      call.peer.Expect("REFER"), 401, "",
      {{"WWW-Authenticate", R"(Digest realm="evil", nonce="n1", qop="auth")"}});
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_AUTH_FAILED));
  call.ExpectHangsUp();
}

// Read by SIGHUP: the far end's port is known only when it is there.
//
//  INVITE sip:+15083084809@far.example --->   to the trunk's address
//         <--- 407, 200
TEST_F(TrunkTest, ACallIsPlacedByATrunk) {
  ScriptedPeer carrier(server_.sip_port());
  server_.Reload(TestConfig(
      Cat(R"(trunks { name: "out" address: "127.0.0.1:)", carrier.port(),
          R"(" transport: SIP_TRANSPORT_UDP refer_domain: "far.example" )",
          R"(username: "bob" password { text: "s3cret" } })")));
  server_.AwaitLog("reloaded routes=0 trunks=1");
  ReferClient client(server_.grpc_port());
  v1::PlaceCallRequest request;
  request.set_to("+15083084809");
  request.set_from("1001");
  request.set_trunk("out");
  EventStream<v1::CallEvent> stream = client.PlaceCall(request);
  EXPECT_EQ(stream.Next().call().trunk(), "out");
  const SipMessage invite = carrier.Expect("INVITE");
  EXPECT_EQ(invite.uri(), "sip:+15083084809@far.example;user=phone");
  EXPECT_THAT(invite.Header("From"), HasSubstr("<sip:1001@far.example>"));
  EXPECT_EQ(invite.Header("Route"), "");
  carrier.Answer(invite, 407, "",
                 {{"Proxy-Authenticate",
                   R"(Digest realm="far", nonce="n1", qop="auth")"}});
  carrier.Expect("ACK");
  const SipMessage again = carrier.Expect("INVITE");
  EXPECT_THAT(again.Header("Proxy-Authorization"),
              HasSubstr(R"(username="bob")"));
  carrier.AcceptCall(again, SdpOffer());
  v1::CallEvent event = stream.Next();
  while (event.type() != v1::CALL_EVENT_TYPE_ANSWERED) event = stream.Next();
  client.HangUp(event.call().call_id());
  carrier.Answer(carrier.Expect("BYE"), 200);
}

TEST_F(TrunkTest, ATrunkWithoutAnAddressPlacesNoCalls) {
  ReferClient client(server_.grpc_port());
  auto context = Deadline();
  v1::PlaceCallRequest request;
  request.set_to("+15083084809");
  request.set_trunk("carrier");
  v1::CallEvent event;
  auto reader = client.stub().PlaceCall(context.get(), request);
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_REFUSED(reader->Finish(), INVALID_ARGUMENT, "UNKNOWN_TRUNK");
}

}  // namespace
}  // namespace callcontrol::testing
