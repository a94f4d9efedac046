// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_FUZZ_ENGINE_STAGE_H_
#define CALLCONTROL_TESTS_FUZZ_ENGINE_STAGE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sip/sofia/sofia_engine.h"
#include "tests/fuzz/engine_watch.h"
#include "tests/fuzz/far_end.h"
#include "tests/support/sip_message.h"

namespace callcontrol::fuzz {

// How far a call has come when the fuzzer's datagrams arrive.
enum class Scene {
  kAnswered,  // The far end called and was answered.
  kReferred,  // A REFER is open.
  kAccepted,  // It was answered 202.
  kHolding,   // The re-INVITE that comes before a REFER is open.
  kRinging,   // The far end called; a client is to answer.
  kPlaced,    // The engine's own INVITE is open.
};

// "accepted" and so on; nullopt for other words.
std::optional<Scene> SceneOf(std::string_view word);

// A live engine on loopback, and its far end: one UDP socket. Every input gets
// a call of its own, so that what one leaves behind is no part of the next.
//
// Threads: one thread, beside the engine's own.
// Errors: end the process; the engine is at fault, or the machine.
// Time: waits for the engine's datagrams only, never for time to pass.
class EngineStage {
 public:
  EngineStage();

  // Makes a call and brings it to `scene`.
  void Set(Scene scene);
  // Sends a datagram with its placeholders, "{branch}" and so on, filled in.
  void Send(std::string_view text);
  // Does to the call what a client may: "answer", "reject", "hold", "resume",
  // "refer" or "hang-up". False for other words.
  bool Act(std::string_view word);
  // Returns once the engine has read what was sent, and ends the process where
  // it does not answer.
  void AwaitAlive() { far_end_.AwaitAlive(); }
  // Hangs up every call.
  void Clear();

 private:
  void StartCall(std::string_view user);
  void Ring();
  void StartRefer(bool hold_first);
  void PlaceCall();
  std::string FillIn(std::string_view text);

  testing::SipMessage AwaitRequest(std::string_view method);
  void Remember(const testing::SipMessage& request);

  EngineWatch watch_;
  std::unique_ptr<sip::SofiaEngine> engine_;
  FarEnd far_end_;
  std::map<std::string, std::string, std::less<>> placeholders_;
  std::uint64_t cseq_ = 0;
};

}  // namespace callcontrol::fuzz

#endif  // CALLCONTROL_TESTS_FUZZ_ENGINE_STAGE_H_
