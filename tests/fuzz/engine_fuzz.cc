// SPDX-License-Identifier: Apache-2.0
//
// Input: the scene of engine_stage.h ("accepted" where there is none), then
// datagrams for a live engine, and between them words for what a client does:
// "answer" and so on (EngineStage::Act()). In datagrams stand for what is known
// once the scene is set:
//   {peer}          HOST:PORT of the far end
//   {target}        the engine's URI
//   {branch}        a new branch
//   {cseq}          the next CSeq number
//   {dialog}        Max-Forwards, From, To and Call-ID of a request in the call
//   {call-id}, {own-tag}, {engine-tag}
//   {own-invite}    Via, Max-Forwards, From, To, Call-ID of the far end's
//   INVITE {request}       Via, From, To, Call-ID and CSeq of an answer to the
//   request
//                   of the engine that is open
//   {refer-cseq}, {refer-branch}
//
// The engine has to be there afterwards, and EngineWatch must not complain.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tests/fuzz/engine_stage.h"
#include "tests/fuzz/fuzz_input.h"

// OpenSSL frees what it keeps for the engine's thread before that thread ends,
// which LeakSanitizer takes for a leak. The tests of the preset "asan" look for
// real ones.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  // Lives as long as the process.
  static fuzz::EngineStage stage;
  fuzz::FuzzInput input(data, size);
  fuzz::FuzzInput without_scene = input;
  const std::optional<fuzz::Scene> scene = fuzz::SceneOf(input.Part());
  if (!scene) input = without_scene;
  stage.Set(scene.value_or(fuzz::Scene::kAccepted));
  // More of them add time, and nothing else.
  constexpr int kMaxParts = 16;
  for (int i = 0; i < kMaxParts && !input.empty(); ++i) {
    const std::string_view part = input.Part();
    if (!stage.Act(part)) stage.Send(part);
  }
  stage.AwaitAlive();
  stage.Clear();
  return 0;
}
