// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/message_reader.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "sip/call/bridge.h"
#include "sip/transfer/display_text.h"
#include "sip/transfer/header_guard.h"
#include "sip/transfer/sip_uri.h"

namespace callcontrol::sip {
namespace {

std::string_view Text(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// "value;param;param" as it was, which Sofia has taken apart.
std::string WithParameters(const char* value, const msg_param_t* parameters) {
  std::string text(Text(value));
  for (; parameters != nullptr && *parameters != nullptr; ++parameters) {
    absl::StrAppend(&text, ";", *parameters);
  }
  return text;
}

// Whether a header such as Allow or Supported lists `item`. Sofia has a type of
// its own for Allow, with the same list in it.
template <typename ListHeader>
bool Lists(const ListHeader* header, const char* item) {
  if (header == nullptr || header->k_items == nullptr) return false;
  for (const msg_param_t* it = header->k_items; *it != nullptr; ++it) {
    if (absl::EqualsIgnoreCase(*it, item)) return true;
  }
  return false;
}

// The value of the parameter `name` in ";a=b;c"; nullopt where it is absent.
std::optional<std::string> UrlParameter(const url_t& url, const char* name) {
  std::array<char, 256> value{};
  if (url.url_params == nullptr ||
      url_param(url.url_params, name, value.data(), value.size()) <= 0) {
    return std::nullopt;
  }
  return std::string(value.data());
}

// The value of a header, as Sofia writes it.
std::string HeaderText(const sip_header_t* header) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  std::string text(Text(sip_header_as_string(home, header)));
  su_home_deinit(home);
  return text;
}

SipfragBody BodyToRead(const sip_t& sip, const std::string& content_type,
                       const std::string& content_encoding) {
  SipfragBody body;
  if (sip.sip_content_type != nullptr) body.content_type = content_type;
  if (!content_encoding.empty()) body.content_encoding = content_encoding;
  body.body = BodyOf(sip);
  return body;
}

}  // namespace

SipStatus ReadStatus(const sip_t& sip) {
  // There are six classes (RFC 3261, 7.2); what is of none is a failure of
  // whoever sent it.
  const int code = sip.sip_status->st_status;
  return {code < 700 ? code : 500, CleanText(Text(sip.sip_status->st_phrase))};
}

std::vector<std::string> ReadRedirection(const sip_t& sip) {
  // No peer has more to say than can be read.
  constexpr std::size_t kMost = 10;
  std::vector<std::string> contacts;
  const int status = sip.sip_status->st_status;
  if (status < 300 || status >= 400) return contacts;
  for (const sip_contact_t* contact = sip.sip_contact;
       contact != nullptr && contacts.size() < kMost;
       contact = contact->m_next) {
    contacts.push_back(CleanText(UriText(*contact->m_url)));
  }
  return contacts;
}

bool DeclinesSubscription(const sip_t& sip) {
  const sip_refer_sub_t* header = sip_refer_sub(&sip);
  return header != nullptr && header->rs_value != nullptr &&
         absl::EqualsIgnoreCase(header->rs_value, "false");
}

absl::StatusOr<ReferTarget> ReadReferTo(const sip_t& sip) {
  if (sip.sip_refer_to == nullptr || HasBadHeader(sip, "Refer-To")) {
    return InvalidField("refer_to", "BAD_URI",
                        "A REFER has one Refer-To that can be read.");
  }
  return ReadReferTarget(
      HeaderText(reinterpret_cast<const sip_header_t*>(sip.sip_refer_to)));
}

std::string ReadReferredBy(const sip_t& sip) {
  if (sip.sip_referred_by == nullptr || HasBadHeader(sip, "Referred-By")) {
    return "";
  }
  std::string value =
      HeaderText(reinterpret_cast<const sip_header_t*>(sip.sip_referred_by));
  return IsSafeText(value) && value.size() <= kMaxUriLength ? value : "";
}

std::vector<SipHeader> ReadHeaders(const sip_t& sip,
                                   const std::vector<std::string>& wanted) {
  std::vector<SipHeader> headers;
  if (wanted.empty()) return headers;
  for (const msg_header_t* it = sip.sip_request->rq_common->h_succ;
       it != nullptr; it = it->sh_succ) {
    SipHeader header;
    if (it->sh_class == sip_unknown_class) {
      header = {std::string(Text(it->sh_unknown->un_name)),
                std::string(Text(it->sh_unknown->un_value))};
    } else {
      header.name = Text(it->sh_class->hc_name);
    }
    if (header.name.empty() || !PassesHeader(header.name, wanted)) continue;
    if (it->sh_class != sip_unknown_class) {
      header.value = HeaderText(reinterpret_cast<const sip_header_t*>(it));
    }
    headers.push_back(std::move(header));
    if (!CheckReferHeaders(headers).ok()) headers.pop_back();
  }
  return headers;
}

std::vector<std::string> ReadServiceRoute(const sip_t& sip) {
  // More than any registrar has; one is more than this side follows.
  constexpr std::size_t kMost = 20;
  std::vector<std::string> uris;
  for (const sip_service_route_t* route = sip.sip_service_route;
       route != nullptr && uris.size() < kMost; route = route->r_next) {
    uris.push_back(UriText(*route->r_url));
  }
  return uris;
}

std::vector<std::string> ReadAssertedIdentityOf(const sip_t& sip) {
  // Sofia has no type for it unless it is asked to.
  constexpr std::size_t kMost = 8;
  std::vector<std::string> values;
  for (const sip_unknown_t* header = sip.sip_unknown;
       header != nullptr && values.size() < kMost; header = header->un_next) {
    if (EqualsIgnoreCase(Text(header->un_name), "P-Asserted-Identity")) {
      values.emplace_back(Text(header->un_value));
    }
  }
  return ReadAssertedIdentity(values);
}

std::optional<TargetDialog> ReadTargetDialogOf(const sip_t& sip) {
  const sip_unknown_t* found = nullptr;
  for (const sip_unknown_t* header = sip.sip_unknown; header != nullptr;
       header = header->un_next) {
    if (!EqualsIgnoreCase(Text(header->un_name), "Target-Dialog")) continue;
    if (found != nullptr) return std::nullopt;
    found = header;
  }
  if (found == nullptr) return std::nullopt;
  return ReadTargetDialog(Text(found->un_value));
}

bool RefusesExtension(const sip_t& answer, const char* extension) {
  return answer.sip_status->st_status == 420 &&
         Lists(answer.sip_unsupported, extension);
}

Privacy ReadPrivacyOf(const sip_t& sip) {
  std::vector<std::string> values;
  if (HasBadHeader(sip, "Privacy")) values = {"user", "id"};
  const msg_param_t* value =
      sip.sip_privacy == nullptr ? nullptr : sip.sip_privacy->priv_values;
  for (; value != nullptr && *value != nullptr; ++value) {
    values.emplace_back(*value);
  }
  return ReadPrivacy(values);
}

ReferAnswer ReadReferAnswer(const sip_t& sip) {
  ReferAnswer answer;
  answer.status = ReadStatus(sip);
  answer.no_subscription = DeclinesSubscription(sip);
  if (sip.sip_retry_after != nullptr) {
    answer.retry_after = std::chrono::seconds(sip.sip_retry_after->af_delta);
  }
  answer.contacts = ReadRedirection(sip);
  answer.sip_reason = ReadReason(sip);
  return answer;
}

std::string ReadContentType(const sip_t& sip) {
  if (sip.sip_content_type == nullptr) return "";
  return WithParameters(sip.sip_content_type->c_type,
                        sip.sip_content_type->c_params);
}

ReferNotify ReadNotify(const sip_t& sip) {
  ReferNotify notify;
  notify.cseq = sip.sip_cseq->cs_seq;
  if (sip.sip_subscription_state != nullptr) {
    notify.subscription = ReadSubscriptionState(
        WithParameters(sip.sip_subscription_state->ss_substate,
                       sip.sip_subscription_state->ss_params));
  }
  const std::string content_type = ReadContentType(sip);
  std::string encoding;
  const sip_content_encoding_t* list = sip.sip_content_encoding;
  if (list != nullptr && list->k_items != nullptr &&
      list->k_items[0] != nullptr) {
    encoding = list->k_items[0];
  }
  notify.body = ReadSipfrag(BodyToRead(sip, content_type, encoding));
  return notify;
}

std::optional<EventHeader> ReadEventOf(const sip_t& sip) {
  if (sip.sip_event == nullptr) return std::nullopt;
  return ReadEvent(
      WithParameters(sip.sip_event->o_type, sip.sip_event->o_params));
}

SessionTimerTerms ReadSessionTimer(const sip_t& sip) {
  using Refresher = SessionTimerTerms::Refresher;
  SessionTimerTerms terms;
  terms.supported = Lists(sip.sip_supported, "timer");
  if (const sip_session_expires_t* const header = sip.sip_session_expires) {
    terms.interval = std::chrono::seconds(header->x_delta);
    const char* const refresher =
        header->x_refresher == nullptr ? "" : header->x_refresher;
    if (absl::EqualsIgnoreCase(refresher, "uac")) {
      terms.refresher = Refresher::kUac;
    } else if (absl::EqualsIgnoreCase(refresher, "uas")) {
      terms.refresher = Refresher::kUas;
    }
  }
  if (sip.sip_min_se != nullptr) {
    terms.least = std::chrono::seconds(sip.sip_min_se->min_delta);
  }
  return terms;
}

FarEnd ReadFarEnd(const sip_t& sip) {
  FarEnd far_end;
  far_end.allows_refer =
      sip.sip_allow == nullptr || Lists(sip.sip_allow, "REFER");
  far_end.allows_update = Lists(sip.sip_allow, "UPDATE");
  far_end.supports_replaces = Lists(sip.sip_supported, "replaces");
  far_end.supports_norefersub = Lists(sip.sip_supported, "norefersub");
  far_end.supports_target_dialog = Lists(sip.sip_supported, "tdialog");
  far_end.contact_is_gruu =
      sip.sip_contact != nullptr && IsGruu(*sip.sip_contact->m_url);
  const msg_generic_t* agent =
      sip.sip_user_agent != nullptr ? sip.sip_user_agent : sip.sip_server;
  if (agent != nullptr) far_end.user_agent = CleanText(Text(agent->g_string));
  return far_end;
}

bool IsGruu(const url_t& url) { return url_has_param(&url, "gr") != 0; }

bool IsPrack(const sip_t& request) {
  return request.sip_request->rq_method == kPrackMethod &&
         Text(request.sip_request->rq_method_name) == kPrackName;
}

std::optional<RAck> ReadRAck(const sip_t& prack) {
  const sip_rack_t* const rack = prack.sip_rack;
  if (rack == nullptr) return std::nullopt;
  return RAck{rack->ra_response, rack->ra_cseq,
              std::string(Text(rack->ra_method_name))};
}

std::optional<std::uint32_t> ReadReliableRSeq(const sip_t& answer) {
  const int status = answer.sip_status->st_status;
  if (status <= 100 || status >= 200 || answer.sip_rseq == nullptr ||
      !Lists(answer.sip_require, "100rel")) {
    return std::nullopt;
  }
  const unsigned long rseq = answer.sip_rseq->rs_response;
  if (rseq == 0 || rseq > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(rseq);
}

ReliableSupport ReadReliableSupport(const sip_t& invite) {
  if (Lists(invite.sip_require, "100rel")) return ReliableSupport::kRequired;
  return Lists(invite.sip_supported, "100rel") ? ReliableSupport::kOptional
                                               : ReliableSupport::kNone;
}

std::string ReadReason(const sip_t& sip) {
  if (sip.sip_reason == nullptr) return "";
  return CleanText(
      WithParameters(sip.sip_reason->re_protocol, sip.sip_reason->re_params));
}

std::string UriText(const url_t& url) {
  std::array<char, 2048> text{};
  const issize_t length = url_e(text.data(), text.size(), &url);
  if (length <= 0 || static_cast<std::size_t>(length) >= text.size()) return "";
  return std::string(text.data(), static_cast<std::size_t>(length));
}

std::string_view BodyOf(const sip_t& sip) {
  if (sip.sip_payload == nullptr || sip.sip_payload->pl_data == nullptr) {
    return {};
  }
  return {sip.sip_payload->pl_data, sip.sip_payload->pl_len};
}

IncomingCall ReadIncomingCall(const sip_t& sip, const sockaddr* source) {
  const auto address = [](const url_t& url) {
    // One user, however it is escaped (RFC 3261, 19.1.4).
    const std::string user = UnescapeUri(Text(url.url_user));
    const std::string host(Text(url.url_host));
    return absl::StrCat(user, user.empty() || host.empty() ? "" : "@", host);
  };
  IncomingCall call;
  if (source != nullptr) call.source = IpAddressOf(*source);
  call.request_uri = address(*sip.sip_request->rq_url);
  call.to = address(*sip.sip_to->a_url);
  return call;
}

bool HasSdp(const sip_t& sip) {
  return sip.sip_content_type == nullptr ||
         absl::EqualsIgnoreCase(std::string(Text(sip.sip_content_type->c_type)),
                                "application/sdp");
}

std::string_view SdpOf(const sip_t& sip) {
  return HasSdp(sip) ? BodyOf(sip) : std::string_view();
}

bool HasBadHeader(const sip_t& sip, const char* name) {
  for (const sip_error_t* bad = sip.sip_error; bad != nullptr;
       bad = bad->er_next) {
    // One that is there twice keeps its own class in this list.
    const msg_hclass_t* const kind = bad->er_common->h_class;
    const char* const its_name =
        kind == sip_error_class ? bad->er_name : kind->hc_name;
    if (its_name != nullptr && absl::EqualsIgnoreCase(its_name, name)) {
      return true;
    }
  }
  return false;
}

bool CameByTls(const sip_t& sip) {
  return sip.sip_via != nullptr &&
         absl::EqualsIgnoreCase(sip.sip_via->v_protocol, "SIP/2.0/TLS");
}

LegTransport ReadLegTransport(const sip_t& invite) {
  LegTransport leg;
  const char* const via =
      invite.sip_via == nullptr ? "" : invite.sip_via->v_protocol;
  if (absl::EqualsIgnoreCase(via, "SIP/2.0/TCP")) {
    leg.transport = SipTransport::kTcp;
  } else if (CameByTls(invite)) {
    leg.transport = SipTransport::kTls;
  }
  const url_t* const hop = invite.sip_record_route != nullptr
                               ? invite.sip_record_route->r_url
                               : invite.sip_contact->m_url;
  leg.sips = hop->url_type == url_sips ||
             invite.sip_request->rq_url->url_type == url_sips;
  return leg;
}

bool IsSips(std::string_view uri) {
  return absl::StartsWithIgnoreCase(std::string(uri), "sips:");
}

bool HasUsableContact(const sip_t& sip) {
  const sip_contact_t* contact = sip.sip_contact;
  return contact != nullptr && contact->m_next == nullptr &&
         (contact->m_url->url_type == url_sip ||
          contact->m_url->url_type == url_sips) &&
         contact->m_url->url_host != nullptr &&
         contact->m_url->url_host[0] != '\0';
}

SipTarget TargetOf(const url_t& url) {
  SipTarget target;
  target.tls_name = Text(url.url_host);
  target.host =
      UrlParameter(url, "maddr").value_or(std::string(Text(url.url_host)));
  if (url.url_port != nullptr) {
    const std::string_view port = url.url_port;
    std::uint16_t number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    if (number != 0) target.port = number;
  }
  if (const auto transport = UrlParameter(url, "transport")) {
    if (absl::EqualsIgnoreCase(*transport, "udp")) {
      target.transport = SipTransport::kUdp;
    } else if (absl::EqualsIgnoreCase(*transport, "tcp")) {
      target.transport = SipTransport::kTcp;
    } else if (absl::EqualsIgnoreCase(*transport, "tls")) {
      target.transport = SipTransport::kTls;
    } else {
      target.unknown_transport = CleanText(*transport);
    }
  }
  target.secure = url.url_type == url_sips;
  return target;
}

std::optional<SipTarget> TargetOf(const std::string& uri) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const url_t* const url = url_hdup(home, URL_STRING_MAKE(uri.c_str())->us_url);
  std::optional<SipTarget> target;
  if (url != nullptr) target = TargetOf(*url);
  su_home_deinit(home);
  return target;
}

}  // namespace callcontrol::sip
