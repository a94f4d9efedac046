// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/sipfrag.h"

#include <algorithm>
#include <cstddef>

#include "sip/transfer/display_text.h"
#include "sip/transfer/subscription_state.h"

namespace callcontrol::sip {
namespace {

constexpr std::size_t kMaxBody = std::size_t{64} * 1024;
constexpr std::size_t kMaxLine = 512;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, section 5.1.1.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kNone = std::string_view::npos;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

struct Line {
  std::string_view text;
  bool has_end = false;
};

// Removes and returns the first line of `rest`. CRLF, LF and a lone CR end it.
Line TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find_first_of("\r\n");
  if (end == kNone) {
    const Line line{rest, false};
    rest = {};
    return line;
  }
  const Line line{rest.substr(0, end), true};
  const bool crlf = rest.substr(end, 2) == "\r\n";
  rest.remove_prefix(end + (crlf ? 2 : 1));
  return line;
}

// The value of the first header `name` in `headers`, or an empty view. Spans
// folded lines as they are; ends at the first empty line.
std::string_view FindHeader(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    const std::string_view line = TakeLine(headers).text;
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == kNone || IsBlank(line.front()) ||
        !EqualsIgnoreCase(TrimBlanks(line.substr(0, colon)), name)) {
      continue;
    }
    const char* begin = line.data() + colon + 1;
    const char* end = line.data() + line.size();
    while (!headers.empty() && IsBlank(headers.front())) {
      const std::string_view more = TakeLine(headers).text;
      end = more.data() + more.size();
    }
    return TrimBlanks({begin, static_cast<std::size_t>(end - begin)});
  }
  return {};
}

enum class MediaType { kAbsent, kSipfrag, kSip, kMultipart, kOther };

MediaType ReadMediaType(std::string_view content_type) {
  const std::string_view text = WithoutParameters(content_type);
  if (text.empty()) return MediaType::kAbsent;
  const std::size_t slash = text.find('/');
  if (slash == kNone) return MediaType::kOther;
  const std::string_view type = TrimBlanks(text.substr(0, slash));
  const std::string_view subtype = TrimBlanks(text.substr(slash + 1));
  if (EqualsIgnoreCase(type, "multipart")) return MediaType::kMultipart;
  if (!EqualsIgnoreCase(type, "message")) return MediaType::kOther;
  if (EqualsIgnoreCase(subtype, "sipfrag")) return MediaType::kSipfrag;
  if (EqualsIgnoreCase(subtype, "sip")) return MediaType::kSip;
  return MediaType::kOther;
}

bool IsEncoded(std::string_view content_encoding) {
  const std::string_view coding = TrimBlanks(content_encoding);
  return !coding.empty() && !EqualsIgnoreCase(coding, "identity");
}

bool IsDelimiter(std::string_view line, std::string_view boundary) {
  if (line.substr(0, 2) != "--" ||
      line.substr(2, boundary.size()) != boundary) {
    return false;
  }
  const std::string_view tail = TrimBlanks(line.substr(2 + boundary.size()));
  return tail.empty() || tail == "--";
}

// One part of a multipart body.
struct Part {
  std::string_view headers;
  std::string_view content;
};

// Removes and returns the part that `rest` begins with, up to and including the
// next delimiter. The line end before a delimiter belongs to the delimiter by
// RFC 2046, section 5.1.1; it is left with the content, where it cannot be
// mistaken for a fault of the fragment.
Part TakePart(std::string_view& rest, std::string_view boundary) {
  const std::string_view all = rest;
  Part part;
  bool in_headers = true;
  std::size_t content_begin = all.size();
  while (!rest.empty()) {
    const std::size_t line_begin = all.size() - rest.size();
    const std::string_view line = TakeLine(rest).text;
    if (IsDelimiter(line, boundary)) {
      part.headers = all.substr(0, std::min(content_begin, line_begin));
      part.content = content_begin < line_begin
                         ? all.substr(content_begin, line_begin - content_begin)
                         : std::string_view();
      return part;
    }
    if (in_headers && line.empty()) {
      in_headers = false;
      content_begin = all.size() - rest.size();
    }
  }
  part.headers = all.substr(0, content_begin);
  part.content = all.substr(content_begin);
  return part;
}

