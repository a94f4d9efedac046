// SPDX-License-Identifier: Apache-2.0
//
// Registrations of trunks (RFC 3261, 10.2). The server is on the left of the
// ladders. It is told of the carrier by SIGHUP: the carrier's port is known
// only when it is there.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"
#include "tests/support/tls_stage.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

int CountOf(const std::string& text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

class RegistrationTest : public ::testing::Test {
 protected:
  // A trunk that leads to the carrier. `registration` and `more` stand in its
  // messages.
  std::string Trunk(std::string_view registration = "",
                    std::string_view more = "") const {
    return Cat(R"(trunks { name: "out" address: "127.0.0.1:)", carrier_.port(),
               R"(" transport: SIP_TRANSPORT_UDP refer_domain: "far.example" )",
               R"(username: "bob" password { text: "s3cret" } )", more,
               R"( registration { aor: "sip:bob@far.example" )", registration,
               " } } ");
  }

  void Configure(const std::string& trunks) {
    server_.Reload(TestConfig(trunks));
  }

  // A 200 with a binding for `contact`.
  static SipHeaders Bound(const std::string& contact, int expires) {
    return {{"Contact", Cat(contact, ";expires=", expires)}};
  }

  // REGISTER --->   <--- 200; returns the REGISTER.
  SipMessage Register(const std::string& trunks, const SipHeaders& more = {}) {
    Configure(trunks);
    return AcceptRegister(more);
  }
  SipMessage AcceptRegister(const SipHeaders& more = {}) {
    SipMessage request = carrier_.Expect("REGISTER");
    SipHeaders headers = Bound(request.Header("Contact"), 3600);
    headers.insert(headers.end(), more.begin(), more.end());
    carrier_.Answer(request, 200, "", headers);
    return request;
  }

  EventStream<v1::CallEvent> Call() {
    v1::PlaceCallRequest request;
    request.set_to("+15083084809");
    request.set_trunk("out");
    return client_.PlaceCall(request);
  }

  CallcontroldProcess server_{TestConfig()};
  ScriptedPeer carrier_{server_.sip_port()};
  ReferClient client_{server_.grpc_port()};
};

