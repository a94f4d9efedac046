// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/far_end.h"

#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "tests/fuzz/property.h"
#include "tests/support/text.h"

namespace callcontrol::fuzz {
namespace {

using testing::Cat;
using testing::SipMessage;

// For what takes a fraction of a millisecond where the machine is not loaded.
constexpr std::chrono::seconds kPatience{30};

}  // namespace

FarEnd::FarEnd(std::uint16_t engine_port)
    : transport_(testing::MakeUdpTransport("127.0.0.1", engine_port)),
      address_(Cat("127.0.0.1:", transport_->port())),
      target_(Cat("sip:127.0.0.1:", engine_port)) {}

SipMessage FarEnd::Await(const Fits& fits) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (const auto packet = transport_->Receive(deadline)) {
    std::optional<SipMessage> message = SipMessage::Parse(packet->text);
    // Sofia echoes the headers of a broken request as they came, with folds in
    // them, which SipMessage does not read.
    if (!message) continue;
    if (fits(*message)) return *std::move(message);
    BePolite(*message);
  }
  Require(false, "the engine answers in time");
  std::abort();
}

void FarEnd::AwaitAlive() {
  const std::string branch = NewBranch();
  Send(Cat("OPTIONS ", target_, " SIP/2.0\r\nVia: SIP/2.0/UDP ", address_,
           ";branch=", branch,
           ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:ping@peer.example>;tag=",
           branch, "\r\nTo: <", target_, ">\r\nCall-ID: ", branch,
           "\r\nCSeq: 1 OPTIONS\r\n\r\n"));
  const SipMessage answer = Await([&](const SipMessage& message) {
    return !message.is_request() && message.Branch() == branch;
  });
  Require(answer.status() == 200, "OPTIONS is answered 200");
}

void FarEnd::BePolite(const SipMessage& message) {
  if (!message.is_request()) return Acknowledge(message);
  if (message.method() == "ACK") return;
  // What a datagram was to answer and did not.
  const bool open = message.method() == "REFER" || message.method() == "INVITE";
  Answer(message, open ? 487 : 200);
}

void FarEnd::Answer(const SipMessage& request, int status) {
  SipMessage answer = SipMessage::Response(status, "Whatever");
  for (const std::string& via : request.Lines("Via")) answer.Add("Via", via);
  answer.Add("From", request.Header("From"));
  std::string to = request.Header("To");
  if (request.ToTag().empty()) to += ";tag=far-end";
  answer.Add("To", to);
  answer.Add("Call-ID", request.CallId());
  answer.Add("CSeq", request.Header("CSeq"));
  Send(answer.ToString());
}

void FarEnd::Acknowledge(const SipMessage& answer) {
  if (answer.method() != "INVITE" || answer.status() < 200) return;
  const bool accepted = answer.status() < 300;
  SipMessage ack = SipMessage::Request("ACK", target_);
  ack.Add("Via", accepted
                     ? Cat("SIP/2.0/UDP ", address_, ";branch=", NewBranch())
                     : answer.Header("Via"));
  for (const std::string_view name : {"From", "To", "Call-ID"}) {
    ack.Add(name, answer.Header(name));
  }
  ack.Add("CSeq", Cat(answer.CSeqNumber(), " ACK"));
  Send(ack.ToString());
}

std::string FarEnd::NewToken() {
  std::string token = std::to_string(random_());
  // As long each time, so that an input is.
  token.insert(0, 20 - token.size(), '0');
  return token;
}

}  // namespace callcontrol::fuzz