// The first message/sipfrag part of a multipart body, or nullopt.
std::optional<Part> FindSipfragPart(std::string_view body,
                                    std::string_view content_type) {
  const std::optional<std::string> boundary =
      FindParameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) {
    return std::nullopt;
  }
  TakePart(body, *boundary);  // The preamble.
  while (!body.empty()) {
    const Part part = TakePart(body, *boundary);
    if (ReadMediaType(FindHeader(part.headers, "Content-Type")) ==
        MediaType::kSipfrag) {
      return part;
    }
  }
  return std::nullopt;
}

bool IsEncoded(const Part& part) {
  const std::string_view transfer =
      FindHeader(part.headers, "Content-Transfer-Encoding");
  const bool plain = transfer.empty() || EqualsIgnoreCase(transfer, "7bit") ||
                     EqualsIgnoreCase(transfer, "8bit") ||
                     EqualsIgnoreCase(transfer, "binary");
  return !plain || IsEncoded(FindHeader(part.headers, "Content-Encoding"));
}

// Names what a first line is that does not begin with "SIP/".
SipfragError ErrorOfForeignLine(std::string_view line) {
  const std::size_t name_end = line.find_first_of(" \t:");
  if (name_end == kNone || !IsToken(line.substr(0, name_end))) {
    return SipfragError::kBadStatusLine;
  }
  const std::string_view rest = TrimBlanks(line.substr(name_end));
  if (!rest.empty() && rest.front() == ':') return SipfragError::kNoStatusLine;
  const std::size_t version = rest.find_last_of(" \t");
  if (version != kNone &&
      EqualsIgnoreCase(rest.substr(version + 1, 4), "SIP/")) {
    return SipfragError::kRequestLine;
  }
  return SipfragError::kBadStatusLine;
}

