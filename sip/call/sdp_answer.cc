// SPDX-License-Identifier: Apache-2.0
#include "sip/call/sdp_answer.h"

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <vector>

#include "base/error.h"

namespace callcontrol::sip {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kMaxOffer = std::size_t{64} * 1024;
constexpr std::size_t kMaxMedia = 64;
// RTP payload types have seven bits (RFC 3550, section 5.1); those from 96 on
// mean nothing without an rtpmap (RFC 3551, section 3).
constexpr std::size_t kPayloadTypes = 128;
constexpr int kFirstDynamicType = 96;
// The discard port. An inactive stream still needs a port, because zero would
// refuse it (RFC 3264, section 6), and the server reads none.
constexpr std::string_view kAcceptedPort = "9";

// One m= line of an offer and what matters of the lines under it.
struct Media {
  std::string_view type;
  std::string_view protocol;
  std::vector<std::string_view> formats;
  bool refused_by_offer = false;  // Port 0.
  // The whole lines, "a=rtpmap:0 PCMU/8000".
  std::vector<std::string_view> format_lines;
  // Those of `formats` that the answer may name.
  std::vector<std::string_view> usable;
};

struct Offer {
  // The "t=" lines, whole.
  std::vector<std::string_view> times;
  std::vector<Media> media;
};

absl::Status BadSdp(std::string_view message) {
  return InvalidField("", "BAD_SDP", message);
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

bool IsVisible(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7F;
  });
}

// Removes and returns what stands before the next space, skipping spaces.
std::string_view TakeWord(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

// A payload type, or nullopt where the format is none.
std::optional<int> PayloadType(std::string_view format) {
  if (!IsDigits(format) || format.size() > 3) return std::nullopt;
  int type = 0;
  for (const char c : format) type = type * 10 + (c - '0');
  if (type >= static_cast<int>(kPayloadTypes)) return std::nullopt;
  return type;
}

// The payload type that an a=rtpmap or a=fmtp line speaks of.
std::optional<int> TypeOfLine(std::string_view line) {
  std::string_view rest = line.substr(std::min(line.find(':'), line.size()));
  if (!rest.empty()) rest.remove_prefix(1);
  return PayloadType(TakeWord(rest));
}

bool IsRtpMap(std::string_view line) {
  return line.substr(0, 9) == "a=rtpmap:";
}

// Reads the value of an m= line; nullopt where it is malformed.
std::optional<Media> ReadMedia(std::string_view value) {
  Media media;
  media.type = TakeWord(value);
  std::string_view count = TakeWord(value);
  const std::string_view port = count.substr(0, count.find('/'));
  count.remove_prefix(port.size());
  media.protocol = TakeWord(value);
  while (true) {
    const std::string_view format = TakeWord(value);
    if (format.empty()) break;
    if (!IsVisible(format)) return std::nullopt;
    media.formats.push_back(format);
  }
  if (!IsVisible(media.type) || !IsVisible(media.protocol) ||
      media.formats.empty() || !IsDigits(port) || port.size() > 5 ||
      (!count.empty() && !IsDigits(count.substr(1)))) {
    return std::nullopt;
  }
  media.refused_by_offer = port.find_first_not_of('0') == kNone;
  return media;
}

bool IsTime(std::string_view line) {
  std::string_view rest = line.substr(2);
  const bool start = IsDigits(TakeWord(rest));
  const bool stop = IsDigits(TakeWord(rest));
  return start && stop && TakeWord(rest).empty();
}

// Reads one line that is not the first one. Unknown lines are ignored.
absl::Status ReadLine(std::string_view line, Offer& offer) {
  const std::string_view type = line.substr(0, 2);
  if (type == "t=" && offer.media.empty()) {
    if (!IsTime(line)) return BadSdp("The offer has a malformed t= line.");
    offer.times.push_back(line);
  } else if (type == "m=") {
    std::optional<Media> media = ReadMedia(line.substr(2));
    if (!media) return BadSdp("The offer has a malformed m= line.");
    if (offer.media.size() == kMaxMedia) {
      return BadSdp("The offer has more than 64 m= lines.");
    }
    offer.media.push_back(*std::move(media));
  } else if (!offer.media.empty() &&
             (IsRtpMap(line) || line.substr(0, 7) == "a=fmtp:")) {
    offer.media.back().format_lines.push_back(line);
  }
  return absl::OkStatus();
}

// The formats of `media` that the answer may name: payload types with a
// meaning, each once, in the offer's order.
std::vector<std::string_view> UsableFormats(const Media& media) {
  std::bitset<kPayloadTypes> usable;
  for (std::size_t type = 0; type < kFirstDynamicType; ++type) usable.set(type);
  for (const std::string_view line : media.format_lines) {
    const std::optional<int> type = TypeOfLine(line);
    if (type && IsRtpMap(line)) usable.set(static_cast<std::size_t>(*type));
  }
  std::vector<std::string_view> formats;
  for (const std::string_view format : media.formats) {
    const std::optional<int> type = PayloadType(format);
    if (!type || !usable.test(static_cast<std::size_t>(*type))) continue;
    usable.reset(static_cast<std::size_t>(*type));
    formats.push_back(format);
  }
  return formats;
}

absl::StatusOr<Offer> ReadOffer(std::string_view text) {
  if (text.size() > kMaxOffer) return BadSdp("The offer exceeds 64 KiB.");
  Offer offer;
  bool first = true;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find('\0') != kNone || line.find('\r') != kNone) {
      return BadSdp("The offer has a NUL or a lone CR in it.");
    }
    if (first && line != "v=0") break;
    absl::Status read = first ? absl::OkStatus() : ReadLine(line, offer);
    if (!read.ok()) return read;
    first = false;
  }
  if (first) return BadSdp("The offer does not begin with v=0.");
  for (Media& media : offer.media) media.usable = UsableFormats(media);
  return offer;
}

