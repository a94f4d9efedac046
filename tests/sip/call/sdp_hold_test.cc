// SPDX-License-Identifier: Apache-2.0
#include "sip/call/sdp_hold.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace callcontrol::sip {
namespace {

constexpr char kHead[] =
    "v=0\r\no=media 71 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
    "t=0 0\r\n";

std::string Sdp(const std::string& rest) { return kHead + rest; }

TEST(SdpHoldTest, TheVersionIsReadAndReplacedInPlace) {
  const std::string sdp = Sdp("m=audio 4000 RTP/AVP 0\r\n");
  EXPECT_EQ(SdpVersion(sdp), 3u);
  EXPECT_EQ(WithSdpVersion(sdp, 4),
            "v=0\r\no=media 71 4 IN IP4 192.0.2.1\r\ns=-\r\n"
            "c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n");
}

TEST(SdpHoldTest, TheLargestVersionIsReadWhole) {
  EXPECT_EQ(SdpVersion("v=0\r\no=- 1 18446744073709551615 IN IP4 a\r\n"),
            18446744073709551615u);
}

TEST(SdpHoldTest, WithoutAReadableOriginNothingIsChanged) {
  for (const char* sdp : {"v=0\r\ns=-\r\n", "v=0\r\no=- 1\r\n",
                          "v=0\r\no=- 1 x IN IP4 a\r\n", ""}) {
    EXPECT_EQ(SdpVersion(sdp), std::nullopt) << sdp;
    EXPECT_EQ(WithSdpVersion(sdp, 9), sdp);
  }
}

struct HoldRow {
  const char* what;
  const char* before;
  const char* after;
};

TEST(SdpHoldTest, EachStreamStopsReceiving) {
  const HoldRow rows[] = {
      {"the default is sendrecv", "m=audio 4000 RTP/AVP 0\r\n",
       "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"},
      {"sendrecv", "m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\na=ptime:20\r\n",
       "m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\na=sendonly\r\n"},
      {"sendonly stays", "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
       "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"},
      {"recvonly", "m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n",
       "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n"},
      {"inactive", "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n",
       "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n"},
      {"the session's holds for a stream without one",
       "a=recvonly\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96\r\n"
       "a=sendrecv\r\n",
       "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n"
       "m=video 4002 RTP/AVP 96\r\na=sendonly\r\n"},
      {"a refused stream stays", "m=audio 0 RTP/AVP 0\r\n",
       "m=audio 0 RTP/AVP 0\r\n"},
      {"bare line feeds become line ends", "m=audio 4000 RTP/AVP 0\na=x\n",
       "m=audio 4000 RTP/AVP 0\r\na=x\r\na=sendonly\r\n"},
      {"no stream at all", "", ""},
  };
  for (const HoldRow& row : rows) {
    EXPECT_EQ(WithHold(Sdp(row.before), false), Sdp(row.after)) << row.what;
  }
}

TEST(SdpHoldTest, WithoutMediaOfItsOwnEveryStreamIsShownAsHeld) {
  EXPECT_EQ(WithHold(Sdp("m=audio 9 RTP/AVP 0\r\na=inactive\r\n"
                         "m=video 0 RTP/AVP 96\r\n"),
                     true),
            Sdp("m=audio 9 RTP/AVP 0\r\na=sendonly\r\n"
                "m=video 0 RTP/AVP 96\r\n"));
}

TEST(SdpHoldTest, OffHold) {
  EXPECT_EQ(WithoutHold("v=0\r\no=- 1 1 IN IP4 h\r\na=inactive\r\n"
                        "m=audio 4000 RTP/AVP 0\r\na=recvonly\r\n"
                        "m=video 0 RTP/AVP 31\r\na=sendonly\r\n"),
            "v=0\r\no=- 1 1 IN IP4 h\r\na=sendrecv\r\n"
            "m=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
            "m=video 0 RTP/AVP 31\r\na=sendonly\r\n");
}

TEST(SdpHoldTest, TheSameMedia) {
  const std::string one =
      "v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 4000 RTP/AVP 0\r\n";
  EXPECT_TRUE(HasSameMedia(
      one, "v=0\no=x 7 9 IN IP4 i\nm=audio 4000 RTP/AVP 0\na=sendrecv\n"));
  EXPECT_FALSE(HasSameMedia(one, one + "a=sendonly\r\n"));
  EXPECT_FALSE(HasSameMedia(
      one, "v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 4002 RTP/AVP 0\r\n"));
}

// ---- In another session -------------------------------------------------

constexpr char kAudio[] =
    "v=0\r\no=a 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
constexpr char kAudioAndVideo[] =
    "v=0\r\no=b 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n"
    "m=video 5002/2 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\n";

TEST(SdpStreamsTest, WhatOnlyTheSessionHasIsRefused) {
  EXPECT_EQ(WithRefusedMedia(kAudio, kAudioAndVideo),
            absl::StrCat(kAudio, "m=video 0 RTP/AVP 96 97\r\n"));
}

TEST(SdpStreamsTest, AnOfferWithoutALastLineEndGetsOne) {
  std::string offer = kAudio;
  offer.resize(offer.size() - 2);
  EXPECT_EQ(WithRefusedMedia(offer, kAudioAndVideo),
            absl::StrCat(kAudio, "m=video 0 RTP/AVP 96 97\r\n"));
}

TEST(SdpStreamsTest, AnOfferOfAsManyOrMoreStaysAsItIs) {
  EXPECT_EQ(WithRefusedMedia(kAudioAndVideo, kAudio), kAudioAndVideo);
  EXPECT_EQ(WithRefusedMedia(kAudio, kAudio), kAudio);
  EXPECT_EQ(WithRefusedMedia(kAudio, ""), kAudio);
}

TEST(SdpStreamsTest, WhatWasMadeLongerIsMadeLongerAlikeAgain) {
  const std::string longer = WithRefusedMedia(kAudio, kAudioAndVideo);
  EXPECT_TRUE(HasSameMedia(longer, WithRefusedMedia(kAudio, longer)));
}

TEST(SdpStreamsTest, OnlyARefusedEndIsLeftOut) {
  EXPECT_EQ(
      WithoutRefusedMedia(1, absl::StrCat(kAudio, "m=video 0 RTP/AVP 96\r\n")),
      kAudio);
  EXPECT_EQ(WithoutRefusedMedia(1, kAudioAndVideo), kAudioAndVideo);
  EXPECT_EQ(WithoutRefusedMedia(2, kAudioAndVideo), kAudioAndVideo);
}

TEST(SdpStreamsTest, AnAnswerIsCutToWhatWasOffered) {
  EXPECT_EQ(WithMediaUpTo(1, absl::StrCat(kAudio, "m=video 0 RTP/AVP 96\r\n")),
            kAudio);
  EXPECT_EQ(WithMediaUpTo(2, kAudioAndVideo), kAudioAndVideo);
  EXPECT_EQ(WithMediaUpTo(3, kAudio), kAudio);
}

}  // namespace
}  // namespace callcontrol::sip
