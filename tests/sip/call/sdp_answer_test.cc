// SPDX-License-Identifier: Apache-2.0
#include "sip/call/sdp_answer.h"

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

const SdpOrigin kOrigin{42, 7, "192.0.2.7"};

constexpr char kHead[] =
    "v=0\r\n"
    "o=- 42 7 IN IP4 192.0.2.7\r\n"
    "s=-\r\n"
    "c=IN IP4 192.0.2.7\r\n";

// An offer with these lines from t= on.
std::string Offer(std::string_view lines) {
  std::string offer =
      "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=x\r\nc=IN IP4 192.0.2.1\r\n";
  offer += lines;
  return offer;
}

struct Row {
  std::string name;
  std::string offered;
  std::string answered;
};

void PrintTo(const Row& row, std::ostream* os) { *os << row.name; }

class SdpAnswerTest : public ::testing::TestWithParam<Row> {};

TEST_P(SdpAnswerTest, Answers) {
  const absl::StatusOr<std::string> answer =
      WriteInactiveAnswer(Offer(GetParam().offered), kOrigin);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, kHead + GetParam().answered);
}

std::vector<Row> Rows() {
  return {
      {"Audio",
       "t=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
       "a=ptime:20\r\na=sendrecv\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
       "a=inactive\r\n"},
      {"StaticTypesNeedNoMap", "t=0 0\r\nm=audio 4000 RTP/AVP 8 0\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 8 0\r\na=inactive\r\n"},
      {"DynamicTypeWithoutMapIsDropped",
       "t=0 0\r\nm=audio 4000 RTP/AVP 96 0 97\r\na=rtpmap:97 opus/48000/2\r\n"
       "a=fmtp:96 x\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0 97\r\na=rtpmap:97 opus/48000/2\r\n"
       "a=inactive\r\n"},
      {"RepeatedAndImpossibleTypesAreDropped",
       "t=0 0\r\nm=audio 4000 RTP/AVP 0 0 128 999 0000 x 8\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0 8\r\na=inactive\r\n"},
      {"NoUsableType", "t=0 0\r\nm=audio 4000 RTP/AVP 96\r\n",
       "t=0 0\r\nm=audio 0 RTP/AVP 96\r\n"},
      {"VideoTooInOrder",
       "t=0 0\r\nm=video 5000 RTP/AVPF 99\r\na=rtpmap:99 VP8/90000\r\n"
       "m=audio 4000/2 RTP/AVP 0\r\n",
       "t=0 0\r\nm=video 9 RTP/AVPF 99\r\na=rtpmap:99 VP8/90000\r\n"
       "a=inactive\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"},
      {"MapsStayWithTheirStream",
       "t=0 0\r\na=rtpmap:96 session/1\r\nm=audio 1 RTP/AVP 96 0\r\n"
       "m=video 2 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"
       "m=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=inactive\r\n"},
      {"OtherProtocolsAreRefused",
       "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=image 6000 udptl t38\r\n"
       "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
       "m=audio 4 UDP/TLS/RTP/SAVPF 0 8\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\nm=image 0 udptl t38\r\n"
       "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"
       "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"},
      {"PortZeroStaysRefused",
       "t=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=audio 00 RTP/AVP 0\r\n",
       "t=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0\r\n"},
      {"SecureIsRefusedBesidePlain",
       "t=0 0\r\nm=audio 4000 RTP/SAVP 0\r\nm=audio 4000 RTP/AVP 0\r\n",
       "t=0 0\r\nm=audio 0 RTP/SAVP 0\r\nm=audio 9 RTP/AVP 0\r\n"
       "a=inactive\r\n"},
      {"SecureAloneIsAccepted",
       "t=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\nm=image 1 udptl t38\r\n"
       "m=video 4 RTP/SAVPF 31\r\nm=audio 0 RTP/AVP 0\r\n",
       "t=0 0\r\nm=audio 9 RTP/SAVP 0\r\na=inactive\r\nm=image 0 udptl t38\r\n"
       "m=video 9 RTP/SAVPF 31\r\na=inactive\r\nm=audio 0 RTP/AVP 0\r\n"},
      {"BundleAndIceAreNotCopied",
       "t=0 0\r\na=group:BUNDLE 0\r\na=ice-lite\r\nm=audio 4 RTP/AVP 0\r\n"
       "a=mid:0\r\na=candidate:1 1 UDP 1 192.0.2.1 4 typ host\r\n"
       "a=rtcp-mux\r\na=setup:actpass\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"},
      {"TimesAreTheOffers",
       "t=2873397496 2873404696\r\nr=7d 1h 0 25h\r\nt=1 2\r\n"
       "m=audio 4 RTP/AVP 0\r\nt=3 4\r\n",
       "t=2873397496 2873404696\r\nt=1 2\r\nm=audio 9 RTP/AVP 0\r\n"
       "a=inactive\r\n"},
      {"NoTime", "m=audio 4 RTP/AVP 0\r\n",
       "t=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"},
      {"NoMedia", "t=0 0\r\n", "t=0 0\r\n"},
      {"LastLineWithoutEnd", "t=0 0\r\nm=audio 4 RTP/AVP 0",
       "t=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"},
  };
}

