// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/hook_listener.h"

#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "clients/cli/session.h"
#include "clients/cli/text.h"

namespace callcontrol::cli {
namespace {

constexpr std::size_t kMaxBody = 65'536;
constexpr std::size_t kThreads = 32;
// Of JSON in JSON: writing it takes stack.
constexpr int kMaxDepth = 64;
constexpr absl::Duration kTolerance = absl::Minutes(5);

std::string HmacSha256(std::string_view key, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       mac.data(), &size);
  return absl::BytesToHexString(
      {reinterpret_cast<const char*>(mac.data()), size});
}

ReceivedHook HookOf(const httplib::Request& request) {
  return {.path = request.path,
          .delivery = request.get_header_value("X-Callcontrol-Delivery"),
          .attempt = request.get_header_value("X-Callcontrol-Attempt"),
          .signature = request.get_header_value("X-Callcontrol-Signature"),
          .body = request.body};
}

}  // namespace

std::string_view SignatureWord(const ReceivedHook& hook, std::string_view key,
                               absl::Time now) {
  if (hook.signature.empty()) return "none";
  if (key.empty()) return "not checked";
  absl::string_view seconds;
  std::vector<absl::string_view> macs;
  for (absl::string_view field : absl::StrSplit(hook.signature, ',')) {
    if (absl::ConsumePrefix(&field, "t=")) {
      seconds = field;
    } else if (absl::ConsumePrefix(&field, "v1=")) {
      macs.push_back(field);
    }
  }
  std::int64_t stamp = 0;
  if (!absl::SimpleAtoi(seconds, &stamp)) return "bad";
  const absl::Duration age = now - absl::FromUnixSeconds(stamp);
  if (age > kTolerance || age < -kTolerance) return "bad";
  const std::string good =
      HmacSha256(key, absl::StrCat(seconds, ".", hook.body));
  for (const absl::string_view mac : macs) {
    if (mac == good) return "good";
  }
  return "bad";
}

std::string HookText(const ReceivedHook& hook, std::string_view key,
                     absl::Time now) {
  return absl::StrCat(TimeOfDay(now), " POST ", Printable(hook.path),
                      ", delivery ", Printable(hook.delivery), ", attempt ",
                      Printable(hook.attempt), ", signature ",
                      std::string(SignatureWord(hook, key, now)), "\n  ",
                      Printable(hook.body), "\n");
}

std::string HookJson(const ReceivedHook& hook, std::string_view key,
                     absl::Time now) {
  using Json = nlohmann::ordered_json;
  bool deep = false;
  const auto shallow = [&deep](int depth, Json::parse_event_t, Json&) {
    deep |= depth > kMaxDepth;
    return true;
  };
  Json body = Json::parse(hook.body, shallow, /*allow_exceptions=*/false);
  if (body.is_discarded() || deep) body = hook.body;
  const Json line = {{"path", hook.path},
                     {"delivery", hook.delivery},
                     {"attempt", hook.attempt},
                     {"signature", std::string(SignatureWord(hook, key, now))},
                     {"body", body}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

int RunHooksListen(const Arguments& arguments, const Environment& environment,
                   std::ostream& out, std::ostream& err) {
  httplib::Server server;
  server.set_payload_max_length(kMaxBody);
  // Each connection that is kept open holds a thread.
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  std::mutex printing;
  server.Post(
      ".*", [&](const httplib::Request& request, httplib::Response& response) {
        const auto text = arguments.json ? HookJson : HookText;
        const std::lock_guard lock(printing);
        out << text(HookOf(request), environment.hook_key, environment.now())
            << std::flush;
        response.status = 204;
      });
  int port = arguments.port;
  if (port == 0) port = server.bind_to_any_port("127.0.0.1");
  if (port < 0 || (arguments.port != 0 &&
                   !server.bind_to_port("127.0.0.1", arguments.port))) {
    err << "callctl: cannot listen on 127.0.0.1:" << arguments.port
        << "; is something there already?" << std::endl;
    return kExitFailure;
  }
  {
    const std::lock_guard lock(printing);
    (arguments.json ? err : out) << "listening on http://127.0.0.1:" << port
                                 << ", Ctrl-C ends" << std::endl;
  }
  std::atomic<bool> ended = false;
  std::thread serving([&] {
    server.listen_after_bind();
    ended = true;
  });
  const absl::Time deadline = arguments.timeout
                                  ? environment.now() + *arguments.timeout
                                  : absl::InfiniteFuture();
  while (!environment.interrupted() && !ended && environment.now() < deadline) {
    environment.sleep(absl::FromChrono(kTick));
  }
  // stop() before the other thread runs would be missed.
  while (!server.is_running() && !ended) std::this_thread::yield();
  server.stop();
  serving.join();
  return kExitOk;
}

}  // namespace callcontrol::cli
