// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/client_transaction.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sip/sofia/call_host.h"

namespace callcontrol::sip {
namespace {

std::string RouteUrl(const SipAddress& hop) {
  const bool v6 = hop.ip.find(':') != std::string::npos;
  const std::string ip = v6 ? absl::StrCat("[", hop.ip, "]") : hop.ip;
  if (hop.transport == SipTransport::kTls) {
    // The host is what Sofia files the connection under and TlsLayer verifies.
    return absl::StrCat("sip:", hop.tls_name, ":", hop.port,
                        ";transport=tls;maddr=", ip);
  }
  return absl::StrCat("sip:", ip, ":", hop.port, ";transport=",
                      hop.transport == SipTransport::kTcp ? "tcp" : "udp");
}

// A list of headers that Sofia writes byte by byte as they are: parsing them
// into its own types would re-encode the URIs in them.
sip_unknown_t* VerbatimHeaders(su_home_t* home,
                               const std::vector<SipHeader>& headers) {
  sip_unknown_t* first = nullptr;
  sip_unknown_t** end = &first;
  for (const SipHeader& header : headers) {
    const std::string line = absl::StrCat(header.name, ": ", header.value);
    *end = sip_unknown_make(home, line.c_str());
    if (*end == nullptr) break;
    end = &(*end)->un_next;
  }
  return first;
}

}  // namespace

std::unique_ptr<ClientTransaction> ClientTransaction::Send(
    nta_leg_t* leg, const SipAddress& next_hop, const std::string& user_agent,
    const OutgoingRequest& request, OnAnswer on_answer) {
  std::unique_ptr<ClientTransaction> transaction(
      new ClientTransaction(std::move(on_answer)));
  const std::string route = RouteUrl(next_hop);
  const bool has_body = !request.body.empty();
  const std::string hops = absl::StrCat(request.max_forwards.value_or(0));
  su_home_t home[1] = {SU_HOME_INIT(home)};
  transaction->request_ = nta_outgoing_tcreate(
      leg, &ClientTransaction::HandleAnswer, transaction.get(),
      URL_STRING_MAKE(route.c_str()), request.method, request.method_name,
      request.request_uri.empty()
          ? nullptr
          : URL_STRING_MAKE(request.request_uri.c_str()),
      SIPTAG_CONTACT(request.contact),
      SIPTAG_USER_AGENT_STR(user_agent.c_str()),
      // Parsed, so that CANCEL and ACK have it too (RFC 3261, 9.1, 17.1.1.3).
      TAG_IF(!request.route.empty(), SIPTAG_ROUTE_STR(request.route.c_str())),
      TAG_IF(request.max_forwards.has_value(),
             SIPTAG_MAX_FORWARDS_STR(hops.c_str())),
      TAG_IF(!request.allow.empty(), SIPTAG_ALLOW_STR(request.allow.c_str())),
      TAG_IF(request.supported != nullptr,
             SIPTAG_SUPPORTED_STR(request.supported)),
      TAG_IF(has_body, SIPTAG_CONTENT_TYPE_STR(request.content_type.c_str())),
      TAG_IF(has_body, SIPTAG_PAYLOAD(sip_payload_create(
                           home, request.body.data(), request.body.size()))),
      SIPTAG_UNKNOWN(VerbatimHeaders(home, request.headers)), SIPTAG_END(),
      TAG_END());
  su_home_deinit(home);
  // A request that could not be sent at all may have been answered already.
  if (transaction->request_ == nullptr || transaction->failed_) return nullptr;
  transaction->cseq_ = nta_outgoing_cseq(transaction->request_);
  return transaction;
}

ClientTransaction::~ClientTransaction() {
  if (request_ != nullptr) nta_outgoing_destroy(request_);
}

bool ClientTransaction::Acknowledge(nta_leg_t* leg, const SipAddress& next_hop,
                                    const std::string& answer) {
  const std::string route = RouteUrl(next_hop);
  const bool answers = !answer.empty();
  su_home_t home[1] = {SU_HOME_INIT(home)};
  // Sofia keeps it for as long as the 2xx may come again.
  nta_outgoing_t* ack = nta_outgoing_tcreate(
      leg, nullptr, nullptr, URL_STRING_MAKE(route.c_str()), SIP_METHOD_ACK,
      nullptr, SIPTAG_CSEQ(sip_cseq_create(home, cseq_, SIP_METHOD_ACK)),
      TAG_IF(answers, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(answers, SIPTAG_PAYLOAD_STR(answer.c_str())), TAG_END());
  su_home_deinit(home);
  if (ack == nullptr) return false;
  nta_outgoing_destroy(ack);
  return true;
}

std::string ClientTransaction::request_uri() const {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  const char* const text =
      url_as_string(home, nta_outgoing_request_uri(request_));
  std::string uri = text == nullptr ? "" : text;
  su_home_deinit(home);
  return uri;
}

void ClientTransaction::Cancel() { nta_outgoing_cancel(request_); }

void ClientTransaction::Abandon() {
  on_answer_ = [](const sip_t&, Ending) {};
  Cancel();
}

int ClientTransaction::HandleAnswer(ClientTransaction* self, nta_outgoing_t*,
                                    const sip_t* sip) {
  if (sip == nullptr || sip->sip_status == nullptr) return 0;
  // More answers may come until this is destroyed, which waits for the look-up
  // of where the ACK goes.
  if (self->ended_) return 0;
  if (self->request_ == nullptr) {
    self->failed_ = true;
    return 0;
  }
  Ending ending = Ending::kAnswered;
  if (nta_sip_is_internal(sip) != 0) {
    ending =
        sip->sip_status->st_status == 408 ? Ending::kTimedOut : Ending::kFailed;
  }
  self->ended_ = IsFinal(sip->sip_status->st_status);
  self->on_answer_(*sip, ending);
  return 0;
}

}  // namespace callcontrol::sip
