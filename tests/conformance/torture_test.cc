// SPDX-License-Identifier: Apache-2.0
//
// The messages of RFC 4475 and RFC 5118 that are understood, or refused in a
// certain way; those that are only survived are in hostile_sender.cc. Written
// after the RFCs, with Via, Contact and domain made fit.
#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/server_test.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

using namespace std::chrono_literals;

struct Torture {
  // That of the RFC.
  std::string name;
  // Lines; VIA and PORT are filled in.
  std::vector<std::string> head;
  std::string body;
  // 0: nothing is answered.
  int status;
};

void PrintTo(const Torture& torture, std::ostream* out) {
  *out << torture.name;
}

std::string Replaced(std::string text, const std::string& word,
                     const std::string& by) {
  for (size_t at = text.find(word); at != text.npos; at = text.find(word)) {
    text.replace(at, word.size(), by);
  }
  return text;
}

class TortureTest : public ServerTest<TortureTest>,
                    public ::testing::WithParamInterface<Torture> {
 protected:
  static std::string Text(const Torture& torture, const ScriptedPeer& peer) {
    std::string text;
    for (const std::string& line : torture.head) text += Cat(line, "\r\n");
    text += Cat("\r\n", torture.body);
    text = Replaced(text, "VIA",
                    Cat("SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bK.",
                        torture.name, ";rport"));
    return Replaced(text, "PORT", Cat(peer.port()));
  }

  // The next final answer; 0 for none.
  static int StatusOf(ScriptedPeer& peer, std::chrono::milliseconds patience) {
    while (const auto text = peer.Receive(patience)) {
      const auto message = SipMessage::Parse(*text);
      if (message && message->status() >= 200) return message->status();
    }
    return 0;
  }
};

TEST_P(TortureTest, IsAnsweredAndATransferDoesNotNotice) {
  Shows({"105"});
  AnsweredCall call(server());
  TransferStream stream = call.AcceptedRefer();
  ScriptedPeer peer(server().sip_port());
  peer.AllowUnread();
  peer.Send(Text(GetParam(), peer));
  const int status = GetParam().status;
  EXPECT_EQ(StatusOf(peer, status == 0 ? 100ms : ScriptedPeer::kPatience),
            status);
  EXPECT_TRUE(stream.Silent(20ms));
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource"),
      Answered(200));
  call.peer.Answer(call.peer.Expect("BYE"), 200);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_TRANSFERRED));
}

std::string LongText(const std::string& word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += word;
  return text;
}

// With received in both of the forms that there are.
Torture Ipv6(const std::string& name, const std::string& method,
             const std::string& uri, int status) {
  return {Cat("ipv6", name),
          {Cat(method, " ", uri, " SIP/2.0"), "Via: VIA",
           "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255]"
           ";branch=z9hG4bKas3-111",
           "Via: SIP/2.0/UDP [2001:db8::9:2];received=2001:db8::9:256"
           ";branch=z9hG4bKas3-112",
           "Max-Forwards: 70", "To: sip:user@example.com",
           "From: sip:user@example.com;tag=81x2",
           Cat("Call-ID: ", name, ".SSG9559905523997077@hlau_4100"),
           Cat("CSeq: 98176 ", method), "Content-Length: 0"},
          "",
          status};
}