//  REGISTER --->   <--- 401   REGISTER (Authorization) --->   <--- 200
//  REGISTER --->   <--- 200   after half of the time
TEST_F(RegistrationTest, ABindingIsMadeAndRefreshed) {
  Shows({"34"});
  Configure(Trunk());
  const SipMessage first = carrier_.Expect("REGISTER");
  EXPECT_EQ(first.uri(), Cat("sip:127.0.0.1:", carrier_.port()));
  EXPECT_EQ(first.Header("To"), "<sip:bob@far.example>");
  EXPECT_THAT(first.Header("From"), StartsWith("<sip:bob@far.example>;tag="));
  EXPECT_EQ(first.Header("Contact"),
            Cat("<sip:bob@127.0.0.1:", server_.sip_port(), ">"));
  EXPECT_EQ(first.Header("Expires"), "3600");
  EXPECT_FALSE(first.Has("Authorization"));
  carrier_.Answer(
      first, 401, "",
      {{"WWW-Authenticate", R"(Digest realm="far", nonce="n1", qop="auth")"}});

  const SipMessage second = carrier_.Expect("REGISTER");
  EXPECT_EQ(second.CallId(), first.CallId());
  EXPECT_EQ(second.CSeqNumber(), first.CSeqNumber() + 1);
  EXPECT_THAT(second.Header("Authorization"),
              HasSubstr(Cat(R"(uri="sip:127.0.0.1:)", carrier_.port(), '"')));
  // Another binding of the same user, and a header that is for others.
  SipHeaders headers = Bound("<sip:bob@127.0.0.9:5060>", 3600);
  headers.emplace_back("Expires", "3600");
  const std::string ours = second.Header("Contact");
  // Ours twice, and what is ours but for its transport.
  const std::string by_tcp =
      Cat(ours.substr(0, ours.size() - 1), ";transport=tcp>");
  for (const auto& [contact, expires] :
       {std::pair{by_tcp, 2}, {ours, 3}, {ours, 3600}}) {
    headers.push_back(Bound(contact, expires).front());
  }
  carrier_.Answer(second, 200, "", headers);
  server_.AwaitLog("trunk_registered trunk=out expires_s=3");

  const SipMessage third = carrier_.Expect("REGISTER");
  EXPECT_EQ(third.CallId(), first.CallId());
  EXPECT_EQ(third.CSeqNumber(), second.CSeqNumber() + 1);
  EXPECT_EQ(third.FromTag(), first.FromTag());
  carrier_.Answer(third, 200, "", Bound(third.Header("Contact"), 3600));
  carrier_.ExpectNothing(50ms);
  EXPECT_EQ(CountOf(server_.stderr_text(), "trunk_registered"), 1);
  EXPECT_THAT(server_.stderr_text(), Not(HasSubstr("s3cret")));
}

TEST_F(RegistrationTest, AWrongPasswordIsTriedOnce) {
  Shows({"34"});
  Configure(Trunk());
  const SipHeaders challenge = {
      {"WWW-Authenticate", R"(Digest realm="far", nonce="n1", qop="auth")"}};
  carrier_.Answer(carrier_.Expect("REGISTER"), 401, "", challenge);
  carrier_.Answer(carrier_.Expect("REGISTER"), 401, "", challenge);
  server_.AwaitLog("trunk_registration_failed trunk=out status=401");
  carrier_.ExpectNothing(50ms);
}

TEST_F(RegistrationTest, A423IsMetOnce) {
  Configure(Trunk("expires { seconds: 60 }"));
  const SipMessage first = carrier_.Expect("REGISTER");
  EXPECT_EQ(first.Header("Expires"), "60");
  carrier_.Answer(first, 423, "Interval Too Brief", {{"Min-Expires", "1800"}});
  const SipMessage second = carrier_.Expect("REGISTER");
  EXPECT_EQ(second.Header("Expires"), "1800");
  EXPECT_EQ(second.CSeqNumber(), first.CSeqNumber() + 1);
  carrier_.Answer(second, 423, "Interval Too Brief", {{"Min-Expires", "3600"}});
  server_.AwaitLog("trunk_registration_failed trunk=out status=423");
  carrier_.ExpectNothing(50ms);
}

//  REGISTER --->   <--- 500     REGISTER --->   <--- 503, Retry-After: 1
//  REGISTER --->   <--- 200
TEST_F(RegistrationTest, AFailureIsTriedAgainWhenTheRegistrarWantsIt) {
  Configure(Trunk("first_retry { nanos: 20000000 }"));
  carrier_.Answer(carrier_.Expect("REGISTER"), 500);
  const SipMessage second = carrier_.Expect("REGISTER");
  const auto refused = std::chrono::steady_clock::now();
  carrier_.Answer(second, 503, "", {{"Retry-After", "1"}});
  const SipMessage third = carrier_.Expect("REGISTER");
  EXPECT_GE(third.received_at - refused, 1s);
  carrier_.Answer(third, 200);
  server_.AwaitLog("trunk_registered trunk=out expires_s=3600");
  EXPECT_EQ(CountOf(server_.stderr_text(), "trunk_registration_failed"), 1);
}

TEST_F(RegistrationTest, ARedirectionIsNotFollowed) {
  Configure(Trunk());
  ScriptedPeer elsewhere(server_.sip_port());
  carrier_.Answer(carrier_.Expect("REGISTER"), 302, "",
                  {{"Contact", elsewhere.Contact()}});
  server_.AwaitLog("trunk_registration_failed trunk=out status=302");
  elsewhere.ExpectNothing(50ms);
}

TEST_F(RegistrationTest, ABindingThatIsNotRefreshedIsLost) {
  Configure(Trunk("first_retry { seconds: 30 }"));
  const SipMessage first = carrier_.Expect("REGISTER");
  carrier_.Answer(first, 200, "", Bound(first.Header("Contact"), 1));
  carrier_.Answer(carrier_.Expect("REGISTER"), 403);
  server_.AwaitLog("trunk_registration_lost trunk=out");
  carrier_.AllowUnread();
}

// ---- The end ------------------------------------------------------------

TEST_F(RegistrationTest, AStopTakesTheBindingBack) {
  const SipMessage bound = Register(Trunk());
  server_.AwaitLog("trunk_registered");
  server_.Terminate();
  const SipMessage last = carrier_.Expect("REGISTER");
  EXPECT_EQ(last.Header("Expires"), "0");
  EXPECT_EQ(last.Header("Contact"), bound.Header("Contact"));
  EXPECT_EQ(last.CallId(), bound.CallId());
  EXPECT_EQ(last.CSeqNumber(), bound.CSeqNumber() + 1);
  carrier_.Answer(last, 200);
  EXPECT_EQ(server_.Wait(), 0);
  EXPECT_THAT(server_.stderr_text(),
              HasSubstr("trunk_unregistered trunk=out status=200"));
}

TEST_F(RegistrationTest, AStopDoesNotWaitForARegistrarThatIsGone) {
  Register(Trunk());
  server_.AwaitLog("trunk_registered");
  server_.Terminate();
  EXPECT_EQ(carrier_.Expect("REGISTER").Header("Expires"), "0");
  EXPECT_EQ(server_.Wait(), 0);
}

TEST_F(RegistrationTest, ATrunkThatIsGoneFromTheFileIsUnregistered) {
  Register(Trunk());
  server_.AwaitLog("trunk_registered");
  Configure("");
  const SipMessage last = carrier_.Expect("REGISTER");
  EXPECT_EQ(last.Header("Expires"), "0");
  carrier_.Answer(last, 200);
  server_.AwaitLog("trunk_unregistered trunk=out");
  carrier_.ExpectNothing(50ms);
}

//  REGISTER (Expires: 0) --->   <--- 200   REGISTER (another Contact) --->
TEST_F(RegistrationTest, AnotherBindingComesAfterTheOldOneIsGone) {
  const SipMessage old = Register(Trunk());
  server_.AwaitLog("trunk_registered");
  Configure(Trunk(R"(contact_user: "line-2")"));
  const SipMessage last = carrier_.Expect("REGISTER");
  EXPECT_EQ(last.Header("Expires"), "0");
  EXPECT_EQ(last.Header("Contact"), old.Header("Contact"));
  carrier_.ExpectNothing(50ms);
  carrier_.Answer(last, 200);
  const SipMessage fresh = AcceptRegister();
  EXPECT_THAT(fresh.Header("Contact"), StartsWith("<sip:line-2@"));
  EXPECT_NE(fresh.CallId(), old.CallId());
}

// Of two accounts of one address-of-record the first is refused, and then both
// move: neither begins before the binding of the second is taken back.
//
//  REGISTER (Expires: 0) --->  to the old registrar   <--- 200
//  REGISTER --->  to the new ones
TEST_F(RegistrationTest, NoBindingComesBeforeAnyOldOneOfItsAddressIsGone) {
  const auto account = [](const char* name, const ScriptedPeer& registrar) {
    return Cat("trunks { name: '", name,
               "' address: '127.0.0.1:", registrar.port(),
               "' registration { aor: 'bob@far.example' ", "contact_user: '",
               name, "' } } ");
  };
  ScriptedPeer refuser(server_.sip_port());
  ScriptedPeer next(server_.sip_port());
  Configure(account("one", refuser) + account("two", carrier_));
  refuser.Answer(refuser.Expect("REGISTER"), 403);
  AcceptRegister();
  server_.AwaitLog("trunk_registration_failed trunk=one");
  server_.AwaitLog("trunk_registered trunk=two");
  Configure(account("one", next) + account("two", next));
  const SipMessage last = carrier_.Expect("REGISTER");
  EXPECT_EQ(last.Header("Expires"), "0");
  next.ExpectNothing(50ms);
  carrier_.Answer(last, 200);
  next.Answer(next.Expect("REGISTER"), 200);
  next.Answer(next.Expect("REGISTER"), 200);
}

TEST_F(RegistrationTest, OtherTermsAreToldAtOnce) {
  const SipMessage first = Register(Trunk());
  server_.AwaitLog("trunk_registered");
  const SipMessage second = Register(Trunk("expires { seconds: 600 }"));
  EXPECT_EQ(second.CallId(), first.CallId());
  EXPECT_EQ(second.Header("Expires"), "600");
  // A file that says the same changes nothing.
  Configure(Trunk("expires { seconds: 600 }"));
  carrier_.ExpectNothing(100ms);
}

// ---- Calls by a registered trunk ----------------------------------------

//  REGISTER --->   <--- 200, Service-Route
//  INVITE, Route --->  to the first of it
//  CANCEL, Route --->
//  REGISTER --->   <--- 200
//  INVITE --->
TEST_F(RegistrationTest, TheServiceRouteLeadsInitialRequests) {
  Shows({"99"});
  ScriptedPeer edge(server_.sip_port());
  const std::string first = Cat("<sip:edge@127.0.0.1:", edge.port(), ";lr>");
  const std::string second = "<sip:orig@core.far.example;lr>";
  Register(Trunk(), {{"Service-Route", Cat(first, ", ", second)},
                     {"Path", "<sip:nobody@path.example;lr>"}});
  server_.AwaitLog("trunk_registered");
  EventStream<v1::CallEvent> stream = Call();
  const std::string id = stream.Next().call().call_id();
  const SipMessage invite = edge.Expect("INVITE");
  EXPECT_EQ(invite.uri(), "sip:+15083084809@far.example;user=phone");
  EXPECT_THAT(invite.Values("Route"), ElementsAre(first, second));
  edge.Answer(invite, 180);
  EXPECT_EQ(stream.Next().type(), v1::CALL_EVENT_TYPE_RINGING);
  client_.HangUp(id);
  const SipMessage cancel = edge.Expect("CANCEL");
  EXPECT_THAT(cancel.Values("Route"), ElementsAre(first, second));
  edge.Answer(cancel, 200);
  edge.Answer(invite, 487);
  EXPECT_THAT(edge.Expect("ACK").Values("Route"), ElementsAre(first, second));

  Register(Trunk("expires { seconds: 600 }"));
  // By the time that this one leaves the answer to the one before is there.
  Configure(Trunk("expires { seconds: 900 }"));
  AcceptRegister();
  EventStream<v1::CallEvent> without = Call();
  const SipMessage direct = carrier_.Expect("INVITE");
  EXPECT_THAT(direct.Values("Route"), IsEmpty());
  carrier_.Answer(direct, 603);
  carrier_.Expect("ACK");
}

//  A dialog's route set is its Record-Route alone.
TEST_F(RegistrationTest, TheServiceRouteIsNotThatOfADialog) {
  Shows({"99"});
  const std::string route =
      Cat("<sip:edge@127.0.0.1:", carrier_.port(), ";lr>");
  Register(Trunk(), {{"Service-Route", route}});
  server_.AwaitLog("trunk_registered");
  EventStream<v1::CallEvent> stream = Call();
  const SipMessage invite = carrier_.Expect("INVITE");
  EXPECT_THAT(invite.Values("Route"), ElementsAre(route));
  carrier_.AcceptCall(invite, SdpOffer());
  v1::CallEvent event = stream.Next();
  while (event.type() != v1::CALL_EVENT_TYPE_ANSWERED) event = stream.Next();
  TransferStream transfer =
      client_.Refer(event.call().call_id(), "sip:carol@target.example");
  const SipMessage refer = carrier_.Expect("REFER");
  EXPECT_THAT(refer.Values("Route"), IsEmpty());
  carrier_.Answer(refer, 603);
  transfer.RestUntilResult();
  client_.HangUp(event.call().call_id());
  carrier_.Answer(carrier_.Expect("BYE"), 200);
}

TEST_F(RegistrationTest, ACallDoesNotWaitForTheRegistration) {
  Configure(Trunk());
  const SipMessage unanswered = carrier_.Expect("REGISTER");
  EventStream<v1::CallEvent> stream = Call();
  const SipMessage invite = carrier_.Expect("INVITE");
  carrier_.Answer(invite, 603);
  carrier_.Expect("ACK");
  carrier_.Answer(unanswered, 200);
}

// Two accounts at one carrier, whose networks nobody named.
TEST_F(RegistrationTest, ACallForTheContactIsOfItsTrunk) {
  std::string trunks;
  for (const char* const name : {"one", "two"}) {
    trunks +=
        Cat("trunks { name: '", name, "' registration { aor: '", name,
            "@far.example' registrar: '127.0.0.1:", carrier_.port(), "' } } ");
  }
  Configure(trunks);
  AcceptRegister();
  AcceptRegister();
  server_.AwaitLog("trunk_registered trunk=one");
  server_.AwaitLog("trunk_registered trunk=two");
  for (const std::string name : {"two", "one"}) {
    ScriptedPeer gateway(server_.sip_port());
    SipMessage invite = gateway.NewStrangerRequest(
        "INVITE", Cat("sip:", name, "@127.0.0.1:", server_.sip_port()));
    EXPECT_THAT(gateway.AwaitAnswer(gateway.SendRequest(invite)),
                Answered(200));
    EXPECT_EQ(client_.AwaitCall(invite.CallId()).trunk(), name);
    gateway.AllowUnread();
  }
  ScriptedPeer stranger(server_.sip_port(), {.address = "127.0.0.9"});
  SipMessage invite = stranger.NewStrangerRequest(
      "INVITE", Cat("sip:one@127.0.0.1:", server_.sip_port()));
  EXPECT_THAT(stranger.AwaitAnswer(stranger.SendRequest(invite)),
              Answered(200));
  EXPECT_EQ(client_.AwaitCall(invite.CallId()).trunk(), "")
      << "the user alone proves nothing";
  stranger.AllowUnread();
}

// ---- Other transports ---------------------------------------------------

TEST(RegistrationTransportTest, TheContactSaysThatItCameByTcp) {
  CallcontroldProcess server;
  ScriptedPeer carrier(server.sip_port(), {.transport = Transport::kTcp});
  server.Reload(TestConfig(
      Cat("trunks { name: 'out' address: '127.0.0.1:", carrier.port(),
          "' transport: SIP_TRANSPORT_TCP registration { aor: "
          "'sip:bob@far.example' registrar: 'far.example' } }")));
  const SipMessage request = carrier.Expect("REGISTER");
  EXPECT_EQ(request.uri(), "sip:far.example");
  EXPECT_THAT(request.Header("Via"), StartsWith("SIP/2.0/TCP"));
  EXPECT_THAT(request.Header("Contact"), EndsWith(";transport=tcp>"));
  carrier.Answer(request, 200);
  server.AwaitLog("trunk_registered trunk=out");
}

TEST(RegistrationTransportTest, ASipsUserIsRegisteredOverTls) {
  TlsStage stage;
  CallcontroldProcess server(stage.Config());
  ScriptedPeer carrier(server.sip_tls_port(), stage.Peer());
  server.Reload(stage.Config(
      "", Cat("trunks { name: 'out' address: '127.0.0.1:", carrier.port(),
              "' registration { aor: 'sips:bob@far.example' } }")));
  const SipMessage request = carrier.Expect("REGISTER");
  EXPECT_THAT(request.uri(), StartsWith("sips:127.0.0.1:"));
  EXPECT_THAT(request.Header("Via"), StartsWith("SIP/2.0/TLS"));
  EXPECT_THAT(request.Header("Contact"), StartsWith("<sips:bob@"));
  carrier.Answer(request, 200);
  server.AwaitLog("trunk_registered trunk=out");
}

}  // namespace
}  // namespace callcontrol::testing