bool IsAcceptable(const Media& media, bool secure) {
  const std::string_view plain = secure ? "RTP/SAVP" : "RTP/AVP";
  const std::string_view feedback = secure ? "RTP/SAVPF" : "RTP/AVPF";
  return !media.refused_by_offer &&
         (media.protocol == plain || media.protocol == feedback) &&
         !media.usable.empty();
}

void Append(std::string& sdp, std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) sdp += piece;
  sdp += "\r\n";
}

void AppendRefused(const Media& media, std::string& sdp) {
  // Formats have no meaning here, but the grammar wants one.
  Append(sdp,
         {"m=", media.type, " 0 ", media.protocol, " ", media.formats.front()});
}

void AppendInactive(const Media& media, std::string& sdp) {
  std::string list;
  std::bitset<kPayloadTypes> kept;
  for (const std::string_view format : media.usable) {
    list += ' ';
    list += format;
    kept.set(static_cast<std::size_t>(PayloadType(format).value_or(0)));
  }
  Append(sdp,
         {"m=", media.type, " ", kAcceptedPort, " ", media.protocol, list});
  for (const std::string_view line : media.format_lines) {
    const std::optional<int> type = TypeOfLine(line);
    if (type && kept.test(static_cast<std::size_t>(*type))) Append(sdp, {line});
  }
  Append(sdp, {"a=inactive"});
}

// The session lines before t=.
std::string Head(const SdpOrigin& origin) {
  const std::string_view family =
      origin.address.find(':') == std::string::npos ? "IN IP4 " : "IN IP6 ";
  std::string sdp;
  Append(sdp, {"v=0"});
  Append(sdp, {"o=- ", std::to_string(origin.session_id), " ",
               std::to_string(origin.version), " ", family, origin.address});
  Append(sdp, {"s=-"});
  Append(sdp, {"c=", family, origin.address});
  return sdp;
}

}  // namespace

absl::StatusOr<std::string> WriteInactiveAnswer(std::string_view offer,
                                                const SdpOrigin& origin) {
  const absl::StatusOr<Offer> read = ReadOffer(offer);
  if (!read.ok()) return read.status();
  std::string sdp = Head(origin);
  // RFC 3264, section 6: the answer's t= equals the offer's.
  for (const std::string_view time : read->times) Append(sdp, {time});
  if (read->times.empty()) Append(sdp, {"t=0 0"});
  const bool secure = std::none_of(
      read->media.begin(), read->media.end(),
      [](const Media& media) { return IsAcceptable(media, false); });
  for (const Media& media : read->media) {
    if (IsAcceptable(media, secure)) {
      AppendInactive(media, sdp);
    } else {
      AppendRefused(media, sdp);
    }
  }
  return sdp;
}

std::string WriteInactiveOffer(const SdpOrigin& origin) {
  std::string sdp = Head(origin);
  Append(sdp, {"t=0 0"});
  Append(sdp, {"m=audio ", kAcceptedPort, " RTP/AVP 0 8 101"});
  Append(sdp, {"a=rtpmap:0 PCMU/8000"});
  Append(sdp, {"a=rtpmap:8 PCMA/8000"});
  Append(sdp, {"a=rtpmap:101 telephone-event/8000"});
  Append(sdp, {"a=fmtp:101 0-15"});
  Append(sdp, {"a=inactive"});
  return sdp;
}

std::size_t CountMedia(std::string_view sdp) {
  std::size_t count = sdp.substr(0, 2) == "m=" ? 1 : 0;
  for (std::size_t at = sdp.find("\nm="); at != kNone;
       at = sdp.find("\nm=", at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace callcontrol::sip
