// SPDX-License-Identifier: Apache-2.0
#include "tests/support/many_callers.h"

#include <algorithm>
#include <utility>

#include "tests/support/text.h"

namespace callcontrol::testing {

using std::chrono::milliseconds;

namespace {

constexpr char kSdp[] =
    "v=0\r\no=far 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    "t=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

}  // namespace

ManyCallers::ManyCallers(Options options)
    : options_(std::move(options)), network_(Loopback(options_.network_port)) {
  for (int i = 0; i < options_.calls; ++i) {
    udp_.After(i * options_.pace, [this, i] { Begin(i); });
  }
  udp_.Start([this](const std::string& bytes, const sockaddr_in&) {
    const auto message = SipMessage::Parse(bytes);
    if (!message) return;
    const auto call = calls_.find(message->CallId());
    if (call == calls_.end()) return;
    if (message->is_request()) {
      OnRequest(call->second, *message);
    } else {
      OnAnswer(call->second, *message);
    }
  });
}

bool ManyCallers::AwaitByes(milliseconds patience) {
  return all_ended_.get_future().wait_for(patience) ==
         std::future_status::ready;
}

std::string ManyCallers::Contact() const {
  return Cat("<sip:far@127.0.0.1:", options_.network_port, ">");
}

void ManyCallers::Begin(int number) {
  const std::string id = Cat(number, "-", udp_.port(), "@far.example");
  Call& call = calls_[id];
  const auto n = static_cast<size_t>(number);
  call.end = options_.ends[n % options_.ends.size()];
  call.local = Cat("<sip:", call.end, "@far.example>;tag=f", number);
  call.target = Cat("sip:agent@127.0.0.1:", options_.network_port);
  call.remote = Cat("<", call.target, ">");
  SipMessage invite = NewRequest(id, call, "INVITE");
  invite.Add("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY");
  invite.SetBody("application/sdp", kSdp);
  SendRequest(id, call, invite);
}

SipMessage ManyCallers::NewRequest(const std::string& call_id, Call& call,
                                   std::string_view method) {
  SipMessage request = SipMessage::Request(method, call.target);
  request.Add("Via", Cat("SIP/2.0/UDP 127.0.0.1:", options_.network_port,
                         ";branch=z9hG4bKmany", ++branches_, ";rport"));
  request.Add("Max-Forwards", "70");
  request.Add("From", call.local);
  request.Add("To", call.remote);
  request.Add("Call-ID", call_id);
  request.Add("CSeq", Cat(++call.cseq, " ", method));
  request.Add("Contact", Contact());
  return request;
}

SipMessage ManyCallers::NewNotify(const std::string& call_id, Call& call,
                                  int status, std::string_view state) {
  SipMessage notify = NewRequest(call_id, call, "NOTIFY");
  notify.Add("Event", "refer");
  notify.Add("Subscription-State", state);
  notify.SetBody("message/sipfrag;version=2.0",
                 Cat("SIP/2.0 ", status, " Told\r\n"));
  return notify;
}

void ManyCallers::SendRequest(const std::string& call_id, Call& call,
                              const SipMessage& request) {
  call.branch = request.Branch();
  const std::string text = request.ToString();
  Send(text);
  const milliseconds t1 = options_.t1;
  udp_.After(
      t1, [=, this] { Repeat(call_id, request.Branch(), text, t1, 64 * t1); });
}

void ManyCallers::Repeat(const std::string& call_id, const std::string& branch,
                         const std::string& text, milliseconds interval,
                         milliseconds left) {
  if (calls_[call_id].branch != branch) return;
  if (left < interval) {
    ++failures_;
    return;
  }
  ++repeated_requests_;
  Send(text);
  const milliseconds next = std::min(2 * interval, 8 * options_.t1);
  udp_.After(next, [=, this] {
    Repeat(call_id, branch, text, next, left - interval);
  });
}

void ManyCallers::OnAnswer(Call& call, const SipMessage& answer) {
  const bool invites = answer.CSeqMethod() == "INVITE";
  if (answer.status() < 200) return;
  if (answer.Branch() != call.branch) {
    if (invites && !call.ack.empty()) Send(call.ack);
    return;
  }
  call.branch.clear();
  if (answer.status() >= 300) {
    ++failures_;
  } else if (invites) {
    call.remote = answer.Header("To");
    call.target = AddressOf(answer.Header("Contact"));
    SipMessage ack = NewRequest(answer.CallId(), call, "ACK");
    --call.cseq;  // An ACK takes no number of its own.
    ack.Set("CSeq", Cat(answer.CSeqNumber(), " ACK"));
    call.ack = ack.ToString();
    Send(call.ack);
  } else {
    SendNextNotify(answer.CallId(), call);
  }
}

void ManyCallers::OnRequest(Call& call, const SipMessage& request) {
  std::string& answer =
      call.answers[Cat(request.Branch(), " ", request.method())];
  if (!answer.empty()) {
    ++repeated_answers_;
    Send(answer);
    return;
  }
  const bool refers = request.method() == "REFER";
  SipMessage ok = SipMessage::Response(refers ? 202 : 200, "Fine");
  for (const char* name : {"Via", "From", "To", "Call-ID", "CSeq"}) {
    ok.Add(name, request.Header(name));
  }
  if (refers) ok.Add("Contact", Contact());
  answer = ok.ToString();
  Send(answer);
  const std::string id = request.CallId();
  if (refers) {
    call.notifies = {
        NewNotify(id, call, 100, "active;expires=60"),
        NewNotify(id, call, 180, "active;expires=60"),
        NewNotify(id, call, call.end, "terminated;reason=noresource")};
    SendNextNotify(id, call);
  } else if (request.method() == "BYE" && !std::exchange(call.ended, true)) {
    if (++ended_ == options_.calls) all_ended_.set_value();
  }
}

void ManyCallers::SendNextNotify(const std::string& call_id, Call& call) {
  if (call.notifies.empty()) return;
  const SipMessage notify = call.notifies.front();
  call.notifies.erase(call.notifies.begin());
  const bool final = call.notifies.empty();
  udp_.After(final ? options_.ringing : milliseconds(0),
             [=, this] { SendRequest(call_id, calls_[call_id], notify); });
}

}  // namespace callcontrol::testing