INSTANTIATE_TEST_SUITE_P(Rows, SdpAnswerTest, ::testing::ValuesIn(Rows()),
                         [](const auto& row) { return row.param.name; });

TEST(SdpAnswerTest, LineFeedsWillDo) {
  const absl::StatusOr<std::string> answer = WriteInactiveAnswer(
      "v=0\no=a 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 4 RTP/AVP 0\n",
      {1, 2, "2001:db8::1"});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer,
            "v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=-\r\n"
            "c=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
            "a=inactive\r\n");
}

TEST(SdpAnswerTest, MediaAreLimited) {
  std::string lines = "t=0 0\r\n";
  for (int i = 0; i < 64; ++i) lines += "m=audio 4 RTP/AVP 0\r\n";
  EXPECT_TRUE(WriteInactiveAnswer(Offer(lines), kOrigin).ok());
  lines += "m=audio 4 RTP/AVP 0\r\n";
  EXPECT_FALSE(WriteInactiveAnswer(Offer(lines), kOrigin).ok());
}

TEST(SdpAnswerTest, TheSizeIsLimited) {
  std::string offer = Offer("t=0 0\r\na=");
  offer.resize(65536, 'x');
  EXPECT_TRUE(WriteInactiveAnswer(offer, kOrigin).ok());
  offer += 'x';
  EXPECT_FALSE(WriteInactiveAnswer(offer, kOrigin).ok());
}

class BadOfferTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BadOfferTest, IsRefused) {
  const absl::StatusOr<std::string> answer =
      WriteInactiveAnswer(GetParam(), kOrigin);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(answer.status()).reason, "BAD_SDP");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadOfferTest,
    ::testing::Values(
        "", "\r\n", "v=1\r\n", "hello", "m=audio 4 RTP/AVP 0\r\n",
        Offer("t=0\r\n"), Offer("t=a b\r\n"), Offer("t=0 0 0\r\n"),
        Offer("m=\r\n"), Offer("m=audio\r\n"), Offer("m=audio 4\r\n"),
        Offer("m=audio 4 RTP/AVP\r\n"), Offer("m=audio x RTP/AVP 0\r\n"),
        Offer("m=audio -1 RTP/AVP 0\r\n"),
        Offer("m=audio 123456 RTP/AVP 0\r\n"),
        Offer("m=audio 4/ RTP/AVP 0\r\n"), Offer("m=a\x01 4 RTP/AVP 0\r\n"),
        Offer("m=audio 4 RTP/AVP \xfc\r\n"),
        Offer("m=audio 4 RTP/AVP 0\ra=x\r\n"),
        Offer(std::string("a=\0\r\n", 5))));

TEST(SdpOfferTest, OffersInactiveAudio) {
  EXPECT_EQ(WriteInactiveOffer(kOrigin),
            std::string(kHead) +
                "t=0 0\r\n"
                "m=audio 9 RTP/AVP 0 8 101\r\n"
                "a=rtpmap:0 PCMU/8000\r\n"
                "a=rtpmap:8 PCMA/8000\r\n"
                "a=rtpmap:101 telephone-event/8000\r\n"
                "a=fmtp:101 0-15\r\n"
                "a=inactive\r\n");
}

TEST(SdpOfferTest, ItsAnswerIsTheSame) {
  const std::string offer = WriteInactiveOffer(kOrigin);
  const absl::StatusOr<std::string> answer =
      WriteInactiveAnswer(offer, kOrigin);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer, offer);
}

TEST(CountMediaTest, CountsLinesThatBeginAnMLine) {
  EXPECT_EQ(CountMedia(""), 0U);
  EXPECT_EQ(CountMedia("v=0\r\ns=m=audio\r\n"), 0U);
  EXPECT_EQ(CountMedia("v=0\r\nm=audio 1 RTP/AVP 0\r\na=x\r\nm=video 0 x 1"),
            2U);
  EXPECT_EQ(CountMedia("m=audio 1 RTP/AVP 0\nm=audio 2 RTP/AVP 0\n"), 2U);
}

}  // namespace
}  // namespace callcontrol::sip
