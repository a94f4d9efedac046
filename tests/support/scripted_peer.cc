// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scripted_peer.h"

#include <exception>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/text.h"

// What the class waits for and how; the call flows are in
// scripted_peer_flows.cc.
namespace callcontrol::testing {
namespace {

TimePoint In(std::chrono::milliseconds duration) {
  return std::chrono::steady_clock::now() + duration;
}

std::unique_ptr<PeerTransport> MakeTransport(const PeerOptions& options,
                                             uint16_t server_port) {
  switch (options.transport) {
    case Transport::kTcp:
      return MakeTcpTransport(options.address, server_port);
    case Transport::kTls:
      return MakeTlsTransport(options.address, server_port, options.tls);
    case Transport::kUdp:
      break;
  }
  return MakeUdpTransport(options.address, server_port);
}

std::string Key(const SipMessage& message) {
  return Cat(message.Branch(), " ", message.method());
}

}  // namespace

ScriptedPeer::ScriptedPeer(uint16_t server_port, PeerOptions options)
    : options_(std::move(options)),
      transport_(MakeTransport(options_, server_port)) {}

ScriptedPeer::~ScriptedPeer() {
  bool failing =
      std::uncaught_exceptions() > 0 || ::testing::Test::HasFailure();
  if (!failing && !allow_unread_) ReportUnread();
  if (failing || ::testing::Test::HasFailure()) {
    std::cerr << "Traffic of the peer at " << options_.address << ":" << port()
              << ":\n"
              << log_.ToString() << std::endl;
  }
}

void ScriptedPeer::ReportUnread() {
  try {
    while (auto message = Next(TimePoint())) {
      if (message->is_request()) requests_.push_back(*message);
    }
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  for (const SipMessage& request : requests_) {
    ADD_FAILURE() << "nobody asked for " << request.Summary();
  }
}

void ScriptedPeer::Fail(std::string_view what) {
  log_.Remark(Cat("FAILED HERE: ", what));
  throw std::runtime_error(std::string(what));
}

void ScriptedPeer::Send(std::string_view text, int channel) {
  log_.Sent(text);
  transport_->Send(text, channel);
}

const SipMessage& ScriptedPeer::SendRequest(const SipMessage& request) {
  outstanding_.insert(request.Branch());
  // A request that is sent again gets its answer again.
  std::erase_if(seen_answers_, [&](const std::string& seen) {
    return seen.starts_with(Cat(Key(request), " "));
  });
  Send(request.ToString());
  return request;
}

std::optional<std::string> ScriptedPeer::Receive(
    std::chrono::milliseconds timeout) {
  auto packet = transport_->Receive(In(timeout));
  if (!packet) return std::nullopt;
  log_.Received(packet->text);
  return packet->text;
}

std::optional<SipMessage> ScriptedPeer::Next(TimePoint deadline) {
  while (auto packet = transport_->Receive(deadline)) {
    log_.Received(packet->text);
    auto message = SipMessage::Parse(packet->text);
    if (!message) Fail(Cat("the server sent no SIP message: ", packet->text));
    message->received_at = std::chrono::steady_clock::now();
    message->channel = packet->channel;
    if (message->is_request() ? !IsNewRequest(*message)
                              : !IsNewAnswer(*message)) {
      continue;
    }
    if (!AnsweredOptions(*message)) return message;
  }
  return std::nullopt;
}

bool ScriptedPeer::IsNewRequest(const SipMessage& request) {
  auto [seen, is_new] = seen_requests_.try_emplace(Key(request), "");
  if (is_new) return true;
  ++retransmissions_[request.method()];
  if (!seen->second.empty()) Send(seen->second, request.channel);
  return false;
}

bool ScriptedPeer::IsNewAnswer(const SipMessage& answer) {
  // Reliable provisional ones are told apart by their number (RFC 3262, 4).
  if (seen_answers_
          .insert(Cat(Key(answer), " ", answer.status(), " ",
                      answer.Header("RSeq")))
          .second) {
    return true;
  }
  ++repeated_answers_[answer.method()];
  // RFC 3261, 13.2.2.4: an ACK for every retransmission of the 2xx.
  bool is_invite_ok = answer.method() == "INVITE" && answer.status() < 300 &&
                      answer.CSeqNumber() == dialog_.invite_cseq;
  if (is_invite_ok && !ack_.empty()) Send(ack_);
  return false;
}

bool ScriptedPeer::AnsweredOptions(const SipMessage& request) {
  if (!options_.answer_options || !request.is_request() ||
      request.method() != "OPTIONS") {
    return false;
  }
  ++options_answered_;
  Answer(request, 200);
  return true;
}

SipMessage ScriptedPeer::Expect(std::string_view method,
                                std::chrono::milliseconds patience) {
  TimePoint deadline = In(patience);
  while (requests_.empty()) {
    auto message = Next(deadline);
    if (!message) Fail(Cat("expected ", method, " and nothing came"));
    if (message->is_request()) {
      requests_.push_back(*message);
    } else {
      FileAnswer(*message);
    }
  }
  SipMessage request = requests_.front();
  if (request.method() != method) {
    Fail(Cat("expected ", method, " and got ", request.Summary()));
  }
  requests_.pop_front();
  if (method == "REFER") refer_cseq_ = request.CSeqNumber();
  return request;
}

void ScriptedPeer::FileAnswer(const SipMessage& answer) {
  if (!outstanding_.contains(answer.Branch())) {
    Fail(Cat("nobody waits for ", answer.Summary()));
  }
  if (answer.status() > 100) answers_.push_back(answer);
}

std::optional<SipMessage> ScriptedPeer::TakeAnswer(const SipMessage& request) {
  for (auto it = answers_.begin(); it != answers_.end(); ++it) {
    if (Key(*it) != Key(request)) continue;
    SipMessage answer = *it;
    answers_.erase(it);
    return answer;
  }
  return std::nullopt;
}

SipMessage ScriptedPeer::AwaitAnyAnswer(const SipMessage& request) {
  TimePoint deadline = In(kPatience);
  while (true) {
    if (auto answer = TakeAnswer(request)) return *answer;
    auto message = Next(deadline);
    if (!message) Fail(Cat("no answer to ", request.Summary()));
    if (message->is_request()) {
      requests_.push_back(*message);
    } else {
      FileAnswer(*message);
    }
  }
}

SipMessage ScriptedPeer::AwaitAnswer(const SipMessage& request) {
  SipMessage answer = AwaitAnyAnswer(request);
  while (answer.status() < 200) answer = AwaitAnyAnswer(request);
  if (request.method() == "INVITE" && answer.status() >= 300) {
    AcknowledgeRejection(request, answer);
  }
  return answer;
}

void ScriptedPeer::ExpectNothing(std::chrono::milliseconds duration) {
  TimePoint deadline = In(duration);
  while (auto message = Next(deadline)) {
    if (message->is_request()) {
      requests_.push_back(*message);
    } else {
      FileAnswer(*message);
    }
    break;
  }
  if (!requests_.empty()) {
    Fail(Cat("expected nothing and got ", requests_.front().Summary()));
  }
  if (!answers_.empty()) {
    Fail(Cat("expected nothing and got ", answers_.front().Summary()));
  }
}

int ScriptedPeer::retransmissions(std::string_view method) const {
  auto it = retransmissions_.find(method);
  return it == retransmissions_.end() ? 0 : it->second;
}

int ScriptedPeer::repeated_answers(std::string_view method) const {
  auto it = repeated_answers_.find(method);
  return it == repeated_answers_.end() ? 0 : it->second;
}

}  // namespace callcontrol::testing
