// SPDX-License-Identifier: Apache-2.0
//
// Who a call or a transfer comes from, to trusted trunks and to others (RFC
// 3325), and what is withheld (RFC 3323). The server is on the left of the
// ladders.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kAnonymousFrom[] =
    "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=";
constexpr char kAnonymous[] = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
// Of the caller that asserts one.
constexpr char kCaller[] = "sip:+15550001@peer.example";

// Calls come from a trusted trunk and from a stranger's; both lead to one peer.
class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() { Configure(""); }

  void Configure(std::string_view routes) {
    const auto trunk = [&](const char* name, const char* more) {
      return Cat("trunks { name: '", name,
                 "' address: '127.0.0.1:", peer_.port(),
                 "' transport: SIP_TRANSPORT_UDP refer_domain: 'far.example' ",
                 more, " } ");
    };
    server_.Reload(TestConfig(
        Cat(trunk("friend", "trusted: true source_networks: '127.0.0.7'"),
            trunk("other", "source_networks: '127.0.0.8'"), routes)));
    server_.AwaitLog(Cat("reloaded routes=", routes.empty() ? 0 : 1));
  }

  static v1::PlaceCallRequest CallBy(const char* trunk) {
    v1::PlaceCallRequest request;
    request.set_to("+15083084809");
    request.set_from("sip:alice@home.example");
    request.set_trunk(trunk);
    return request;
  }

  // The INVITE of a call, which is refused.
  SipMessage InviteOf(const v1::PlaceCallRequest& request) {
    EventStream<v1::CallEvent> stream = client_.PlaceCall(request);
    return RefusedInvite();
  }
  SipMessage RefusedInvite() {
    SipMessage invite = peer_.Expect("INVITE");
    peer_.Answer(invite, 603);
    peer_.Expect("ACK");
    return invite;
  }

  grpc::Status Refused(const v1::PlaceCallRequest& request) {
    auto context = Deadline();
    v1::CallEvent event;
    auto reader = client_.stub().PlaceCall(context.get(), request);
    EXPECT_FALSE(reader->Read(&event));
    return reader->Finish();
  }

  // A caller that asserts an identity.
  static InviteOptions Asserting(const SipHeaders& more = {}) {
    InviteOptions invite = {
        .from = kCaller,
        .sdp = SdpOffer(),
        .headers = {{"P-Asserted-Identity",
                     "\"Kate\" <sip:kate@home.example>, <tel:+15550002>"},
                    {"P-Preferred-Identity", "<sip:kate@home.example>"}}};
    invite.headers.insert(invite.headers.end(), more.begin(), more.end());
    return invite;
  }

  CallcontroldProcess server_{TestConfig()};
  ScriptedPeer peer_{server_.sip_port()};
  ReferClient client_{server_.grpc_port()};
};

// ---- Placed calls -------------------------------------------------------

TEST_F(IdentityTest, ATrustedTrunkIsToldWhoCalls) {
  Shows({"97", "98"});
  v1::PlaceCallRequest request = CallBy("friend");
  request.add_asserted_identity("+15551234");
  request.add_asserted_identity("tel:+15551234");
  request.add_privacy(v1::PRIVACY_ID);
  const SipMessage invite = InviteOf(request);
  EXPECT_THAT(
      invite.Lines("P-Asserted-Identity"),
      ElementsAre("<sip:+15551234@far.example;user=phone>", "<tel:+15551234>"));
  EXPECT_EQ(invite.Header("Privacy"), "id");
  EXPECT_THAT(invite.Header("From"), StartsWith("<sip:alice@home.example>"))
      << "the trunk's edge withholds it";
}

TEST_F(IdentityTest, AnotherOneIsNot) {
  Shows({"97"});
  for (const char* const trunk : {"other", ""}) {
    v1::PlaceCallRequest request = CallBy(trunk);
    request.set_to("sip:bob@127.0.0.1");
    request.add_asserted_identity("sip:alice@home.example");
    EXPECT_REFUSED(Refused(request), INVALID_ARGUMENT, "UNTRUSTED_TRUNK");
  }
}