// Removes and returns the characters at the start of `text` that satisfy `is`.
std::string_view TakeWhile(std::string_view& text, bool (*is)(char)) {
  std::size_t end = 0;
  while (end < text.size() && is(text[end])) ++end;
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

// Reads the version at the start of `line` and removes it.
std::optional<SipfragError> TakeVersion(std::string_view& line,
                                        SipfragReading& reading) {
  if (!EqualsIgnoreCase(line.substr(0, 4), "SIP/")) {
    return ErrorOfForeignLine(line);
  }
  if (line.substr(0, 4) != "SIP/") reading.warnings.push_back("VERSION_CASE");
  line.remove_prefix(4);
  const std::string_view major = TakeWhile(line, IsDigit);
  if (major.empty() || line.empty() || line.front() != '.') {
    return SipfragError::kBadStatusLine;
  }
  line.remove_prefix(1);
  const std::string_view minor = TakeWhile(line, IsDigit);
  if (minor.empty() || (!line.empty() && !IsBlank(line.front()))) {
    return SipfragError::kBadStatusLine;
  }
  if (major != "2" || minor != "0") return SipfragError::kBadVersion;
  return std::nullopt;
}

// Reads `line` as a status line into `reading`; says why where it is none.
std::optional<SipfragError> ReadStatusLine(std::string_view line,
                                           SipfragReading& reading) {
  if (line.size() > kMaxLine) return SipfragError::kLineTooLong;
  if (line.find('\0') != kNone) return SipfragError::kNulByte;
  if (const auto error = TakeVersion(line, reading)) return error;
  TakeWhile(line, IsBlank);
  const std::string_view digits = TakeWhile(line, IsDigit);
  if (digits.empty() || (!line.empty() && !IsBlank(line.front()))) {
    return SipfragError::kBadStatusLine;
  }
  if (digits.size() != 3 || digits[0] < '1' || digits[0] > '6') {
    return SipfragError::kBadCode;
  }
  if (line.empty()) reading.warnings.push_back("NO_REASON_SP");
  const int code =
      (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  reading.status = SipStatus{code, CleanText(line)};
  return std::nullopt;
}

// Reads the fragment itself, without regard to its type.
std::optional<SipfragError> ReadFragment(std::string_view fragment,
                                         SipfragReading& reading) {
  const std::size_t size = fragment.size();
  fragment = fragment.substr(
      std::min(fragment.find_first_not_of(" \t\r\n"), fragment.size()));
  if (fragment.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    fragment.remove_prefix(kByteOrderMark.size());
    fragment = fragment.substr(
        std::min(fragment.find_first_not_of(" \t\r\n"), fragment.size()));
  }
  if (fragment.size() != size) reading.warnings.push_back("LEADING_WS");
  if (fragment.empty()) return SipfragError::kNoBody;
  const Line line = TakeLine(fragment);
  if (!line.has_end) reading.warnings.push_back("NO_EOL");
  if (const auto error = ReadStatusLine(line.text, reading)) return error;
  reading.sip_reason = CleanText(FindHeader(fragment, "Reason"));
  reading.warning_header = CleanText(FindHeader(fragment, "Warning"));
  return std::nullopt;
}

// A body of a type that never holds a status: taken for a mislabelled sipfrag
// only where nothing else is wrong with its first line. A missing line end is
// no sign of another type.
SipfragReading ReadMislabelled(std::string_view body) {
  SipfragReading reading;
  const std::optional<SipfragError> error = ReadFragment(body, reading);
  bool clean = !error;
  for (const std::string_view warning : reading.warnings) {
    clean = clean && warning == "NO_EOL";
  }
  if (!clean) {
    reading = {};
    reading.error = SipfragError::kWrongContentType;
  }
  reading.warnings.insert(reading.warnings.begin(), "CONTENT_TYPE");
  return reading;
}

SipfragReading ReadTyped(std::string_view content_type, std::string_view body) {
  SipfragReading reading;
  const MediaType type = ReadMediaType(content_type);
  if (type == MediaType::kOther) return ReadMislabelled(body);
  if (type == MediaType::kMultipart) {
    const std::optional<Part> part = FindSipfragPart(body, content_type);
    if (!part) {
      reading.warnings.push_back("CONTENT_TYPE");
      reading.error = SipfragError::kWrongContentType;
      return reading;
    }
    if (IsEncoded(*part)) {
      reading.error = SipfragError::kContentEncoding;
      return reading;
    }
    body = part->content;
  }
  if (type == MediaType::kAbsent) reading.warnings.push_back("NO_CONTENT_TYPE");
  reading.error = ReadFragment(body, reading);
  return reading;
}

SipfragReading Failed(SipfragError error) {
  SipfragReading reading;
  reading.error = error;
  return reading;
}

}  // namespace

std::string_view ToString(SipfragError error) {
  switch (error) {
    case SipfragError::kNoBody:
      return "NO_BODY";
    case SipfragError::kBadStatusLine:
      return "BAD_STATUS_LINE";
    case SipfragError::kBadCode:
      return "BAD_CODE";
    case SipfragError::kBadVersion:
      return "BAD_VERSION";
    case SipfragError::kRequestLine:
      return "REQUEST_LINE";
    case SipfragError::kNoStatusLine:
      return "NO_STATUS_LINE";
    case SipfragError::kTooLarge:
      return "TOO_LARGE";
    case SipfragError::kWrongContentType:
      return "WRONG_CONTENT_TYPE";
    case SipfragError::kContentEncoding:
      return "CONTENT_ENCODING";
    case SipfragError::kNulByte:
      return "NUL_BYTE";
    case SipfragError::kLineTooLong:
      return "LINE_TOO_LONG";
  }
  return "?";
}

SipfragReading ReadSipfrag(const SipfragBody& body) {
  if (body.body.empty()) return Failed(SipfragError::kNoBody);
  if (body.body.size() > kMaxBody) return Failed(SipfragError::kTooLarge);
  if (IsEncoded(body.content_encoding.value_or(std::string_view()))) {
    return Failed(SipfragError::kContentEncoding);
  }
  return ReadTyped(body.content_type.value_or(std::string_view()), body.body);
}

}  // namespace callcontrol::sip
