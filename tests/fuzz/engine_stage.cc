// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/engine_stage.h"

#include <chrono>
#include <future>
#include <utility>

#include "tests/fuzz/property.h"
#include "tests/support/text.h"

namespace callcontrol::fuzz {
namespace {

using testing::Cat;
using testing::SipMessage;

// A transfer has its result soon after its call was hung up.
constexpr std::chrono::seconds kTransferLimit{60};

constexpr char kSdp[] =
    "v=0\r\no=peer 4711 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    "t=0 0\r\nm=audio 40000 RTP/AVP 0 8\r\n";

sip::EngineOptions Options() {
  sip::EngineOptions options;
  options.listen_port = 0;
  // What is left of an input is gone after 64*T1, which is 6.4 s; a machine
  // that is loaded makes the far end late, but not as late as that.
  options.t1 = sip::Milliseconds(100);
  options.t2 = sip::Milliseconds(400);
  options.transfers.bye_grace = sip::Milliseconds(5);
  options.transfers.tail = sip::Milliseconds(100);
  // Names are asked for where nobody answers, and nothing leaves the machine.
  options.dns.nameservers = {"127.0.0.1:9"};
  options.dns.query_timeout = std::chrono::milliseconds(10);
  options.dns.tries = 1;
  options.dns_limit = sip::Milliseconds(20);
  options.log = [](sip::LogLevel, std::string_view) {};
  options.routes = {
      {.tos = {"app@*"}, .treatment = {.kind = sip::CallTreatment::Kind::kApp}},
      {.treatment = {.kind = sip::CallTreatment::Kind::kAnswer}}};
  return options;
}

std::unique_ptr<sip::SofiaEngine> StartEngine(EngineWatch& watch) {
  auto engine = sip::SofiaEngine::Start(Options(), watch);
  Require(engine.ok(), "the engine starts");
  return *std::move(engine);
}

}  // namespace

std::optional<Scene> SceneOf(std::string_view word) {
  static const std::map<std::string_view, Scene> kScenes = {
      {"answered", Scene::kAnswered}, {"referred", Scene::kReferred},
      {"accepted", Scene::kAccepted}, {"holding", Scene::kHolding},
      {"ringing", Scene::kRinging},   {"placed", Scene::kPlaced}};
  const auto it = kScenes.find(word);
  if (it == kScenes.end()) return std::nullopt;
  return it->second;
}

EngineStage::EngineStage()
    : engine_(StartEngine(watch_)), far_end_(engine_->sip_port()) {}

void EngineStage::Set(Scene scene) {
  placeholders_ = {{"peer", far_end_.address()},
                   {"target", far_end_.target()},
                   {"call-id", Cat(far_end_.NewToken(), "@peer.example")},
                   {"own-tag", "own"}};
  cseq_ = 1;
  if (scene == Scene::kPlaced) return PlaceCall();
  StartCall(scene == Scene::kRinging ? "app" : "service");
  if (scene == Scene::kRinging || scene == Scene::kAnswered) return;
  StartRefer(scene == Scene::kHolding);
  if (scene == Scene::kHolding) return;
  const SipMessage refer = AwaitRequest("REFER");
  placeholders_["refer-cseq"] = Cat(refer.CSeqNumber());
  placeholders_["refer-branch"] = refer.Branch();
  if (scene == Scene::kAccepted) far_end_.Answer(refer, 202);
}

// ---- Calls --------------------------------------------------------------

void EngineStage::StartCall(std::string_view user) {
  const std::string branch = far_end_.NewBranch();
  const std::string to = Cat("sip:", user, "@callcontrol.example");
  placeholders_["own-invite"] =
      Cat("Via: SIP/2.0/UDP ", far_end_.address(), ";branch=", branch,
          ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:caller@peer.example>;tag=",
          placeholders_["own-tag"], "\r\nTo: <", to,
          ">\r\nCall-ID: ", placeholders_["call-id"]);
  far_end_.Send(
      Cat("INVITE ", to, " SIP/2.0\r\n", placeholders_["own-invite"],
          "\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@", far_end_.address(),
          ">\r\nAllow: INVITE, ACK, BYE, CANCEL, REFER, NOTIFY, UPDATE\r\n"
          "Content-Type: application/sdp\r\n\r\n",
          kSdp));
  if (user == "app") Ring();
  const SipMessage answer = far_end_.Await([&](const SipMessage& message) {
    return !message.is_request() && message.Branch() == branch &&
           message.status() > 100;
  });
  far_end_.Acknowledge(answer);
  Require(answer.status() == (user == "app" ? 180 : 200),
          "a good INVITE is answered");
  placeholders_["engine-tag"] = answer.ToTag();
  placeholders_["dialog"] =
      Cat("Max-Forwards: 70\r\nFrom: <sip:caller@peer.example>;tag=",
          placeholders_["own-tag"], "\r\nTo: <", to, ">;tag=", answer.ToTag(),
          "\r\nCall-ID: ", placeholders_["call-id"]);
}

void EngineStage::Ring() {
  // The engine has told of the call once it has answered what came after it.
  far_end_.AwaitAlive();
  engine_->Progress({.call_id = watch_.IdOf(placeholders_["call-id"])},
                    [](const absl::Status& status) {
                      Require(status.ok(), "a new call can ring");
                    });
}

void EngineStage::StartRefer(bool hold_first) {
  sip::TransferRequest request;
  request.sip_call_id = placeholders_["call-id"];
  request.refer_to = "+15083084809";
  request.hold_first = hold_first;
  request.credentials = sip::Credentials{"user", "secret", ""};
  std::promise<bool> taken;
  engine_->Refer(std::move(request),
                 [&](const absl::StatusOr<sip::TransferPlan>& plan) {
                   taken.set_value(plan.ok());
                 });
  Require(taken.get_future().get(), "a good transfer is taken on");
  if (hold_first) AwaitRequest("INVITE");
}

void EngineStage::PlaceCall() {
  std::promise<bool> placed;
  engine_->Place({.to = Cat("sip:target@", far_end_.address()),
                  .credentials = sip::Credentials{"user", "secret", ""}},
                 [&](const absl::StatusOr<std::string>& call_id) {
                   placed.set_value(call_id.ok());
                 });
  Require(placed.get_future().get(), "a good call is placed");
  // The engine chose the Call-ID, and no other INVITE of its own is due.
  const SipMessage invite = far_end_.Await([](const SipMessage& message) {
    return message.method() == "INVITE" && message.is_request() &&
           message.ToTag().empty();
  });
  placeholders_["call-id"] = invite.CallId();
  placeholders_["engine-tag"] = invite.FromTag();
  placeholders_["dialog"] =
      Cat("Max-Forwards: 70\r\nFrom: ", invite.Header("To"),
          ";tag=", placeholders_["own-tag"], "\r\nTo: ", invite.Header("From"),
          "\r\nCall-ID: ", invite.CallId());
  Remember(invite);
}

void EngineStage::Clear() {
  for (const std::string& id : watch_.live_calls()) {
    std::promise<void> done;
    engine_->HangUp(id, [&](const absl::Status&) { done.set_value(); });
    done.get_future().wait();
  }
  far_end_.AwaitAlive();
  watch_.RequireNoneOpenFor(kTransferLimit);
}

// ---- What clients do ----------------------------------------------------

bool EngineStage::Act(std::string_view word) {
  using Change = sip::UpdateRequest::Change;
  const std::string call = watch_.IdOf(placeholders_["call-id"]);
  // Any answer will do, at any time.
  const auto done = [](const auto&) {};
  if (word == "answer") {
    engine_->Answer(call, "", done);
  } else if (word == "reject") {
    engine_->Reject({.call_id = call}, done);
  } else if (word == "hold" || word == "resume") {
    const bool hold = word == "hold";
    engine_->Update(
        {.call_id = call, .change = hold ? Change::kHold : Change::kResume},
        done);
  } else if (word == "refer") {
    engine_->Refer({.call_id = call, .refer_to = "1000"}, done);
  } else if (word == "hang-up") {
    engine_->HangUp(call, done);
  } else {
    return false;
  }
  // Later datagrams find it done.
  far_end_.AwaitAlive();
  return true;
}

// ---- What the far end sends ---------------------------------------------

void EngineStage::Send(std::string_view text) {
  placeholders_["branch"] = far_end_.NewBranch();
  placeholders_["cseq"] = Cat(++cseq_);
  far_end_.Send(FillIn(text));
}

std::string EngineStage::FillIn(std::string_view text) {
  // Keeps the datagram below what UDP carries.
  constexpr std::size_t kMaxDatagram = 60'000;
  std::string filled;
  while (!text.empty() && filled.size() < kMaxDatagram) {
    const std::size_t end = text.find('}');
    const auto known = text.front() == '{' && end != text.npos
                           ? placeholders_.find(text.substr(1, end - 1))
                           : placeholders_.end();
    if (known != placeholders_.end()) {
      filled += known->second;
      text.remove_prefix(end + 1);
    } else {
      filled += text.front();
      text.remove_prefix(1);
    }
  }
  return filled;
}

// ---- What the far end reads ---------------------------------------------

SipMessage EngineStage::AwaitRequest(std::string_view method) {
  SipMessage request = far_end_.Await([&](const SipMessage& message) {
    return message.is_request() && message.method() == method &&
           message.CallId() == placeholders_["call-id"];
  });
  Remember(request);
  return request;
}

// Lets datagrams answer `request`.
void EngineStage::Remember(const SipMessage& request) {
  std::string lines;
  for (const std::string& via : request.Lines("Via")) {
    lines += Cat("Via: ", via, "\r\n");
  }
  std::string to = request.Header("To");
  if (request.ToTag().empty()) to += Cat(";tag=", placeholders_["own-tag"]);
  lines += Cat("From: ", request.Header("From"), "\r\nTo: ", to,
               "\r\nCall-ID: ", request.CallId(),
               "\r\nCSeq: ", request.Header("CSeq"));
  placeholders_["request"] = lines;
}

}  // namespace callcontrol::fuzz
