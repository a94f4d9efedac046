// SPDX-License-Identifier: Apache-2.0
//
// More comes than the server can do.
#include <chrono>
#include <string>
#include <thread>

#include "tests/support/hostile_sender.h"
#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using namespace std::chrono_literals;

TEST(OverloadTest, CallsAreRefusedAndThoseThatAreThereGoOn) {
  Shows({"107"});
  CallcontroldProcess server(
      TestConfig("calls { overload_after { nanos: 30000000 } }"));
  // TCP: the flood fills the buffer of the UDP socket, and the peer sends
  // nothing twice.
  const PeerOptions tcp{.transport = Transport::kTcp};
  // While the server has nothing else to do it takes calls.
  AnsweredCall call(server, tcp);
  ScriptedPeer caller(server.sip_port(), tcp);
  std::jthread flood([&](const std::stop_token& stop) {
    HostileSender sender(server.sip_port(), 1);
    while (!stop.stop_requested()) sender.Send("OPTIONS sip:a SIP/2.0\r\n\r\n");
  });
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  bool refused = false;
  while (!refused && std::chrono::steady_clock::now() < deadline) {
    const SipMessage answer = caller.AwaitAnswer(caller.StartInvite());
    refused = answer.status() == 503;
    if (refused) {
      EXPECT_TRUE(answer.Has("Retry-After"));
    } else {
      caller.Ack(answer);
      EXPECT_THAT(caller.Bye(), Answered(200));
    }
  }
  EXPECT_TRUE(refused);
  server.AwaitLog("overload: at work without a pause");

  TransferStream stream = call.Refer();
  call.peer.Answer(call.peer.Expect("REFER"), 202);
  EXPECT_THAT(call.peer.Notify("SIP/2.0 200 OK", "terminated"), Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
  flood = {};
  server.AwaitLog("overload: over");
}

}  // namespace
}  // namespace callcontrol::testing
