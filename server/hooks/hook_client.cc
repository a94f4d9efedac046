// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_client.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/ip_network.h"
#include "sip/transfer/display_text.h"

namespace callcontrol::server {
namespace {

constexpr std::size_t kMaxAnswer = 65'536;
constexpr curl_off_t kLongestRetryAfter = 86'400;

struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};

}  // namespace

// One attempt. At a fixed place, because libcurl keeps pointers into it.
struct HookClient::Transfer {
  std::string id;
  std::string origin;
  std::string body;
  const HookGuard* guard = nullptr;
  std::unique_ptr<curl_slist, ListFree> headers;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::size_t answer_size = 0;
  bool answer_cut = false;
  bool opened_socket = false;
  std::optional<IpAddress> refused;
  // Last, so that it goes first.
  std::unique_ptr<CURL, EasyCleanup> easy;

  // CURLOPT_OPENSOCKETFUNCTION: the address is the one that is connected to,
  // whatever the name led to when it was looked at before.
  static curl_socket_t OpenSocket(void* self, curlsocktype purpose,
                                  curl_sockaddr* to) {
    auto& transfer = *static_cast<Transfer*>(self);
    const auto address = IpAddressOf(to->addr);
    if (purpose != CURLSOCKTYPE_IPCXN || !address ||
        !transfer.guard->Allows(transfer.origin, *address)) {
      transfer.refused = address.value_or(IpAddress{});
      return CURL_SOCKET_BAD;
    }
    transfer.opened_socket = true;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  // Header lines and body count alike: nothing of them is kept.
  static std::size_t Receive(char* /*data*/, std::size_t size,
                             std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.answer_size += size * count;
    if (transfer.answer_size <= kMaxAnswer) return size * count;
    transfer.answer_cut = true;
    return 0;
  }

  HookAttempt Outcome(CURLcode code) const {
    HookAttempt attempt;
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    // A long answer says no more by its end than by its beginning.
    if (code == CURLE_OK || (answer_cut && status >= 200)) {
      attempt.http_status = static_cast<int>(status);
      curl_off_t seconds = 0;
      if (curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &seconds) ==
              CURLE_OK &&
          seconds > 0) {
        attempt.retry_after =
            std::chrono::seconds(std::min(seconds, kLongestRetryAfter));
      }
      return attempt;
    }
    attempt.error = sip::CleanText(error[0] != '\0' ? error.data()
                                                    : curl_easy_strerror(code));
    if (refused && !opened_socket) {
      attempt.error = absl::StrCat(
          "its host leads to ", ToString(*refused),
          ", which is not in the configuration's hooks.allowed_networks");
    }
    attempt.permanent =
        (refused && !opened_socket) || code == CURLE_URL_MALFORMAT;
    return attempt;
  }
};

void HookClient::Cleanup::operator()(CURLM* multi) const {
  curl_multi_cleanup(multi);
}

HookClient::HookClient(Options options, const HookGuard& guard)
    : options_(std::move(options)), guard_(guard), multi_([] {
        static std::once_flag once;
        std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
        return curl_multi_init();
      }()) {
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS,
                    static_cast<long>(options_.max_connections));
}

HookClient::~HookClient() {
  for (const auto& [easy, transfer] : transfers_) {
    curl_multi_remove_handle(multi_.get(), easy);
  }
}

void HookClient::Start(const HookDelivery& delivery,
                       const std::vector<std::string>& headers) {
  auto transfer = std::make_unique<Transfer>();
  transfer->id = delivery.id;
  transfer->origin = delivery.origin;
  transfer->body = delivery.body;
  transfer->guard = &guard_;
  for (const std::string& header : headers) {
    transfer->headers.reset(
        curl_slist_append(transfer->headers.release(), header.c_str()));
  }
  transfer->easy.reset(curl_easy_init());
  SetOptions(*transfer, delivery);
  CURL* const easy = transfer->easy.get();
  transfers_.emplace(easy, std::move(transfer));
  curl_multi_add_handle(multi_.get(), easy);
}

void HookClient::SetOptions(Transfer& transfer,
                            const HookDelivery& delivery) const {
  CURL* const easy = transfer.easy.get();
  const auto set = [easy](CURLoption option, auto value) {
    curl_easy_setopt(easy, option, value);
  };
  set(CURLOPT_URL, delivery.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  // Of a proxy, the guard would see the proxy's address.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDS, transfer.body.c_str());
  set(CURLOPT_POSTFIELDSIZE, static_cast<long>(transfer.body.size()));
  set(CURLOPT_HTTPHEADER, transfer.headers.get());
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  if (!options_.ca_file.empty()) {
    set(CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(options_.connect_limit.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.attempt_limit.count()));
  set(CURLOPT_NOSIGNAL, 1L);
  // Or an attempt that times out while its name is looked up would hold the
  // thread until the look-up ends.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_ERRORBUFFER, transfer.error.data());
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::OpenSocket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
  set(CURLOPT_HEADERFUNCTION, &Transfer::Receive);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_WRITEFUNCTION, &Transfer::Receive);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
}

std::vector<HookClient::Ended> HookClient::Perform() {
  int running = 0;
  curl_multi_perform(multi_.get(), &running);
  std::vector<Ended> ended;
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;
    const auto transfer = transfers_.find(easy);
    ended.push_back({transfer->second->id, transfer->second->Outcome(code)});
    curl_multi_remove_handle(multi_.get(), easy);
    transfers_.erase(transfer);
  }
  return ended;
}

void HookClient::Wait(std::chrono::milliseconds limit) {
  curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(limit.count()),
                  nullptr);
}

void HookClient::Wake() { curl_multi_wakeup(multi_.get()); }

}  // namespace callcontrol::server
