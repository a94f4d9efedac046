// SPDX-License-Identifier: Apache-2.0
#include "tests/support/hostile_sender.h"

#include <utility>

#include "tests/support/scripted_peer.h"
#include "tests/support/sip_message.h"
#include "tests/support/text.h"

namespace callcontrol::testing {
namespace {

SipMessage Basic(std::string_view method, const std::string& token) {
  SipMessage message =
      SipMessage::Request(method, "sip:service@callcontrol.example");
  message.Add("Via",
              Cat("SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK", token, ";rport"));
  message.Add("Max-Forwards", "70");
  message.Add("From", Cat("\"Evil\" <sip:evil@peer.example>;tag=", token));
  message.Add("To", "<sip:service@callcontrol.example>");
  message.Add("Call-ID", Cat(token, "@evil.example"));
  message.Add("CSeq", Cat("1 ", method));
  message.Add("Contact", "<sip:evil@127.0.0.1:9>");
  return message;
}

SipMessage With(SipMessage message, std::string_view name,
                std::string_view value) {
  return message.Set(name, value);
}

}  // namespace

HostileSender::HostileSender(uint16_t server_port, uint32_t seed)
    : transport_(MakeUdpTransport("127.0.0.1", server_port)), random_(seed) {}

std::string HostileSender::GoodMessage() {
  static constexpr std::string_view kMethods[] = {
      "OPTIONS", "NOTIFY", "BYE", "UPDATE", "REFER", "CANCEL", "ACK", "INVITE"};
  std::string method(kMethods[Random(std::size(kMethods))]);
  SipMessage message = Basic(method, Token());
  if (method == "INVITE" || method == "UPDATE") {
    message.SetBody("application/sdp", SdpOffer({40000, 40002}));
  }
  if (method == "NOTIFY") {
    message.Add("Event", "refer;id=2");
    message.Add("Subscription-State", "terminated;reason=noresource");
    message.SetBody("message/sipfrag;version=2.0", "SIP/2.0 200 OK\r\n");
  }
  std::string text = message.ToString();
  if (Random(8) == 0) {
    text.replace(0, text.find('\r'), "SIP/2.0 200 OK");
  }
  return text;
}

std::string HostileSender::Damaged(std::string message) {
  size_t at = Random(message.size());
  size_t line = message.find("\r\n", at);
  if (line == message.npos) line = 0;
  switch (Random(9)) {
    case 0:
      return message.substr(0, at);
    case 1:
      message[at] = static_cast<char>(Random(256));
      return message;
    case 2:
      return message.insert(at, 1 + Random(4000), "A;<\"%,\0:"[Random(8)]);
    case 3:
      return message.erase(at, 1 + Random(40));
    case 4:
      return message.insert(line, "\r\n no header at all");
    case 5:
      return message.insert(line, "\r\nCSeq: 99999999999999999999 \xff\xfe");
    case 6:
      return message.insert(line, "\r\nVia: SIP/2.0/UDP ;;;branch=");
    case 7:
      return message.insert(line, "\r\nContent-Length: 999999999");
    default:
      for (char& c : message) {
        if (c == '\r') c = static_cast<char>(Random(2) != 0 ? '\n' : ' ');
      }
      return message;
  }
}

void HostileSender::Send() {
  if (Random(20) == 0) {
    std::vector<std::string> torture = TortureMessages(Token());
    Send(torture[Random(torture.size())]);
    return;
  }
  Send(Damaged(GoodMessage()));
}

// The names are those of RFC 4475's sections.
std::vector<std::string> TortureMessages(const std::string& token) {
  const SipMessage options = Basic("OPTIONS", token);
  const SipMessage invite =
      Basic("INVITE", token).SetBody("application/sdp", SdpOffer());
  std::string newline_in_uri = options.ToString();
  newline_in_uri.insert(8, "\r\n");
  return {
      // badinv01, clerr, ncl, scalar02, scalarlg
      With(invite, "Contact", "\"Joe\" <sip:joe@example.org>;;,,").ToString(),
      With(invite, "Content-Length", "9999").ToString(),
      With(invite, "Content-Length", "-999").ToString(),
      With(invite, "CSeq", "36893488147419103232 INVITE").ToString(),
      With(options, "Max-Forwards", "300").ToString(),
      // quotbal, ltgtruri, lwsruri, escruri, baddn
      With(invite, "To", "\"Mr. J. User <sip:j.user@example.com>").ToString(),
      "INVITE <sip:user@example.com> SIP/2.0\r\n" +
          options.ToString().substr(options.ToString().find("Via")),
      newline_in_uri,
      SipMessage::Request("INVITE", "sip:user@example.com?Route=%3Csip:x%3E")
          .AddAll({{"Via", options.Header("Via")}})
          .ToString(),
      With(options, "From", "Bell, Alexander <sip:a.g.bell@example.com>;tag=4")
          .ToString(),
      // badvers, mismatch01, bigcode, badbranch
      "OPTIONS sip:t.watson@example.org SIP/7.0\r\n" +
          options.ToString().substr(options.ToString().find("Via")),
      With(options, "CSeq", "8 INVITE").ToString(),
      "SIP/2.0 4294967301 better not break the receiver\r\n" +
          options.ToString().substr(options.ToString().find("Via")),
      With(options, "Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").ToString(),
      // insuf, unkscm, multi01, mcl01, zeromf, bcast
      "OPTIONS sip:user@example.com SIP/2.0\r\nCSeq: 193942 INVITE\r\n\r\n",
      SipMessage::Request("OPTIONS", "nobodyKnowsThisScheme:totallyopaque")
          .AddAll({{"Via", options.Header("Via")}, {"CSeq", "1 OPTIONS"}})
          .ToString(),
      SipMessage(invite).Add("CSeq", "5 INVITE").Add("Call-ID", "b").ToString(),
      SipMessage(invite).Add("Content-Length", "5").Add("l", "7").ToString(),
      With(options, "Max-Forwards", "0").ToString(),
      With(options, "Via", "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23")
          .ToString(),
      // intmeth; ipv6-bad of RFC 5118
      SipMessage::Request("!interesting-Method0123456789_*+`.%indeed'~",
                          "sip:user@example.com")
          .AddAll({{"Via", options.Header("Via")}, {"CSeq", "1 !i+`"}})
          .ToString(),
      SipMessage::Request("OPTIONS", "sip:2001:db8::10")
          .AddAll({{"Via", options.Header("Via")}, {"CSeq", "1 OPTIONS"}})
          .ToString(),
      // Nothing at all, keep-alives, another protocol, a long line.
      "", "\r\n\r\n", std::string(1, '\0'), "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      With(options, "Subject", std::string(60000, 'x')).ToString()};
}

}  // namespace callcontrol::testing