TEST_F(IdentityTest, WhoWantsToStayUnknownDoes) {
  Shows({"98"});
  const auto with = [](const char* trunk, std::vector<v1::Privacy> values) {
    v1::PlaceCallRequest request = CallBy(trunk);
    for (const v1::Privacy value : values) request.add_privacy(value);
    return request;
  };
  const SipMessage by_id = InviteOf(with("other", {v1::PRIVACY_ID}));
  EXPECT_THAT(by_id.Header("From"), StartsWith(kAnonymousFrom));
  EXPECT_EQ(by_id.Header("Privacy"), "id");
  const SipMessage by_user =
      InviteOf(with("friend", {v1::PRIVACY_CRITICAL, v1::PRIVACY_USER}));
  EXPECT_THAT(by_user.Header("From"), StartsWith(kAnonymousFrom));
  EXPECT_EQ(by_user.Header("Privacy"), "user;critical");
  EXPECT_EQ(by_user.Header("Contact"),
            Cat("<sip:127.0.0.1:", server_.sip_port(), ">"));
  for (const SipMessage& invite : {by_id, by_user}) {
    EXPECT_THAT(invite.ToString(), Not(HasSubstr("alice")));
  }
  const SipMessage none = InviteOf(with("other", {v1::PRIVACY_NONE}));
  EXPECT_THAT(none.Header("From"), HasSubstr("alice"));
  EXPECT_EQ(none.Header("Privacy"), "none");
  EXPECT_THAT(server_.stderr_text(), Not(HasSubstr("alice")));
}

TEST_F(IdentityTest, PrivacyThatMakesNoSenseIsRefused) {
  v1::PlaceCallRequest request = CallBy("other");
  request.add_privacy(v1::PRIVACY_NONE);
  request.add_privacy(v1::PRIVACY_ID);
  EXPECT_REFUSED(Refused(request), INVALID_ARGUMENT, "BAD_PRIVACY");
}

// ---- Calls that come in -------------------------------------------------

TEST_F(IdentityTest, WhatATrustedTrunkAssertsIsTold) {
  Shows({"97", "98"});
  AnsweredCall call(server_, {.address = "127.0.0.7"},
                    Asserting({{"Privacy", "ID;user"}}));
  const v1::Call read = call.client.GetCall(call.id);
  EXPECT_THAT(read.asserted_identity(),
              ElementsAre("sip:kate@home.example", "tel:+15550002"));
  EXPECT_THAT(read.privacy(), ElementsAre(v1::PRIVACY_ID, v1::PRIVACY_USER));
  call.ExpectHangsUp();
}

TEST_F(IdentityTest, WhatOthersAssertIsIgnored) {
  Shows({"97"});
  for (const char* const address : {"127.0.0.8", "127.0.0.9"}) {
    AnsweredCall call(server_, {.address = address}, Asserting());
    EXPECT_THAT(call.client.GetCall(call.id).asserted_identity(), IsEmpty());
    call.ExpectHangsUp();
  }
}

// ---- Bridges ------------------------------------------------------------

class BridgedIdentityTest : public IdentityTest {
 protected:
  // The INVITE that goes out for one of `address` by a bridge to `trunk`.
  SipMessage Bridged(const char* trunk, const char* address,
                     const SipHeaders& more = {}) {
    Configure(Cat("routes { bridge { trunk: '", trunk, "' } }"));
    ScriptedPeer caller(server_.sip_port(), {.address = address});
    const SipMessage invite = caller.StartInvite(Asserting(more));
    SipMessage outgoing = RefusedInvite();
    EXPECT_THAT(caller.AwaitAnswer(invite), Answered(603));
    EXPECT_FALSE(outgoing.Has("P-Preferred-Identity"));
    return outgoing;
  }
};

