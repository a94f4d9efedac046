// SPDX-License-Identifier: Apache-2.0
#include "sip/call/sdp_hold.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "sip/call/sdp_answer.h"

namespace callcontrol::sip {
namespace {

constexpr std::array<absl::string_view, 4> kDirections = {
    "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"};

// The lines without their ends.
std::vector<absl::string_view> LinesOf(std::string_view sdp) {
  std::vector<absl::string_view> lines;
  for (absl::string_view line :
       absl::StrSplit(absl::string_view(sdp.data(), sdp.size()), '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

// "o=<user> <session> <version> ...": the place of the version in `line`.
std::optional<absl::string_view> VersionIn(absl::string_view line) {
  if (line.substr(0, 2) != "o=") return std::nullopt;
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  std::uint64_t number = 0;
  if (words.size() < 3 || !absl::SimpleAtoi(words[2], &number)) {
    return std::nullopt;
  }
  return words[2];
}

// An o= line (RFC 4566, 5.2).
struct Origin {
  // Where it stands, without its end.
  absl::string_view line;
  absl::string_view user;
  absl::string_view session;
  std::uint64_t version = 0;
  // What follows the version: " IN IP4 192.0.2.1".
  absl::string_view rest;

  // Whether both are of the same session.
  bool operator==(const Origin& other) const {
    return user == other.user && session == other.session && rest == other.rest;
  }
};

std::optional<Origin> OriginOf(std::string_view sdp) {
  for (const absl::string_view line : LinesOf(sdp)) {
    const auto version = VersionIn(line);
    if (!version) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    Origin origin{.line = line,
                  .user = words[0].substr(2),
                  .session = words[1],
                  .rest = line.substr(static_cast<std::size_t>(
                      version->data() + version->size() - line.data()))};
    if (absl::SimpleAtoi(*version, &origin.version)) return origin;
  }
  return std::nullopt;
}

bool IsDirection(absl::string_view line) {
  return std::ranges::find(kDirections, line) != kDirections.end();
}

bool IsRefused(absl::string_view media) {
  const std::vector<absl::string_view> words = absl::StrSplit(media, ' ');
  return words.size() > 1 && words[1] == "0";
}

absl::string_view Held(absl::string_view direction, bool always_sendonly) {
  const bool sends = direction == "a=sendrecv" || direction == "a=sendonly";
  return sends || always_sendonly ? "a=sendonly" : "a=inactive";
}

// One m= line and what stands under it.
void AppendHeld(const std::vector<absl::string_view>& section,
                absl::string_view session_direction, bool always_sendonly,
                std::string& sdp) {
  absl::string_view direction = session_direction;
  for (const absl::string_view line : section) {
    if (IsDirection(line)) {
      direction = line;
    } else {
      absl::StrAppend(&sdp, line, "\r\n");
    }
  }
  if (IsRefused(section.front())) return;
  absl::StrAppend(&sdp, Held(direction, always_sendonly), "\r\n");
}

}  // namespace

std::optional<std::uint64_t> SdpVersion(std::string_view sdp) {
  for (const absl::string_view line : LinesOf(sdp)) {
    std::uint64_t version = 0;
    const auto text = VersionIn(line);
    if (text && absl::SimpleAtoi(*text, &version)) return version;
  }
  return std::nullopt;
}

std::string WithSdpVersion(std::string_view sdp, std::uint64_t version) {
  std::string result;
  for (const absl::string_view line : LinesOf(sdp)) {
    if (const auto text = VersionIn(line)) {
      const auto before = static_cast<std::size_t>(text->data() - line.data());
      absl::StrAppend(&result, line.substr(0, before), version,
                      line.substr(before + text->size()), "\r\n");
    } else {
      absl::StrAppend(&result, line, "\r\n");
    }
  }
  return result;
}

std::string ContinueSession(std::string_view next, std::string_view last) {
  const std::optional<Origin> theirs = OriginOf(next);
  const std::optional<Origin> ours = OriginOf(last);
  if (next == last || !theirs || !ours) return std::string(next);
  if (*theirs == *ours && theirs->version > ours->version) {
    return std::string(next);
  }
  const std::string line = absl::StrCat("o=", ours->user, " ", ours->session,
                                        " ", ours->version + 1, ours->rest);
  std::string sdp(next);
  const auto at = static_cast<std::size_t>(theirs->line.data() - next.data());
  return sdp.replace(at, theirs->line.size(), line);
}

std::string WithHold(std::string_view sdp, bool always_sendonly) {
  std::string result;
  absl::string_view session_direction = kDirections.front();
  std::vector<absl::string_view> section;
  for (const absl::string_view line : LinesOf(sdp)) {
    if (line.substr(0, 2) == "m=") {
      if (!section.empty()) {
        AppendHeld(section, session_direction, always_sendonly, result);
      }
      section = {line};
    } else if (!section.empty()) {
      section.push_back(line);
    } else if (IsDirection(line)) {
      session_direction = line;
    } else {
      absl::StrAppend(&result, line, "\r\n");
    }
  }
  if (!section.empty()) {
    AppendHeld(section, session_direction, always_sendonly, result);
  }
  return result;
}

std::string WithoutHold(std::string_view sdp) {
  std::string result;
  for (const absl::string_view line : LinesOf(sdp)) {
    const bool held = line == "a=recvonly" || line == "a=inactive";
    absl::StrAppend(&result, held ? "a=sendrecv" : line, "\r\n");
  }
  return result;
}

std::string WithRefusedMedia(std::string_view offer, std::string_view last) {
  std::size_t offered = CountMedia(offer);
  std::string sdp(offer);
  for (const absl::string_view line : LinesOf(last)) {
    if (line.substr(0, 2) != "m=") continue;
    if (offered > 0) {
      --offered;
      continue;
    }
    std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() < 2) continue;
    words[1] = "0";
    if (!sdp.empty() && sdp.back() != '\n') absl::StrAppend(&sdp, "\r\n");
    absl::StrAppend(&sdp, absl::StrJoin(words, " "), "\r\n");
  }
  return sdp;
}

std::string WithMediaUpTo(std::size_t count, std::string_view sdp) {
  if (CountMedia(sdp) <= count) return std::string(sdp);
  std::string result;
  std::size_t seen = 0;
  for (const absl::string_view line : LinesOf(sdp)) {
    if (line.substr(0, 2) == "m=" && seen++ == count) break;
    absl::StrAppend(&result, line, "\r\n");
  }
  return result;
}

std::string WithoutRefusedMedia(std::size_t count, std::string_view sdp) {
  std::size_t seen = 0;
  for (const absl::string_view line : LinesOf(sdp)) {
    if (line.substr(0, 2) != "m=") continue;
    if (seen++ >= count && !IsRefused(line)) return std::string(sdp);
  }
  return WithMediaUpTo(count, sdp);
}

bool HasSameMedia(std::string_view one, std::string_view other) {
  const auto media = [](std::string_view sdp) {
    std::vector<absl::string_view> lines = LinesOf(sdp);
    std::erase_if(lines, [](absl::string_view line) {
      return line.substr(0, 2) == "o=" || line == kDirections.front();
    });
    return lines;
  };
  return media(one) == media(other);
}

}  // namespace callcontrol::sip
