// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/trunk_registration.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include <sofia-sip/su_uniqueid.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sip/sofia/message_reader.h"
#include "sip/sofia/next_hop.h"

namespace callcontrol::sip {
namespace {

// RFC 3261, 8.1.1.5: below 2^31, with room to count.
constexpr int kHighestFirstCseq = 1 << 30;

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

// From [0, 1).
double Draw() { return static_cast<double>(su_randint(0, 9'999)) / 10'000; }

std::string TransportOf(const url_t& url) {
  char text[16] = "";
  if (url_param(url.url_params, "transport", text, sizeof text) <= 1) {
    return url.url_type == url_sips ? "tls" : "udp";
  }
  return absl::AsciiStrToLower(text);
}

// The "expires" of the contact in `sip` that is `ours`: the shortest, where it
// is there several times.
std::optional<std::chrono::seconds> ContactExpires(const sip_t& sip,
                                                   const std::string& ours) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const url_t* const url =
      url_hdup(home, URL_STRING_MAKE(ours.c_str())->us_url);
  std::optional<std::chrono::seconds> expires;
  for (const sip_contact_t* contact = sip.sip_contact; contact != nullptr;
       contact = contact->m_next) {
    std::uint32_t seconds = 0;
    if (contact->m_url->url_type != url_any && contact->m_expires != nullptr &&
        url_cmp(contact->m_url, url) == 0 &&
        TransportOf(*contact->m_url) == TransportOf(*url) &&
        absl::SimpleAtoi(contact->m_expires, &seconds)) {
      const std::chrono::seconds own(seconds);
      expires = std::min(expires.value_or(own), own);
    }
  }
  su_home_deinit(home);
  return expires;
}

RegisterAnswer ReadRegisterAnswer(const sip_t& sip, const std::string& ours) {
  RegisterAnswer answer{.status = ReadStatus(sip),
                        .contact_expires = ContactExpires(sip, ours)};
  if (sip.sip_expires != nullptr) {
    answer.expires = std::chrono::seconds(sip.sip_expires->ex_delta);
  }
  if (sip.sip_min_expires != nullptr) {
    answer.min_expires = std::chrono::seconds(sip.sip_min_expires->me_delta);
  }
  if (sip.sip_retry_after != nullptr) {
    answer.retry_after = std::chrono::seconds(sip.sip_retry_after->af_delta);
  }
  answer.service_route = ReadServiceRoute(sip);
  return answer;
}

}  // namespace

TrunkRegistration::TrunkRegistration(CallHost& host,
                                     std::shared_ptr<const Trunk> trunk,
                                     Over over)
    : host_(host),
      trunk_(std::move(trunk)),
      over_(std::move(over)),
      machine_(*trunk_->registration, host_.options().tls.has_value()),
      sip_call_id_(host_.NewId("")),
      tag_(host_.NewId("")),
      cseq_(static_cast<std::uint32_t>(su_randint(1, kHighestFirstCseq))) {}

TrunkRegistration::~TrunkRegistration() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
}

void TrunkRegistration::Begin() { Perform(machine_.Begin(Now())); }

void TrunkRegistration::Renew(std::shared_ptr<const Trunk> trunk) {
  const bool same = *trunk == *trunk_;
  trunk_ = std::move(trunk);
  if (!same) Perform(machine_.Renew(*trunk_->registration, Now()));
}

void TrunkRegistration::End() { Perform(machine_.End(Now())); }

bool TrunkRegistration::Is(const Trunk& trunk) const {
  return trunk.registration && trunk.uri == trunk_->uri &&
         SameBinding(*trunk.registration, machine_.terms());
}

std::optional<IpAddress> TrunkRegistration::registered_at() const {
  return machine_.bound() ? answered_from_ : std::nullopt;
}

void TrunkRegistration::Perform(const Registration::Step& step) {
  // Whoever holds this may let it go.
  const std::shared_ptr<TrunkRegistration> self = shared_from_this();
  if (step.change) {
    host_.observer().OnRegistration(trunk_->name, *step.change);
  }
  if (step.send) Send();
  if (step.timed_out) GiveUp();
  ArmTimer();
  if (step.over) over_(*this);
}

void TrunkRegistration::ArmTimer() {
  if (timer_) host_.loop().timers().Cancel(*timer_);
  timer_.reset();
  const std::optional<MonotonicTime> next = machine_.NextDeadline();
  if (!next) return;
  timer_ = host_.loop().timers().Add(*next, [this] {
    timer_.reset();
    Perform(machine_.OnTime(Now()));
  });
}

// ---- One REGISTER -------------------------------------------------------

void TrunkRegistration::Send() {
  // Each is challenged anew, or not at all.
  authorization_ = ChallengeAnswer();
  ++asked_;
  ExpectAnswer(host_.options().dns_limit);
  addresses_.clear();
  next_ = 0;
  const RegistrationTerms& terms = machine_.terms();
  const std::string& way = trunk_->uri.empty() ? terms.registrar : trunk_->uri;
  target_ = TargetOf(way).value_or(SipTarget{});
  // "sips" means TLS on every hop (RFC 3261, 26.2.2).
  if (IsSips(terms.aor)) target_.secure = true;
  if (!trunk_->tls_name.empty()) target_.tls_name = trunk_->tls_name;
  FindAddresses(
      host_, target_,
      [weak = weak_from_this(), asked = asked_] {
        const std::shared_ptr<TrunkRegistration> self = weak.lock();
        return self != nullptr && self->asked_ == asked;
      },
      [this](absl::StatusOr<std::vector<SipAddress>> found) {
        if (!found.ok()) {
          Fail(503, {found.status().message().data(),
                     found.status().message().size()});
          return;
        }
        addresses_ = *std::move(found);
        SendNext();
        ArmTimer();
      });
}

void TrunkRegistration::ExpectAnswer(Milliseconds limit) {
  // Twice that, so that Timer F comes first.
  machine_.ExpectAnswerBy(Now() + 2 * limit);
}

void TrunkRegistration::SendNext() {
  std::string why = "the registrar could not be reached";
  while (next_ < addresses_.size()) {
    const absl::StatusOr<SipAddress> address =
        NextHopTo(addresses_[next_++], target_, host_.options());
    if (!address.ok()) {
      why = std::string(address.status().message());
      continue;
    }
    contact_ = ContactUri(address->transport);
    std::vector<SipHeader> headers = {
        {"Contact", absl::StrCat("<", contact_, ">")},
        {"Expires", absl::StrCat(machine_.expires().count())}};
    headers.insert(headers.end(), authorization_.headers().begin(),
                   authorization_.headers().end());
    register_ = ClientTransaction::Send(
        MakeLeg(), *address, host_.options().user_agent,
        {.method = sip_method_register,
         .method_name = sip_method_name_register,
         .headers = std::move(headers),
         .request_uri = machine_.terms().registrar},
        [this, next_hop = *address](const sip_t& sip,
                                    ClientTransaction::Ending ending) {
          if (!IsProvisional(sip.sip_status->st_status)) {
            OnAnswer(sip, ending, next_hop);
          }
        });
    if (register_ != nullptr) {
      ExpectAnswer(64 * host_.options().t1);
      return;
    }
    // What was for that address is for no other.
    authorization_ = ChallengeAnswer();
  }
  Fail(503, why);
}

bool TrunkRegistration::MoveOn() {
  if (next_ >= addresses_.size()) return false;
  authorization_ = ChallengeAnswer();
  SendNext();
  return true;
}

void TrunkRegistration::GiveUp() {
  if (register_ != nullptr) {
    host_.DestroyLater(
        std::shared_ptr<ClientTransaction>(std::move(register_)));
  }
  if (!machine_.state().ending && MoveOn()) return;
  ++asked_;
  Perform(machine_.OnAnswer({.status = {408, "the registrar did not answer"},
                             .from_registrar = false},
                            Now(), Draw()));
}

void TrunkRegistration::Fail(int status, std::string_view reason) {
  // Not now: whoever asked for a REGISTER is still at work.
  host_.loop().Post([weak = weak_from_this(), asked = asked_, status,
                     reason = std::string(reason)] {
    const std::shared_ptr<TrunkRegistration> self = weak.lock();
    if (self == nullptr || self->asked_ != asked) return;
    self->Perform(self->machine_.OnAnswer(
        {.status = {status, reason}, .from_registrar = false}, Now(), Draw()));
  });
}

void TrunkRegistration::OnAnswer(const sip_t& sip,
                                 ClientTransaction::Ending ending,
                                 const SipAddress& next_hop) {
  // A transaction goes after what it is calling has returned.
  const std::shared_ptr<ClientTransaction> finished = std::move(register_);
  host_.DestroyLater(finished);
  const bool answered = ending == ClientTransaction::Ending::kAnswered;
  if (authorization_.Take(sip, "REGISTER", finished->request_uri(),
                          trunk_->credentials ? &*trunk_->credentials : nullptr,
                          host_.NewId(""))) {
    // To the same address again.
    --next_;
    SendNext();
    ArmTimer();
    return;
  }
  // RFC 3263, 4.3.
  const bool moves_on = !answered || sip.sip_status->st_status == 503;
  if (moves_on && MoveOn()) {
    ArmTimer();
    return;
  }
  if (ending == ClientTransaction::Ending::kFailed) {
    Fail(503, WhyUnreachable(host_, next_hop));
    return;
  }
  RegisterAnswer answer = ReadRegisterAnswer(sip, contact_);
  answer.from_registrar = answered;
  const Registration::Step step = machine_.OnAnswer(answer, Now(), Draw());
  if (step.granted) answered_from_ = ReadIpAddress(next_hop.ip);
  Perform(step);
}

nta_leg_t* TrunkRegistration::MakeLeg() {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const std::string aor = absl::StrCat("<", machine_.terms().aor, ">");
  sip_from_t* const local = sip_from_make(home, aor.c_str());
  sip_to_t* const remote = sip_to_make(home, aor.c_str());
  nta_leg_t* leg = nullptr;
  if (local != nullptr && remote != nullptr) {
    sip_from_tag(home, local, tag_.c_str());
    leg = nta_leg_tcreate(
        host_.agent(), nullptr, nullptr,
        SIPTAG_CALL_ID_STR(sip_call_id_.c_str()), SIPTAG_FROM(local),
        SIPTAG_TO(remote),
        SIPTAG_CSEQ(sip_cseq_create(home, cseq_++, SIP_METHOD_REGISTER)),
        TAG_END());
  }
  su_home_deinit(home);
  if (leg != nullptr) host_.DestroyLater(Owned(leg));
  return leg;
}

std::string TrunkRegistration::ContactUri(SipTransport transport) const {
  const RegistrationTerms& terms = machine_.terms();
  url_t url = *host_.contact({transport, IsSips(terms.aor)})->m_url;
  url.url_user = terms.contact_user.c_str();
  return UriText(url);
}

}  // namespace callcontrol::sip
