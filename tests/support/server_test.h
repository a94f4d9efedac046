// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_SERVER_TEST_H_
#define CALLCONTROL_TESTS_SUPPORT_SERVER_TEST_H_

#include <iostream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/callcontrold_process.h"
#include "tests/support/refer_client.h"
#include "tests/support/refer_matchers.h"
#include "tests/support/scripted_peer.h"
#include "tests/support/shows.h"

namespace callcontrol::testing {

// Base of the fixtures whose tests share one callcontrold, with TestConfig().
// Tests tell their calls apart by the SIP Call-IDs of their peers. Each fixture
// derives as `class FooTest : public ServerTest<FooTest>`.
template <typename Fixture>
class ServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<CallcontroldProcess>();
  }
  static void TearDownTestSuite() {
    ExpectServerLives();
    server_.reset();
  }

  // A server that died in the test before is started again.
  void SetUp() override {
    ExpectServerLives();
    if (server_ == nullptr) SetUpTestSuite();
    stderr_before_ = server_->stderr_text().size();
  }

  void TearDown() override {
    ExpectServerLives();
    if (!HasFailure() || server_ == nullptr) return;
    std::cerr << "callcontrold said:\n"
              << server_->stderr_text().substr(stderr_before_) << std::endl;
  }

  static CallcontroldProcess& server() { return *server_; }

 private:
  // Also of what it still had to do when a test had seen enough.
  static void ExpectServerLives() {
    if (server_ == nullptr || server_->Running()) return;
    ADD_FAILURE() << "callcontrold died:\n" << server_->stderr_text();
    server_.reset();
  }

  static inline std::unique_ptr<CallcontroldProcess> server_;
  size_t stderr_before_ = 0;
};

// The usual stage: a caller whose call was answered, and a client.
//
// Order of the members: the client goes first, so that its streams can't
// outlive the peer's complaints.
struct AnsweredCall {
  explicit AnsweredCall(CallcontroldProcess& server, PeerOptions options = {},
                        const InviteOptions& invite = {})
      : peer(options.transport == Transport::kTls ? server.sip_tls_port()
                                                  : server.sip_port(),
             std::move(options)),
        client(server.grpc_port()) {
    peer.Invite(invite);
    id = client.AwaitCall(peer.dialog().call_id).call_id();
  }

  TransferStream Refer(std::string_view refer_to = "sip:carol@target.example",
                       const ReferClient::Edit& edit = nullptr) {
    return client.Refer(id, refer_to, edit);
  }

  // The REFER that a request makes. It is declined, so that the call is free
  // for the next.
  SipMessage DeclinedRefer(std::string_view refer_to,
                           const ReferClient::Edit& edit = nullptr) {
    TransferStream stream = Refer(refer_to, edit);
    SipMessage refer = peer.Expect("REFER");
    peer.Answer(refer, 603);
    stream.RestUntilResult();
    return refer;
  }

  // How a Refer() of this call ends that must be refused.
  grpc::Status ReferRefused(std::string_view refer_to,
                            const ReferClient::Edit& edit = nullptr) {
    v1::ReferRequest request;
    request.set_call_id(id);
    request.set_refer_to(std::string(refer_to));
    if (edit) edit(request);
    return client.ReferRefused(request);
  }

  // The call's events from now on; the snapshot is read.
  EventStream<v1::CallEvent> Watch() {
    EventStream<v1::CallEvent> calls = client.WatchCalls(id);
    EXPECT_EQ(calls.Next().type(), v1::CALL_EVENT_TYPE_SNAPSHOT);
    return calls;
  }

  // The call once it is over, or once it has changed. `calls` is Watch(), from
  // before that.
  v1::Call AwaitEnded(EventStream<v1::CallEvent>& calls) {
    return AwaitState(calls, peer.dialog().call_id, v1::CALL_STATE_ENDED);
  }
  static v1::Call AwaitUpdated(EventStream<v1::CallEvent>& calls) {
    while (true) {
      v1::CallEvent event = calls.Next();
      if (event.type() == v1::CALL_EVENT_TYPE_UPDATED) return event.call();
    }
  }

  // REFER, 202; the stream has told both. Returns the stream.
  TransferStream AcceptedRefer(const ReferClient::Edit& edit = nullptr) {
    TransferStream stream = Refer("sip:carol@target.example", edit);
    peer.Answer(peer.Expect("REFER"), 202);
    EXPECT_THAT(stream.Next(), ReferSent());
    EXPECT_THAT(stream.Next(), ReferAnswered(202));
    return stream;
  }

  // Shows that the dialog is whole on both sides: the far end renegotiates, and
  // this side's BYE leaves at once.
  void ExpectAlive() {
    EXPECT_THAT(peer.ReInvite(SdpOffer({40000}, 2)), Answered(200));
    ExpectHangsUp();
  }

  void ExpectHangsUp() {
    client.HangUp(id);
    peer.Answer(peer.Expect("BYE", std::chrono::milliseconds(500)), 200);
  }

  ScriptedPeer peer;
  ReferClient client;
  std::string id;
};

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_SERVER_TEST_H_
