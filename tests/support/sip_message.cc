// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sip_message.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

// RFC 3261, 7.3.3 and 20; RFC 3515; RFC 3892; RFC 6665.
std::string_view LongForm(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kForms[] = {
      {"v", "Via"},          {"f", "From"},
      {"t", "To"},           {"i", "Call-ID"},
      {"m", "Contact"},      {"l", "Content-Length"},
      {"c", "Content-Type"}, {"r", "Refer-To"},
      {"b", "Referred-By"},  {"o", "Event"},
      {"u", "Allow-Events"}, {"k", "Supported"},
      {"s", "Subject"},      {"e", "Content-Encoding"}};
  for (const auto& [compact, full] : kForms) {
    if (EqualsIgnoringCase(name, compact)) return full;
  }
  return name;
}

bool SameName(std::string_view a, std::string_view b) {
  return EqualsIgnoringCase(LongForm(a), LongForm(b));
}

int64_t ToNumber(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Cuts the first line off `text`, which may end in CRLF or LF.
std::string_view TakeLine(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text = end == text.npos ? std::string_view() : text.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

std::vector<std::string> SplitList(std::string_view list) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  int depth = 0;
  for (char c : list) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == '<') ++depth;
    if (!quoted && c == '>') --depth;
    if (c == ',' && !quoted && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  for (std::string& part : parts) part = Trim(part);
  std::erase(parts, "");
  return parts;
}

std::string AddressOf(std::string_view name_addr) {
  size_t open = name_addr.find('<');
  if (open == name_addr.npos) {
    return Trim(name_addr.substr(0, name_addr.find(';')));
  }
  size_t close = name_addr.find('>', open);
  return std::string(name_addr.substr(open + 1, close - open - 1));
}

std::string HeaderParameter(std::string_view value, std::string_view name) {
  size_t close = value.rfind('>');
  if (close != value.npos) value.remove_prefix(close + 1);
  while (!value.empty()) {
    size_t end = value.find(';');
    std::string part = Trim(value.substr(0, end));
    size_t equals = part.find('=');
    if (equals != part.npos &&
        EqualsIgnoringCase(Trim(part.substr(0, equals)), name)) {
      return Trim(part.substr(equals + 1));
    }
    value = end == value.npos ? std::string_view() : value.substr(end + 1);
  }
  return "";
}

SipMessage SipMessage::Request(std::string_view method, std::string_view uri) {
  SipMessage message;
  message.method_ = method;
  message.uri_ = uri;
  return message;
}

SipMessage SipMessage::Response(int status, std::string_view reason) {
  SipMessage message;
  message.status_ = status;
  message.reason_ = reason;
  return message;
}

std::optional<SipMessage> SipMessage::Parse(std::string_view text) {
  std::string_view start = TakeLine(text);
  SipMessage message;
  if (start.starts_with("SIP/2.0 ") && start.size() >= 11) {
    message.status_ = static_cast<int>(ToNumber(start.substr(8, 3)));
    message.reason_ = Trim(start.substr(11));
    if (message.status_ == 0) return std::nullopt;
  } else {
    size_t first = start.find(' ');
    size_t second = start.rfind(' ');
    if (first == start.npos || first == second) return std::nullopt;
    if (start.substr(second + 1) != "SIP/2.0") return std::nullopt;
    message.method_ = start.substr(0, first);
    message.uri_ = start.substr(first + 1, second - first - 1);
  }
  while (!text.empty()) {
    std::string_view line = TakeLine(text);
    if (line.empty()) break;
    size_t colon = line.find(':');
    if (colon == line.npos) return std::nullopt;
    message.Add(Trim(line.substr(0, colon)), Trim(line.substr(colon + 1)));
  }
  message.body_ = text;
  return message;
}

std::string SipMessage::method() const {
  return is_request() ? method_ : CSeqMethod();
}

bool SipMessage::Has(std::string_view name) const {
  return !Lines(name).empty();
}

std::string SipMessage::Header(std::string_view name) const {
  std::vector<std::string> lines = Lines(name);
  return lines.empty() ? "" : lines.front();
}

std::vector<std::string> SipMessage::Lines(std::string_view name) const {
  std::vector<std::string> lines;
  for (const auto& [field, value] : headers_) {
    if (SameName(field, name)) lines.push_back(value);
  }
  return lines;
}

std::vector<std::string> SipMessage::Values(std::string_view name) const {
  std::vector<std::string> values;
  for (const std::string& line : Lines(name)) {
    for (std::string& value : SplitList(line)) {
      values.push_back(std::move(value));
    }
  }
  return values;
}

SipMessage& SipMessage::Add(std::string_view name, std::string_view value) {
  headers_.emplace_back(name, value);
  return *this;
}

SipMessage& SipMessage::Set(std::string_view name, std::string_view value) {
  auto same = [&](const auto& header) { return SameName(header.first, name); };
  auto first = std::find_if(headers_.begin(), headers_.end(), same);
  if (first == headers_.end()) return Add(name, value);
  first->second = value;
  headers_.erase(std::remove_if(first + 1, headers_.end(), same),
                 headers_.end());
  return *this;
}

SipMessage& SipMessage::Remove(std::string_view name) {
  std::erase_if(headers_, [&](const auto& header) {
    return SameName(header.first, name);
  });
  return *this;
}

SipMessage& SipMessage::AddAll(const SipHeaders& headers) {
  for (const auto& [name, value] : headers) Add(name, value);
  return *this;
}

SipMessage& SipMessage::SetBody(std::string_view content_type,
                                std::string_view body) {
  if (!content_type.empty()) Set("Content-Type", content_type);
  body_ = body;
  return *this;
}

int64_t SipMessage::CSeqNumber() const { return ToNumber(Header("CSeq")); }

std::string SipMessage::CSeqMethod() const {
  std::string cseq = Header("CSeq");
  size_t blank = cseq.find_last_of(" \t");
  return blank == cseq.npos ? "" : cseq.substr(blank + 1);
}

std::string SipMessage::FromTag() const {
  return HeaderParameter(Header("From"), "tag");
}

std::string SipMessage::ToTag() const {
  return HeaderParameter(Header("To"), "tag");
}

std::string SipMessage::Branch() const {
  return HeaderParameter(Header("Via"), "branch");
}

std::string SipMessage::ToString() const {
  std::string text = is_request()
                         ? Cat(method_, " ", uri_, " SIP/2.0\r\n")
                         : Cat("SIP/2.0 ", status_, " ", reason_, "\r\n");
  for (const auto& [name, value] : headers_) {
    text += Cat(name, ": ", value, "\r\n");
  }
  if (!Has("Content-Length")) {
    text += Cat("Content-Length: ", body_.size(), "\r\n");
  }
  return Cat(text, "\r\n", body_);
}

std::string SipMessage::Summary() const {
  std::string line =
      is_request() ? Cat(method_, " ", uri_) : Cat(status_, " ", reason_);
  line += Cat("  (CSeq ", Header("CSeq"), ")");
  if (Has("Subscription-State")) {
    line += Cat(" ", Header("Subscription-State"), " | ",
                body_.substr(0, body_.find('\r')));
  }
  return line;
}

}  // namespace callcontrol::testing