INSTANTIATE_TEST_SUITE_P(
    Rfc4475, TortureTest,
    ::testing::Values(
        Torture{
            "wsinv",
            {"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
             "TO :",
             " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
             "from   : \"J Rosenberg \\\\\\\"\"       "
             "<sip:jdrosen@example.com>",
             "  ;",
             "  tag = 98asjd8",
             "MaX-fOrWaRdS: 0068",
             "Call-ID: wsinv.ndaksdj@192.0.2.1",
             "Content-Length   : 0",
             "cseq: 0009",
             "  INVITE",
             "Via  : VIA",
             "s :",
             "NewFangledHeader:   newfangled value",
             " continued newfangled value",
             "UnknownHeaderWithUnusualValue: ;;,,;;,;",
             "Route:",
             " <sip:services.example.com;lr;unknownwith=value>",
             "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
             "  branch  =   z9hG4bK9ikj8  ,",
             " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
             " z9hG4bK30239",
             "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; "
             "newparam =",
             "      newvalue ;",
             "  secondparam ; q = 0.33"},
            "",
            481},
        Torture{
            "esc01",
            {"INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
             "To: sip:%75se%72@example.com",
             "From: <sip:I%20have%20spaces@example.net>;tag=938",
             "Max-Forwards: 87", "i: esc01.239409asdfakjkn23onasd0-3234",
             "CSeq: 234234 INVITE", "Via: VIA", "C: application/sdp",
             "Contact: <sip:cal%6Cer@127.0.0.1:PORT;%6C%72;n%61me=v%61lue%25"
             "%34%31>",
             "Content-Length: 0"},
            "",
            200},
        Torture{
            "escnull",
            {"REGISTER sip:example.com SIP/2.0",
             "To: sip:null-%00-null@example.com",
             "From: sip:null-%00-null@example.com;tag=839923423",
             "Max-Forwards: 70", "Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0",
             "CSeq: 14398234 REGISTER", "Via: VIA",
             "Contact: <sip:%00@host5.example.com>",
             "Contact: <sip:%00%00@host5.example.com>", "L:0"},
            "",
            405},
        Torture{"esc02",
                {"RE%47IST%45R sip:registrar.example.com SIP/2.0",
                 "To: \"%Z%45\" <sip:resource@example.com>",
                 "From: \"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23",
                 "Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf",
                 "Via: VIA", "CSeq: 29344 RE%47IST%45R", "Max-Forwards: 70",
                 "Contact: <sip:alias1@host1.example.com>", "l: 0"},
                "",
                501},
        Torture{
            "lwsdisp",
            {"OPTIONS sip:user@example.com SIP/2.0", "To: sip:user@example.com",
             "From: caller<sip:caller@example.com>;tag=323", "Max-Forwards: 70",
             "Call-ID: lwsdisp.1234abcd@funky.example.com", "CSeq: 60 OPTIONS",
             "Via: VIA", "l: 0"},
            "",
            200},
        Torture{
            "longreq",
            {"OPTIONS sip:user@example.com SIP/2.0",
             Cat("To: \"",
                 LongText("I have a user name of extreme proportion ", 8),
                 "\" <sip:user@example.com:6000;unknownparam1=",
                 LongText("very", 20), "longvalue>"),
             Cat("From: sip:", LongText("amazinglylongcallername", 5),
                 "@example.net;tag=12", LongText("982", 50), "424"),
             Cat("Call-ID: longreq.one", LongText("really", 20), "longcallid"),
             "CSeq: 3882340 OPTIONS",
             Cat("Unknown-", LongText("Long-", 20), "Name: unknown-",
                 LongText("long-", 20), "value"),
             "Via: VIA",
             Cat("Via: SIP/2.0/TCP sip33.example.com;branch=z9hG4bK",
                 LongText("1", 300)),
             "Max-Forwards: 70", "Content-Length: 0"},
            "",
            200},
        Torture{
            "dblreq",
            {"REGISTER sip:example.com SIP/2.0", "To: sip:j.user@example.com",
             "From: sip:j.user@example.com;tag=43251j3j324", "Max-Forwards: 8",
             "I: dblreq.0ha0isndaksdj99sdfafnl3lk233412",
             "Contact: sip:j.user@host.example.com", "CSeq: 8 REGISTER",
             "Via: VIA", "Content-Length: 0"},
            "\r\nINVITE sip:joe@example.com SIP/2.0\r\nto: "
            "sip:joe@example.com\r\n\r\n",
            405},
        Torture{"semiuri",
                {"OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
                 "To: sip:j_user@example.com",
                 "From: sip:caller@example.org;tag=33242", "Max-Forwards: 3",
                 "Call-ID: semiuri.0ha0isndaksdj", "CSeq: 8 OPTIONS",
                 "Accept: application/sdp, application/pkcs7-mime,",
                 "        multipart/mixed, multipart/signed,",
                 "        message/sip, message/sipfrag", "Via: VIA", "l: 0"},
                "",
                200},
        Torture{
            "transports",
            {"OPTIONS sip:user@example.com SIP/2.0", "To: sip:user@example.com",
             "From: <sip:caller@example.com>;tag=323", "Max-Forwards: 70",
             "Call-ID:  transports.kijh4akdnaqjkwendsasfdj",
             "Accept: application/sdp", "CSeq: 60 OPTIONS", "Via: VIA",
             "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
             "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
             "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
             "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee", "l: 0"},
            "",
            200},
        Torture{
            "mpart01",
            {"MESSAGE sip:kumiko@example.org SIP/2.0", "Via: VIA",
             "Max-Forwards: 70", "From: <sip:fluffy@example.com>;tag=2fb0dcc9",
             "To: <sip:kumiko@example.org>", "Call-ID: mpart01.3d9485ad",
             "CSeq: 1 MESSAGE",
             "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
             "Content-Length: 72"},
            "--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
            "--7a9cbec02ceef655--\r\n",
            405},
        Torture{
            "unreason",
            {"SIP/2.0 200 = 2**3 * 5**2 \xD0\xBD\xD0\xBE \xD1\x81\xD1\x82\xD0"
             "\xBE",
             "Via: VIA", "Call-ID: unreason.1234ksdfak3j2erwedfsASdf",
             "CSeq: 35 INVITE", "From: sip:user@example.com;tag=11141343",
             "To: sip:user@example.edu;tag=2229", "Content-Length: 0"},
            "",
            0},
        Torture{
            "noreason",
            {"SIP/2.0 100 ", "Via: VIA",
             "Call-ID: noreason.asndj203insdf99223ndf", "CSeq: 35 INVITE",
             "From: <sip:user@example.com>;tag=39ansfi3",
             "To: <sip:user@example.edu>;tag=902jndnke3", "Content-Length: 0"},
            "",
            0},
        Torture{"bext01",
                {"OPTIONS sip:user@example.com SIP/2.0",
                 "To: sip:j_user@example.com",
                 "From: sip:caller@example.net;tag=242etr", "Max-Forwards: 6",
                 "Call-ID: bext01.0ha0isndaksdj",
                 "Require: nothingSupportsThis, nothingSupportsThisEither",
                 "Proxy-Require: noProxiesSupportThis", "CSeq: 8 OPTIONS",
                 "Via: VIA", "Content-Length: 0"},
                "",
                420},
        Torture{
            "invut",
            {"INVITE sip:user@example.com SIP/2.0",
             "Contact: <sip:caller@127.0.0.1:PORT>",
             "To: sip:j.user@example.com",
             "From: sip:caller@example.net;tag=8392034", "Max-Forwards: 70",
             "Call-ID: invut.0ha0isndaksdjadsfij34n23d", "CSeq: 235448 INVITE",
             "Via: VIA", "Content-Type: application/unknownformat",
             "Content-Length: 40"},
            "<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n",
            415},
        Torture{"inv2543",
                {"INVITE sip:UserB@example.com SIP/2.0",
                 "Via: SIP/2.0/UDP 127.0.0.1:PORT",
                 "From: <sip:user@example.com>", "To: sip:user@example.com",
                 "Call-ID: inv2543.1717@ift.client", "CSeq: 56 INVITE",
                 "Contact: <sip:UserA@127.0.0.1:PORT>", "Content-Length: 0"},
                "",
                200}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Rfc5118, TortureTest,
    ::testing::Values(
        Ipv6("good", "REGISTER", "sip:[2001:db8::10]", 405),
        Ipv6("ambiguous", "REGISTER", "sip:[2001:db8::10:5070]", 405),
        Ipv6("mapped", "OPTIONS", "sip:user@[::ffff:192.0.2.10]", 200),
        Ipv6("three", "OPTIONS", "sip:user@[2001:db8:::192.0.2.1]", 200)),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace callcontrol::testing
