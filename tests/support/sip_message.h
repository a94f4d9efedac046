// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_SIP_MESSAGE_H_
#define CALLCONTROL_TESTS_SUPPORT_SIP_MESSAGE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callcontrol::testing {

// Header fields in wire order.
using SipHeaders = std::vector<std::pair<std::string, std::string>>;

// A SIP message as a far end in a test reads and writes it: a start line,
// header fields in order and a body. It checks little and repairs nothing, so
// that a test sees what was on the wire and can send what is wrong.
//
// Deliberately shares no code with the server.
//
// Threads: a plain value, thread-compatible.
// Errors: Parse() gives nullopt for text without a start line; every look-up
// gives "" or 0 for what is not there.
class SipMessage {
 public:
  static SipMessage Request(std::string_view method, std::string_view uri);
  static SipMessage Response(int status, std::string_view reason);
  static std::optional<SipMessage> Parse(std::string_view text);

  bool is_request() const { return status_ == 0; }
  // Of a request: its method. Of a response: the method in CSeq.
  std::string method() const;
  const std::string& uri() const { return uri_; }
  // 0 for a request.
  int status() const { return status_; }
  const std::string& reason() const { return reason_; }
  const std::string& body() const { return body_; }

  // Names match without regard to case, in the long and the compact form.
  bool Has(std::string_view name) const;
  // The first value.
  std::string Header(std::string_view name) const;
  // Every value, one entry per header line.
  std::vector<std::string> Lines(std::string_view name) const;
  // Every value, with the commas outside <> and "" taken apart.
  std::vector<std::string> Values(std::string_view name) const;

  SipMessage& Add(std::string_view name, std::string_view value);
  // Replaces the first line of that name and removes its others.
  SipMessage& Set(std::string_view name, std::string_view value);
  SipMessage& Remove(std::string_view name);
  SipMessage& AddAll(const SipHeaders& headers);
  SipMessage& SetBody(std::string_view content_type, std::string_view body);

  int64_t CSeqNumber() const;
  std::string CSeqMethod() const;
  std::string CallId() const { return Header("Call-ID"); }
  std::string FromTag() const;
  std::string ToTag() const;
  // Of the topmost Via.
  std::string Branch() const;

  // With a Content-Length of its own where the message has none.
  std::string ToString() const;
  // "REFER sip:a@b" or "202 Accepted", with the CSeq: one rung of a ladder.
  std::string Summary() const;

  // How gtest prints one.
  friend void PrintTo(const SipMessage& message, std::ostream* out) {
    *out << message.Summary();
  }

  // When it arrived. Epoch for a message that did not.
  std::chrono::steady_clock::time_point received_at;
  // Which connection of a TCP peer it came by.
  int channel = 0;

 private:
  std::string method_;
  std::string uri_;
  int status_ = 0;
  std::string reason_;
  SipHeaders headers_;
  std::string body_;
};

// The value of ";name=value" in a header value, outside <>. "" for none.
std::string HeaderParameter(std::string_view value, std::string_view name);
// What stands between < and >, or the value up to the first ';'.
std::string AddressOf(std::string_view name_addr);
// Takes a list apart at the commas outside <> and "".
std::vector<std::string> SplitList(std::string_view list);

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_SIP_MESSAGE_H_