TEST_F(BridgedIdentityTest, ItGoesFromOneTrustedTrunkToTheOther) {
  Shows({"97", "98"});
  const SipMessage invite = Bridged("friend", "127.0.0.7", {{"Privacy", "id"}});
  EXPECT_THAT(invite.Lines("P-Asserted-Identity"),
              ElementsAre("<sip:kate@home.example>", "<tel:+15550002>"));
  EXPECT_EQ(invite.Header("Privacy"), "id");
  EXPECT_THAT(invite.Header("From"), HasSubstr(kCaller));
}

TEST_F(BridgedIdentityTest, ItStaysInTheTrustDomain) {
  Shows({"97", "98"});
  const SipMessage invite = Bridged("other", "127.0.0.7", {{"Privacy", "id"}});
  EXPECT_THAT(invite.Lines("P-Asserted-Identity"), IsEmpty());
  EXPECT_EQ(invite.Header("Privacy"), "id");
  EXPECT_THAT(invite.Header("From"), StartsWith(kAnonymousFrom));
  EXPECT_THAT(server_.stderr_text(), Not(HasSubstr("kate")));
}

TEST_F(BridgedIdentityTest, ItIsNotTakenFromAStranger) {
  Shows({"97"});
  const SipMessage invite = Bridged("friend", "127.0.0.8");
  EXPECT_THAT(invite.Lines("P-Asserted-Identity"), IsEmpty());
  EXPECT_FALSE(invite.Has("Privacy"));
  EXPECT_THAT(invite.Header("From"), HasSubstr(kCaller));
}

// ---- Transfers ----------------------------------------------------------

TEST_F(IdentityTest, AReferTellsWhoTheTransferorIs) {
  Shows({"97", "98"});
  AnsweredCall call(server_, {.address = "127.0.0.7"});
  const SipMessage refer =
      call.DeclinedRefer("sip:carol@target.example", [](auto& request) {
        request.add_asserted_identity("sip:desk@home.example");
        request.add_privacy(v1::PRIVACY_ID);
        request.set_referred_by("sip:desk@home.example");
      });
  EXPECT_THAT(refer.Lines("P-Asserted-Identity"),
              ElementsAre("<sip:desk@home.example>"));
  EXPECT_EQ(refer.Header("Privacy"), "id");
  EXPECT_EQ(refer.Header("Referred-By"), "<sip:desk@home.example>");
  call.ExpectHangsUp();
}

TEST_F(IdentityTest, AReferToAStrangerDoesNot) {
  Shows({"97", "98"});
  AnsweredCall call(server_, {.address = "127.0.0.8"});
  EXPECT_REFUSED(call.ReferRefused("sip:carol@target.example",
                                   [](auto& request) {
                                     request.add_asserted_identity("sip:d@h");
                                   }),
                 INVALID_ARGUMENT, "UNTRUSTED_TRUNK");
  const SipMessage refer =
      call.DeclinedRefer("sip:carol@target.example", [](auto& request) {
        request.add_privacy(v1::PRIVACY_ID);
        request.set_referred_by("sip:desk@home.example");
      });
  EXPECT_EQ(refer.Values("Referred-By"), std::vector<std::string>{kAnonymous});
  EXPECT_EQ(refer.Header("Privacy"), "id");
  EXPECT_THAT(refer.ToString(), Not(HasSubstr("desk")));
  call.ExpectHangsUp();
}

TEST_F(IdentityTest, AReferOutsideACallIsFromNobody) {
  Shows({"98"});
  v1::ReferRequest request;
  request.set_uri(Cat("sip:bob@127.0.0.1:", peer_.port()));
  request.set_refer_to("sip:carol@target.example");
  request.add_privacy(v1::PRIVACY_USER);
  TransferStream stream = client_.Refer(request);
  const SipMessage refer = peer_.Expect("REFER");
  EXPECT_THAT(refer.Header("From"), StartsWith(kAnonymousFrom));
  EXPECT_EQ(refer.Header("Referred-By"), kAnonymous);
  EXPECT_EQ(refer.Header("Privacy"), "user");
  peer_.Answer(refer, 603);
  stream.RestUntilResult();
}

}  // namespace
}  // namespace callcontrol::testing
