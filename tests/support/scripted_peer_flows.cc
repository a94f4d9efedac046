// SPDX-License-Identifier: Apache-2.0
#include <initializer_list>
#include <random>
#include <utility>

#include "tests/support/scripted_peer.h"
#include "tests/support/text.h"

// What the peer says; how it waits is in scripted_peer.cc.
namespace callcontrol::testing {
namespace {

// Unique over all peers of all tests that share a server.
std::string Token() {
  static std::mt19937_64 random{std::random_device{}()};
  std::ostringstream out;
  out << std::hex << random();
  return out.str();
}

std::string_view UsualReason(int status) {
  static const std::map<int, std::string_view> kReasons = {
      {100, "Trying"},    {180, "Ringing"},   {183, "Session Progress"},
      {200, "OK"},        {202, "Accepted"},  {302, "Moved Temporarily"},
      {403, "Forbidden"}, {404, "Not Found"}, {481, "Call Does Not Exist"},
      {486, "Busy Here"}, {603, "Decline"}};
  auto it = kReasons.find(status);
  return it == kReasons.end() ? "Some Reason" : it->second;
}

bool Contains(const SipHeaders& headers, std::string_view name) {
  for (const auto& [field, value] : headers) {
    if (EqualsIgnoringCase(field, name)) return true;
  }
  return false;
}

}  // namespace

std::string SdpOffer(std::initializer_list<int> ports, int version) {
  std::string sdp = Cat("v=0\r\no=peer 4711 ", version,
                        " IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                        "t=0 0\r\n");
  std::string_view media = "audio";
  for (int port : ports) {
    sdp += media == "audio" ? Cat("m=audio ", port, " RTP/AVP 0 8\r\n")
                            : Cat("m=video ", port,
                                  " RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
    media = "video";
  }
  return sdp;
}

std::string ReplacesOf(const PeerDialog& dialog, std::string_view more) {
  return Cat(dialog.call_id, ";to-tag=", HeaderParameter(dialog.remote, "tag"),
             ";from-tag=", HeaderParameter(dialog.local, "tag"), more);
}

std::string ScriptedPeer::Contact(std::string_view user) const {
  return Cat("<sip:", user, "@", options_.address, ":", port(),
             options_.transport == Transport::kTcp   ? ";transport=tcp"
             : options_.transport == Transport::kTls ? ";transport=tls"
                                                     : "",
             ">");
}

void ScriptedPeer::AddVia(SipMessage& request) {
  request.Add("Via", Cat("SIP/2.0/", transport_->name(), " ", options_.address,
                         ":", port(), ";branch=z9hG4bK", Token(), ";rport"));
  request.Add("Max-Forwards", "70");
}

SipMessage ScriptedPeer::StartInvite(const InviteOptions& options) {
  dialog_ = PeerDialog();
  dialog_.call_id = Cat(Token(), "@peer.example");
  dialog_.local = Cat("\"Far End\" <", options.from, ">;tag=", Token());
  dialog_.remote = Cat("<", options.to, ">");
  dialog_.remote_target = options.to;
  dialog_.contact = options.contact.empty() ? Contact() : options.contact;
  SipMessage invite = NewRequest("INVITE");
  if (!options.allow.empty()) invite.Add("Allow", options.allow);
  invite.AddAll(options.headers);
  if (!options.sdp.empty()) invite.SetBody("application/sdp", options.sdp);
  ack_.clear();
  return SendRequest(invite);
}

SipMessage ScriptedPeer::Invite(const InviteOptions& options) {
  InviteOptions with_sdp = options;
  if (with_sdp.sdp.empty()) with_sdp.sdp = SdpOffer();
  SipMessage answer = AwaitAnswer(StartInvite(with_sdp));
  if (answer.status() != 200)
    Fail(Cat("the call was answered ", answer.status()));
  Ack(answer);
  return answer;
}

void ScriptedPeer::Ack(const SipMessage& ok, std::string_view sdp) {
  dialog_.remote = ok.Header("To");
  if (ok.Has("Contact"))
    dialog_.remote_target = AddressOf(ok.Header("Contact"));
  SipMessage ack = NewRequest("ACK");
  --dialog_.cseq;  // An ACK takes no number of its own.
  ack.Set("CSeq", Cat(ok.CSeqNumber(), " ACK"));
  if (!sdp.empty()) ack.SetBody("application/sdp", sdp);
  ack_ = ack.ToString();
  Send(ack_);
}

void ScriptedPeer::AcceptCall(const SipMessage& invite, std::string_view sdp) {
  Answer(BeginCalled(invite, Token()), 200, "", {}, sdp);
  Expect("ACK");
}

SipMessage ScriptedPeer::BeginCalled(const SipMessage& invite,
                                     std::string_view tag) {
  dialog_ = PeerDialog();
  dialog_.call_id = invite.CallId();
  dialog_.local = Cat(invite.Header("To"), ";tag=", tag);
  dialog_.remote = invite.Header("From");
  dialog_.remote_target = AddressOf(invite.Header("Contact"));
  dialog_.contact = Contact();
  SipMessage called = invite;
  called.Set("To", dialog_.local);
  return called;
}

void ScriptedPeer::AnswerReliably(const SipMessage& called, int status,
                                  int64_t rseq, std::string_view sdp,
                                  const SipHeaders& headers) {
  SipHeaders all = {
      {"Require", "100rel"}, {"RSeq", Cat(rseq)}, {"Contact", dialog_.contact}};
  all.insert(all.end(), headers.begin(), headers.end());
  Answer(called, status, "", all, sdp);
}

SipMessage ScriptedPeer::NewPrack(const SipMessage& progress,
                                  std::string_view sdp) {
  dialog_.remote = progress.Header("To");
  dialog_.remote_target = AddressOf(progress.Header("Contact"));
  SipMessage prack = NewRequest("PRACK");
  prack.Add("RAck", Cat(progress.Header("RSeq"), " ", progress.CSeqNumber(),
                        " INVITE"));
  if (!sdp.empty()) prack.SetBody("application/sdp", sdp);
  return prack;
}

SipMessage ScriptedPeer::Prack(const SipMessage& progress,
                               std::string_view sdp) {
  return Transact(NewPrack(progress, sdp));
}

void ScriptedPeer::AcknowledgeRejection(const SipMessage& invite,
                                        const SipMessage& answer) {
  SipMessage ack = SipMessage::Request("ACK", invite.uri());
  ack.Add("Via", invite.Header("Via"));
  ack.Add("Max-Forwards", "70");
  ack.Add("From", invite.Header("From"));
  ack.Add("To", answer.Header("To"));
  ack.Add("Call-ID", invite.CallId());
  ack.Add("CSeq", Cat(invite.CSeqNumber(), " ACK"));
  Send(ack.ToString());
}

SipMessage ScriptedPeer::NewRequest(std::string_view method) {
  SipMessage request = SipMessage::Request(method, dialog_.remote_target);
  AddVia(request);
  request.Add("From", dialog_.local);
  request.Add("To", dialog_.remote);
  request.Add("Call-ID", dialog_.call_id);
  request.Add("CSeq", Cat(++dialog_.cseq, " ", method));
  if (method == "INVITE") dialog_.invite_cseq = dialog_.cseq;
  if (method == "INVITE" || method == "UPDATE" || method == "NOTIFY") {
    request.Add("Contact", dialog_.contact);
  }
  return request;
}

SipMessage ScriptedPeer::NewStrangerRequest(std::string_view method,
                                            std::string_view uri) {
  std::string target(uri.empty() ? "sip:service@callcontrol.example" : uri);
  SipMessage request = SipMessage::Request(method, target);
  AddVia(request);
  request.Add("From", Cat("<sip:stranger@peer.example>;tag=", Token()));
  request.Add("To", Cat("<", target, ">"));
  request.Add("Call-ID", Token());
  request.Add("CSeq", Cat("1 ", method));
  request.Add("Contact", Contact("stranger"));
  return request;
}

SipMessage ScriptedPeer::NewNotify(std::string_view status_line,
                                   std::string_view state,
                                   const NotifyOptions& options) {
  SipMessage notify = NewRequest("NOTIFY");
  if (options.cseq) {
    notify.Set("CSeq", Cat(*options.cseq, " NOTIFY"));
    dialog_.cseq = std::max(dialog_.cseq - 1, *options.cseq);
  }
  notify.Add("Event", options.event.value_or(Cat("refer;id=", refer_cseq_)));
  if (options.event == "") notify.Remove("Event");
  if (!state.empty()) notify.Add("Subscription-State", state);
  auto retag = [&](std::string_view name, std::string_view tag) {
    std::string address = AddressOf(notify.Header(name));
    if (!tag.empty()) notify.Set(name, Cat("<", address, ">;tag=", tag));
  };
  retag("From", options.from_tag);
  retag("To", options.to_tag);
  if (!options.call_id.empty()) notify.Set("Call-ID", options.call_id);
  if (!options.contact.empty()) notify.Set("Contact", options.contact);
  if (!options.branch.empty()) {
    notify.Set("Via", Cat("SIP/2.0/", transport_->name(), " ", options_.address,
                          ":", port(), ";branch=", options.branch, ";rport"));
  }
  notify.AddAll(options.headers);
  if (!status_line.empty()) {
    notify.SetBody(options.content_type, Cat(status_line, "\r\n"));
  }
  return notify;
}

SipMessage ScriptedPeer::Transact(const SipMessage& request) {
  return AwaitAnswer(SendRequest(request));
}

SipMessage ScriptedPeer::Notify(std::string_view status_line,
                                std::string_view state,
                                const NotifyOptions& options) {
  return Transact(NewNotify(status_line, state, options));
}

SipMessage ScriptedPeer::ReInvite(std::string_view sdp) {
  SipMessage invite = NewRequest("INVITE");
  if (!sdp.empty()) invite.SetBody("application/sdp", sdp);
  SipMessage answer = Transact(invite);
  if (answer.status() < 300) Ack(answer);
  return answer;
}

SipMessage ScriptedPeer::Update(std::string_view sdp) {
  SipMessage update = NewRequest("UPDATE");
  if (!sdp.empty()) update.SetBody("application/sdp", sdp);
  return Transact(update);
}

SipMessage ScriptedPeer::Bye(const SipHeaders& headers) {
  return Transact(NewRequest("BYE").AddAll(headers));
}

SipMessage ScriptedPeer::Options() { return Transact(NewRequest("OPTIONS")); }

SipMessage ScriptedPeer::Cancel(const SipMessage& invite) {
  SipMessage cancel = SipMessage::Request("CANCEL", invite.uri());
  for (std::string_view name :
       {"Via", "Max-Forwards", "From", "To", "Call-ID"}) {
    cancel.Add(name, invite.Header(name));
  }
  cancel.Add("CSeq", Cat(invite.CSeqNumber(), " CANCEL"));
  return Transact(cancel);
}

void ScriptedPeer::Answer(const SipMessage& request, int status,
                          std::string_view reason, const SipHeaders& headers,
                          std::string_view sdp) {
  SipMessage answer = SipMessage::Response(
      status, reason.empty() ? UsualReason(status) : reason);
  for (const std::string& via : request.Lines("Via")) answer.Add("Via", via);
  for (const std::string& route : request.Lines("Record-Route")) {
    answer.Add("Record-Route", route);
  }
  answer.Add("From", request.Header("From"));
  std::string to = request.Header("To");
  if (HeaderParameter(to, "tag").empty()) to += Cat(";tag=", Token());
  answer.Add("To", to);
  answer.Add("Call-ID", request.CallId());
  answer.Add("CSeq", request.Header("CSeq"));
  bool ok = status >= 200 && status < 300;
  if (ok && !Contains(headers, "Contact") && !dialog_.contact.empty()) {
    answer.Add("Contact", dialog_.contact);
  }
  answer.AddAll(headers);
  if (!sdp.empty()) answer.SetBody("application/sdp", sdp);
  std::string text = answer.ToString();
  seen_requests_[Cat(request.Branch(), " ", request.method())] = text;
  Send(text, request.channel);
}

}  // namespace callcontrol::testing
