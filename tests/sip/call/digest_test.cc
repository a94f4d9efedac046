// SPDX-License-Identifier: Apache-2.0
#include "sip/call/digest.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Credentials kBob{.username = "bob", .password = "zanzibar"};
const DigestRequest kRefer{.method = "REFER", .uri = "sip:a@b", .cnonce = "c1"};

// The example of RFC 2617, 3.5.
TEST(DigestTest, AnswersAsTheOldRfcDoes) {
  EXPECT_EQ(
      AnswerDigest(
          {{.realm = "testrealm@host.com",
            .nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            .opaque = "5ccc069c403ebaf9f0171e9517f40e41",
            .qop = "auth,auth-int"}},
          {.username = "Mufasa", .password = "Circle Of Life"},
          {.method = "GET", .uri = "/dir/index.html", .cnonce = "0a4f113b"}),
      "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
      "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
      "uri=\"/dir/index.html\", "
      "response=\"6629fae49393a05397450978507c4ef1\", qop=auth, nc=00000001, "
      "cnonce=\"0a4f113b\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
}

// The examples of RFC 7616, 3.9.1.
TEST(DigestTest, AnswersAsTheNewRfcDoes) {
  DigestChallenge challenge{
      .realm = "http-auth@example.org",
      .nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
      .algorithm = "SHA-256",
      .qop = "auth, auth-int"};
  const Credentials mufasa{.username = "Mufasa", .password = "Circle of Life"};
  const DigestRequest request{
      .method = "GET",
      .uri = "/dir/index.html",
      .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"};
  EXPECT_THAT(*AnswerDigest({challenge}, mufasa, request),
              HasSubstr("response=\"753927fa0e85d155564e2e272a28d1802ca10daf449"
                        "6794697cf8db5856cb6c1\", algorithm=SHA-256"));
  challenge.algorithm = "MD5";
  EXPECT_THAT(*AnswerDigest({challenge}, mufasa, request),
              HasSubstr("response=\"8ca523f5e9506fed4657c9700eebdbec\""));
}

TEST(DigestTest, WithoutQopThereIsNoCount) {
  const auto answer = AnswerDigest(
      {{.realm = "biloxi.com", .nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"}},
      kBob, {.method = "INVITE", .uri = "sip:bob@biloxi.com"});
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer,
              HasSubstr("response=\"bf57e4e0d0bffc0fbaedce64d59add5e\""));
  EXPECT_THAT(*answer, Not(HasSubstr("nc=")));
  EXPECT_THAT(*answer, Not(HasSubstr("algorithm=")));
}

TEST(DigestTest, TheSessionFormHashesTheNonces) {
  EXPECT_THAT(*AnswerDigest({{.realm = "biloxi.com",
                              .nonce = "n1",
                              .algorithm = "SHA-256-sess",
                              .qop = "auth"}},
                            kBob, kRefer),
              HasSubstr("response="
                        "\"af68bb956945d338b5cd9e687abd13db69a48ec8829fa2e5b853"
                        "f2b3cc076766\""));
}

TEST(DigestTest, TheFirstChallengeThatCanBeAnsweredIs) {
  const auto answer = AnswerDigest({{.realm = "r", .algorithm = "SHA-512-256"},
                                    {.realm = "r", .qop = "auth-int"},
                                    {.realm = "r", .algorithm = "sha-256"},
                                    {.realm = "r", .algorithm = "MD5"}},
                                   kBob, kRefer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, HasSubstr("algorithm=sha-256"));
}

TEST(DigestTest, OnlyTheRealmOfTheCredentialsIsAnswered) {
  const Credentials bound{
      .username = "bob", .password = "zanzibar", .realm = "biloxi.com"};
  EXPECT_EQ(AnswerDigest({{.realm = "evil.example"}}, bound, kRefer),
            std::nullopt);
  EXPECT_THAT(
      *AnswerDigest({{.realm = "evil.example"}, {.realm = "biloxi.com"}}, bound,
                    kRefer),
      HasSubstr("realm=\"biloxi.com\""));
}

TEST(DigestTest, WhatCannotBeAnsweredIsNot) {
  EXPECT_EQ(AnswerDigest({}, kBob, kRefer), std::nullopt);
  EXPECT_EQ(AnswerDigest({{.realm = "r"}}, {}, kRefer), std::nullopt);
  EXPECT_EQ(
      AnswerDigest({{.realm = "r", .nonce = "a\r\nX-Evil: 1"}}, kBob, kRefer),
      std::nullopt)
      << "a challenge must not write our headers";
}

TEST(DigestTest, QuotesAreEscapedAndThePasswordIsNotTold) {
  const auto answer =
      AnswerDigest({{.realm = "a \"b\" \\c"}},
                   {.username = "b\"ob", .password = "zanzibar"}, kRefer);
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, HasSubstr(R"(username="b\"ob", realm="a \"b\" \\c")"));
  EXPECT_THAT(*answer, Not(HasSubstr("zanzibar")));
}

}  // namespace
}  // namespace callcontrol::sip
