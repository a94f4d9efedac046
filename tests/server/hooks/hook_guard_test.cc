// SPDX-License-Identifier: Apache-2.0
#include "server/hooks/hook_guard.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::server {
namespace {

using ::testing::HasSubstr;

HookGuard Guard(const HookGuard::Options& options = {}) {
  return *HookGuard::Make(options);
}

// The URL, or the reason why not.
std::string Resolved(const HookGuard& guard, const std::string& hook) {
  const auto url = guard.Resolve(hook, "action_hook");
  if (url.ok()) return url->text;
  EXPECT_EQ(DetailOf(url.status()).field, "action_hook");
  EXPECT_THAT(std::string(url.status().message()),
              ::testing::StartsWith("action_hook: "));
  return DetailOf(url.status()).reason;
}

TEST(HookGuardTest, AnAbsoluteUrlIsTakenAsItIsNormalized) {
  const HookGuard guard = Guard();
  EXPECT_EQ(Resolved(guard, "https://app.example/a?b=c"),
            "https://app.example/a?b=c");
  EXPECT_EQ(Resolved(guard, "HTTP://app.example"), "http://app.example/");
  EXPECT_EQ(Resolved(guard, "https://app.example/a#part"),
            "https://app.example/a");
  EXPECT_EQ(Resolved(guard, "https://me:pw@app.example/"),
            "https://me:pw@app.example/");
}

TEST(HookGuardTest, TheOriginIsWhatConnectionsShare) {
  const HookGuard guard = Guard();
  EXPECT_EQ(guard.Resolve("https://me@App.Example./x", "f")->origin,
            "https://app.example:443");
  EXPECT_EQ(guard.Resolve("http://app.example:8080/x", "f")->origin,
            "http://app.example:8080");
  EXPECT_EQ(guard.Resolve("http://[2606:4700::1]/x", "f")->origin,
            "http://[2606:4700::1]:80");
}

TEST(HookGuardTest, RelativeHooksAreResolvedAsRfc3986Says) {
  const HookGuard guard =
      Guard({.base_url = "https://me:pw@app.example/hooks/all?x=y"});
  EXPECT_EQ(Resolved(guard, "/action"), "https://me:pw@app.example/action");
  EXPECT_EQ(Resolved(guard, "action"),
            "https://me:pw@app.example/hooks/action");
  EXPECT_EQ(Resolved(guard, "../action?q=1"),
            "https://me:pw@app.example/action?q=1");
  EXPECT_EQ(Resolved(guard, "//other.example/x"), "https://other.example/x");
  EXPECT_EQ(Resolved(guard, "a:b/c"), "BAD_HOOK_URL");
  EXPECT_EQ(Resolved(Guard(), "/action"), "NO_BASE_URL");
  EXPECT_EQ(Resolved(Guard(), "app.example/action"), "NO_BASE_URL");
}

TEST(HookGuardTest, WhatIsNoWebUrlIsRefused) {
  const HookGuard guard = Guard({.base_url = "https://app.example/"});
  for (const std::string& url : std::vector<std::string>{
           "ftp://app.example/", "file:///etc/passwd", "javascript:alert(1)",
           "http://", "http://a b/", "http://a\\@b/", "http://a/\r\nX: y",
           std::string("http://a/\0b", 11), "http://a/\xff", "http://a:99999/",
           "http://a:x/", "http://%ff.example/", "http://\xC3\xA4.example/",
           "http://" + std::string(2048, 'a')}) {
    EXPECT_EQ(Resolved(guard, url), "BAD_HOOK_URL") << url;
  }
}

TEST(HookGuardTest, AddressesThatAreNotPublicMustBeListed) {
  for (const char* url :
       {"http://127.0.0.1/", "http://localhost/", "http://x.localhost./",
        "http://10.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "http://0x7f000001/", "http://2130706433/", "http://127.1/"}) {
    EXPECT_EQ(Resolved(Guard(), url), "HOOK_REFUSED") << url;
  }
  const HookGuard open =
      Guard({.allowed_networks = {"127.0.0.0/8", "10.0.0.1", "::1/128"}});
  for (const char* url : {"http://127.0.0.1/", "http://localhost/",
                          "http://10.0.0.1/", "http://[::1]/"}) {
    EXPECT_NE(Resolved(open, url), "HOOK_REFUSED") << url;
  }
  EXPECT_EQ(Resolved(open, "http://10.0.0.2/"), "HOOK_REFUSED");
}

TEST(HookGuardTest, AListOfHostsKeepsAllOthersOut) {
  const HookGuard guard =
      Guard({.allowed_hosts = {"App.example", "*.in.example", "8.8.8.8"}});
  EXPECT_EQ(Resolved(guard, "http://APP.example/x"), "http://APP.example/x");
  EXPECT_EQ(Resolved(guard, "http://a.b.in.example/"),
            "http://a.b.in.example/");
  EXPECT_EQ(Resolved(guard, "http://8.8.8.8/"), "http://8.8.8.8/");
  for (const char* url :
       {"http://in.example/", "http://xin.example/", "http://8.8.4.4/",
        "http://app.example.evil.example/", "http://app.example@evil.example/",
        "http://.in.example/"}) {
    EXPECT_EQ(Resolved(guard, url), "HOOK_REFUSED") << url;
  }
}

TEST(HookGuardTest, TheBaseItselfMayBeAnywhereButNotOtherPorts) {
  const HookGuard guard = Guard(
      {.base_url = "http://127.0.0.1:8080/", .allowed_hosts = {"app.example"}});
  EXPECT_EQ(Resolved(guard, "/x"), "http://127.0.0.1:8080/x");
  EXPECT_EQ(Resolved(guard, "http://127.0.0.1:8080/y"),
            "http://127.0.0.1:8080/y");
  EXPECT_EQ(Resolved(guard, "http://127.0.0.1:22/"), "HOOK_REFUSED");
  EXPECT_EQ(Resolved(guard, "https://127.0.0.1:8080/"), "HOOK_REFUSED");
  EXPECT_TRUE(
      guard.Allows("http://127.0.0.1:8080", *ReadIpAddress("127.0.0.1")));
  EXPECT_FALSE(
      guard.Allows("http://app.example:80", *ReadIpAddress("127.0.0.1")));
  EXPECT_FALSE(Guard().Allows("", *ReadIpAddress("127.0.0.1")));
}

TEST(HookGuardTest, AnAddressIsLookedAtWhateverTheNameWas) {
  const HookGuard guard = Guard(
      {.allowed_hosts = {"app.example"}, .allowed_networks = {"10.0.0.0/8"}});
  EXPECT_TRUE(guard.Allows("http://app.example:80", *ReadIpAddress("8.8.8.8")));
  EXPECT_TRUE(
      guard.Allows("http://app.example:80", *ReadIpAddress("10.1.1.1")));
  EXPECT_FALSE(guard.Allows("http://app.example:80", *ReadIpAddress("::1")));
}

TEST(HookGuardTest, MistakesInTheConfigurationAreNamed) {
  const auto complaint = [](const HookGuard::Options& options) {
    return std::string(HookGuard::Make(options).status().message());
  };
  EXPECT_THAT(complaint({.base_url = "ftp://x/"}), HasSubstr("base_url: "));
  EXPECT_THAT(complaint({.base_url = "/x"}), HasSubstr("base_url: "));
  EXPECT_THAT(complaint({.allowed_networks = {"10.0.0.1/8"}}),
              HasSubstr("allowed_networks: \"10.0.0.1/8\""));
  for (const char* host : {"", "http://x", "a.*", "*x", "a@b", "**.x"}) {
    EXPECT_THAT(complaint({.allowed_hosts = {host}}),
                HasSubstr("allowed_hosts: "))
        << host;
  }
}

TEST(WithoutCredentialsTest, LeavesTheRest) {
  EXPECT_EQ(WithoutCredentials("https://me:pw@app.example/a?b"),
            "https://app.example/a?b");
  EXPECT_EQ(WithoutCredentials("https://app.example/a"),
            "https://app.example/a");
  EXPECT_EQ(WithoutCredentials("no url"), "");
}

}  // namespace
}  // namespace callcontrol::server
