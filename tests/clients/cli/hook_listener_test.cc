// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/hook_listener.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::cli {
namespace {

constexpr char kKey[] = "key-of-sixteen-bytes";
// openssl dgst -sha256 -hmac key-of-sixteen-bytes over 1700000000.{"a":1}
constexpr char kMac[] =
    "883d4bf788d60f1b40f71f6706b8019ec8afa61b012ac85f51e16480a8615f9c";
const absl::Time kTime = absl::FromUnixSeconds(1'700'000'000);

ReceivedHook Hook(const std::string& signature) {
  return {.path = "/action",
          .delivery = "h-1",
          .attempt = "2",
          .signature = signature,
          .body = R"({"a":1})"};
}

ReceivedHook Signed() { return Hook(absl::StrCat("t=1700000000,v1=", kMac)); }

TEST(SignatureWordTest, OneOfSeveralIsEnough) {
  EXPECT_EQ(SignatureWord(Signed(), kKey, kTime), "good");
  EXPECT_EQ(SignatureWord(Hook(absl::StrCat("t=1700000000,v1=00,v1=", kMac)),
                          kKey, kTime),
            "good");
}

TEST(SignatureWordTest, AnotherKeyBodyOrTimeIsBad) {
  EXPECT_EQ(SignatureWord(Signed(), "another-key-of-some-bytes", kTime), "bad");
  ReceivedHook changed = Signed();
  changed.body += " ";
  EXPECT_EQ(SignatureWord(changed, kKey, kTime), "bad");
  EXPECT_EQ(SignatureWord(Signed(), kKey, kTime + absl::Seconds(301)), "bad");
  EXPECT_EQ(SignatureWord(Signed(), kKey, kTime - absl::Seconds(301)), "bad");
  for (const char* signature : {"t=,v1=", "v1=00", "t=x,v1=00", "nonsense"}) {
    EXPECT_EQ(SignatureWord(Hook(signature), kKey, kTime), "bad") << signature;
  }
}

TEST(SignatureWordTest, NoneAndNotCheckedAreNoVerdicts) {
  EXPECT_EQ(SignatureWord(Hook(""), kKey, kTime), "none");
  EXPECT_EQ(SignatureWord(Signed(), "", kTime), "not checked");
}

TEST(HookTextTest, IsTwoPrintableLines) {
  EXPECT_EQ(HookText(Signed(), kKey, kTime),
            "22:13:20.000 POST /action, delivery h-1, attempt 2, signature "
            "good\n  {\"a\":1}\n");
  ReceivedHook hostile = Signed();
  hostile.path = "/\x1b[2J";
  hostile.body = "a\nb\x1b";
  const std::string text = HookText(hostile, "", kTime);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_THAT(text, ::testing::HasSubstr("\n  a\\nb\\x1b\n"));
}

TEST(HookJsonTest, IsOneObjectWhateverTheBodyIs) {
  EXPECT_EQ(HookJson(Signed(), kKey, kTime),
            R"({"path":"/action","delivery":"h-1","attempt":"2",)"
            R"("signature":"good","body":{"a":1}})"
            "\n");
  ReceivedHook odd = Hook("");
  odd.body = "no json\xff";
  EXPECT_THAT(HookJson(odd, kKey, kTime),
              ::testing::HasSubstr("\"body\":\"no json\xEF\xBF\xBD\""));
  odd.body = std::string(30'000, '[') + std::string(30'000, ']');
  EXPECT_THAT(HookJson(odd, kKey, kTime),
              ::testing::HasSubstr("\"body\":\"[[["));
}

}  // namespace
}  // namespace callcontrol::cli
