// SPDX-License-Identifier: Apache-2.0
//
// Input: the session description that a far end offers or a client gives.
#include "sip/call/sdp_answer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sip/call/sdp_hold.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/property.h"

namespace callcontrol::sip {
namespace {

using fuzz::Require;

const SdpOrigin kOrigin = {
    .session_id = 4711, .version = 1, .address = "192.0.2.1"};

std::vector<std::string_view> LinesOf(std::string_view sdp) {
  std::vector<std::string_view> lines;
  while (!sdp.empty()) {
    std::string_view line = fuzz::TakeUntil(sdp, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

void CheckLines(std::string_view sdp) {
  Require(sdp.ends_with("\r\n"), "the last line ends with CRLF");
  for (const std::string_view line : LinesOf(sdp)) {
    Require(line.size() > 2 && line[1] == '=', "every line is TYPE=VALUE");
    Require(line.find_first_of(std::string_view("\0\r", 2)) == line.npos,
            "no line holds NUL or CR");
  }
}

// "m=TYPE PORT PROTOCOL": the words of each stream.
struct Stream {
  std::string_view type;
  std::string_view port;
  std::string_view protocol;
};

std::vector<Stream> StreamsOf(std::string_view sdp) {
  std::vector<Stream> streams;
  for (std::string_view line : LinesOf(sdp)) {
    if (!line.starts_with("m=")) continue;
    const std::string_view type = fuzz::TakeUntil(line, ' ');
    const std::string_view port = fuzz::TakeUntil(line, ' ');
    streams.push_back({type, port, fuzz::TakeUntil(line, ' ')});
  }
  return streams;
}

void CheckAnswer(std::string_view offer) {
  const absl::StatusOr<std::string> answer =
      WriteInactiveAnswer(offer, kOrigin);
  if (!answer.ok()) return fuzz::RequireHelpful(answer.status());
  CheckLines(*answer);
  Require(CountMedia(*answer) == CountMedia(offer),
          "an answer has as many streams as its offer");
  Require(SdpVersion(*answer) == kOrigin.version, "the version is ours");
  std::size_t refused = 0;
  for (const Stream& stream : StreamsOf(*answer)) {
    Require(stream.port == "9" || stream.port == "0",
            "a stream is accepted or refused");
    Require(stream.port == "0" || stream.protocol.starts_with("RTP/"),
            "only RTP is accepted");
    if (stream.port == "0") ++refused;
  }
  // The answer is itself an offer that can be answered.
  const absl::StatusOr<std::string> again =
      WriteInactiveAnswer(*answer, kOrigin);
  Require(again.ok(), "an answer can be read");
  Require(again == answer || refused > 0,
          "an answer to an answer that accepts all is the same");
}

void CheckHold(std::string_view sdp, bool always_sendonly) {
  const std::string held = WithHold(sdp, always_sendonly);
  Require(CountMedia(held) == CountMedia(sdp), "a hold keeps every stream");
  Require(WithHold(held, always_sendonly) == held, "a held session stays");
  Require(held.empty() || held.ends_with("\r\n"), "lines end with CRLF");
}

void CheckVersion(std::string_view sdp) {
  const std::string next = WithSdpVersion(sdp, 4712);
  Require(CountMedia(next) == CountMedia(sdp), "a version keeps every stream");
  Require(
      SdpVersion(next) ==
          (SdpVersion(sdp) ? std::optional<std::uint64_t>(4712) : std::nullopt),
      "the version is the new one");
}

}  // namespace
}  // namespace callcontrol::sip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace callcontrol;
  const std::string_view sdp = fuzz::FuzzInput(data, size).rest();
  sip::CheckAnswer(sdp);
  sip::CheckHold(sdp, false);
  sip::CheckHold(sdp, true);
  sip::CheckVersion(sdp);
  return 0;
}
