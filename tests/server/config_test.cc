// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <google/protobuf/descriptor.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ip_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine_settings.h"
#include "server/hooks/hook_settings.h"

namespace callcontrol::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

config::v1::Config Good(std::string_view text) {
  const auto config = ReadConfig(text, "cfg");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(config::v1::Config());
}

// What is wrong with it; empty where nothing is.
std::string Complaint(std::string_view text) {
  const absl::Status status = ReadConfig(text, "cfg").status();
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

// "a.b" and "1" as "a { b: 1 }".
std::string Set(const std::string& path, const std::string& value) {
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  std::string text = absl::StrCat(names.back(), ": ", value);
  for (auto name = names.rbegin() + 1; name != names.rend(); ++name) {
    text = absl::StrCat(*name, " { ", text, " }");
  }
  return text;
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", text, "\"");
}

std::string Duration(milliseconds duration) {
  return absl::StrCat("{ seconds: ", duration.count() / 1000,
                      " nanos: ", duration.count() % 1000 * 1'000'000, " }");
}

// ---- The two formats ----------------------------------------------------

TEST(ReadConfigTest, AnEmptyFileIsAGoodOne) {
  EXPECT_EQ(Good("").ByteSizeLong(), 0u);
  EXPECT_EQ(Good("  \n# nothing but a comment\n").ByteSizeLong(), 0u);
  EXPECT_EQ(Good("{}").ByteSizeLong(), 0u);
}

TEST(ReadConfigTest, ReadsTextFormat) {
  const config::v1::Config config = Good(R"pb(
    # A whole file.
    node: "n1"
    sip {
      listen: "127.0.0.1:0"
      t1 { nanos: 50000000 }
    }
    transfers { referred_by_default: REFERRED_BY_DEFAULT_LOCAL }
    dns { nameservers: "127.0.0.1:53" nameservers: "[::1]:53" }
  )pb");

  EXPECT_EQ(config.node(), "n1");
  EXPECT_EQ(SipListen(config), "127.0.0.1:0");
  EXPECT_EQ(T1(config), milliseconds(50));
  EXPECT_EQ(config.transfers().referred_by_default(),
            config::v1::REFERRED_BY_DEFAULT_LOCAL);
  EXPECT_EQ(config.dns().nameservers_size(), 2);
}

TEST(ReadConfigTest, ReadsJson) {
  const config::v1::Config config = Good(R"(
    {"node": "n1", "sip": {"listen": "127.0.0.1:0", "t1": "0.050s"},
     "transfers": {"maxKept": 7, "tel_to_sip": true}})");

  EXPECT_EQ(config.node(), "n1");
  EXPECT_EQ(T1(config), milliseconds(50));
  EXPECT_EQ(config.transfers().max_kept(), 7);
  EXPECT_TRUE(config.transfers().tel_to_sip());
}

// ---- Messages -----------------------------------------------------------

TEST(ReadConfigTest, AComplaintNamesFileLineAndField) {
  EXPECT_THAT(Complaint("node: \"n1\"\n"
                        "sip {\n"
                        "  listen: \"127.0.0.1:0\"\n"
                        "  udp_mtu: 1\n"
                        "}\n"),
              StartsWith("cfg:4: sip.udp_mtu: must be from 512 to 65535"));
}

TEST(ReadConfigTest, TheLineIsWhereAMessageBegins) {
  EXPECT_THAT(Complaint("sip {\n  t1 {\n    nanos: 1\n  }\n}\n"),
              StartsWith("cfg:2: sip.t1: must be from 10 ms to 10000 ms"));
}

TEST(ReadConfigTest, TheFirstComplaintIsTold) {
  EXPECT_THAT(Complaint("grpc { watch_queue: 1 }\nlog { level: \"loud\" }"),
              StartsWith("cfg:1: grpc.watch_queue: "));
}

TEST(ReadConfigTest, WhatIsNoTextFormatIsToldWithItsLine) {
  EXPECT_THAT(Complaint("node: \"n1\"\nsip {\n  port: 5060\n}\n"),
              AllOf(StartsWith("cfg:3:"), HasSubstr("port")));
  EXPECT_THAT(Complaint("sip {\n"), StartsWith("cfg:2:"));
  EXPECT_THAT(Complaint("log: verbose\n"), StartsWith("cfg:1:"));
}

TEST(ReadConfigTest, JsonTellsNoLineButTheField) {
  EXPECT_THAT(Complaint("{\"sip\": {\n\"udpMtu\": 1}}"),
              StartsWith("cfg: sip.udp_mtu: must be from 512 to 65535"));
  EXPECT_THAT(Complaint("{\"sip\": {\"port\": 5060}}"),
              AllOf(StartsWith("cfg: "), HasSubstr("port")));
  EXPECT_THAT(Complaint("{\"sip\": "), StartsWith("cfg: "));
}

TEST(CheckConfigTest, NamesOnlyTheField) {
  config::v1::Config config;
  EXPECT_TRUE(CheckConfig(config).ok());
  config.mutable_sip()->set_udp_mtu(1);
  EXPECT_EQ(CheckConfig(config).message(),
            "sip.udp_mtu: must be from 512 to 65535");
}

// ---- Ranges -------------------------------------------------------------

struct Range {
  std::string path;
  std::int64_t least = 0;
  std::int64_t most = 0;
};

void PrintTo(const Range& range, std::ostream* os) { *os << range.path; }

std::string NameOf(const ::testing::TestParamInfo<Range>& range) {
  std::string name = range.param.path;
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
}

class DurationRangeTest : public ::testing::TestWithParam<Range> {
 protected:
  // What is said about this many milliseconds.
  static std::string ComplaintAbout(std::int64_t value) {
    return Complaint(Set(GetParam().path, Duration(milliseconds(value))));
  }
  static auto IsAboutTheRange() {
    return StartsWith(absl::StrCat("cfg:1: ", GetParam().path,
                                   ": must be from ", GetParam().least,
                                   " ms to ", GetParam().most, " ms"));
  }
};

TEST_P(DurationRangeTest, ItsEndsAreGood) {
  EXPECT_EQ(ComplaintAbout(GetParam().least), "");
  EXPECT_EQ(ComplaintAbout(GetParam().most), "");
}

TEST_P(DurationRangeTest, WhatLiesBeyondIsRefused) {
  EXPECT_THAT(ComplaintAbout(GetParam().least - 1), IsAboutTheRange());
  EXPECT_THAT(ComplaintAbout(GetParam().most + 1), IsAboutTheRange());
}

TEST_P(DurationRangeTest, TheLargestNumbersAreRefused) {
  for (const char* number : {"9223372036854775807", "-9223372036854775808"}) {
    EXPECT_THAT(Complaint(Set(GetParam().path,
                              absl::StrCat("{ seconds: ", number, " }"))),
                IsAboutTheRange());
  }
}

// As proto/callcontrol/config/v1/config.proto has them, with T1 = 500 ms.
INSTANTIATE_TEST_SUITE_P(
    Config, DurationRangeTest,
    ::testing::Values(Range{"drain_limit", 0, 600'000},
                      Range{"sip.t1", 10, 10'000}, Range{"sip.t2", 500, 60'000},
                      Range{"calls.answer_after", 0, 180'000},
                      Range{"calls.retention", 0, 3'600'000},
                      Range{"calls.session_interval", 90'000, 86'400'000},
                      Range{"calls.least_session_interval", 1'000, 3'600'000},
                      Range{"calls.inbound_refer.decision_limit", 100, 30'000},
                      Range{"calls.inbound_refer.ring_limit", 1'000, 600'000},
                      Range{"calls.inbound_refer.bye_wait", 100, 600'000},
                      Range{"transfers.hold_limit", 1'000, 32'000},
                      Range{"transfers.ready_limit", 0, 32'000},
                      Range{"transfers.refer_response_limit", 10, 32'000},
                      Range{"transfers.first_notify_limit", 10, 64'000},
                      Range{"transfers.final_status_limit", 10, 3'600'000},
                      Range{"transfers.subscription_grace", 0, 10'000},
                      Range{"transfers.unconfirmed_wait", 0, 600'000},
                      Range{"transfers.bye_grace", 0, 5'000},
                      Range{"transfers.lost_grace", 0, 10'000},
                      Range{"transfers.bye_answer_wait", 0, 32'000},
                      Range{"transfers.retry_after_limit", 0, 60'000},
                      Range{"transfers.tail", 32'000, 3'600'000},
                      Range{"transfers.retention", 0, 86'400'000},
                      Range{"dns.limit", 100, 30'000},
                      Range{"hooks.connect_limit", 10, 60'000},
                      Range{"hooks.attempt_limit", 10, 300'000},
                      Range{"hooks.action_wait", 0, 3'600'000},
                      Range{"hooks.max_age", 1'000, 604'800'000},
                      Range{"hooks.first_retry", 10, 3'600'000},
                      Range{"hooks.longest_retry", 1'000, 86'400'000},
                      Range{"hooks.drain_limit", 0, 300'000},
                      Range{"routes.answer.answer_after", 0, 180'000},
                      Range{"routes.app.limit", 100, 180'000}),
    NameOf);

class NumberRangeTest : public ::testing::TestWithParam<Range> {
 protected:
  static std::string ComplaintAbout(std::int64_t value) {
    return Complaint(Set(GetParam().path, absl::StrCat(value)));
  }
  static auto IsAboutTheRange() {
    return StartsWith(absl::StrCat("cfg:1: ", GetParam().path,
                                   ": must be from ", GetParam().least, " to ",
                                   GetParam().most));
  }
};

TEST_P(NumberRangeTest, ItsEndsAreGood) {
  EXPECT_EQ(ComplaintAbout(GetParam().least), "");
  EXPECT_EQ(ComplaintAbout(GetParam().most), "");
}

TEST_P(NumberRangeTest, ZeroIsTheDefault) { EXPECT_EQ(ComplaintAbout(0), ""); }

TEST_P(NumberRangeTest, WhatLiesBeyondIsRefused) {
  if (GetParam().least > 1) {
    EXPECT_THAT(ComplaintAbout(GetParam().least - 1), IsAboutTheRange());
  }
  EXPECT_THAT(ComplaintAbout(-1), IsAboutTheRange());
  EXPECT_THAT(ComplaintAbout(GetParam().most + 1), IsAboutTheRange());
}

INSTANTIATE_TEST_SUITE_P(
    Config, NumberRangeTest,
    ::testing::Values(Range{"grpc.watch_queue", 16, 100'000},
                      Range{"sip.udp_mtu", 512, 65'535},
                      Range{"calls.max_calls", 1, 1'000'000},
                      Range{"transfers.max_kept", 1, 1'000'000},
                      Range{"transfers.max_open", 1, 1'000'000},
                      Range{"hooks.max_attempts", 1, 100},
                      Range{"hooks.max_pending", 1, 1'000'000},
                      Range{"hooks.max_bytes", 65'536, 4'294'967'296},
                      Range{"hooks.max_dead_letters", 1, 1'000'000},
                      Range{"hooks.max_per_host", 1, 1'000},
                      Range{"hooks.max_at_once", 1, 1'000},
                      Range{"routes.app.unanswered_status", 300, 699},
                      Range{"routes.reject.status", 300, 699}),
    NameOf);

// A setting of these kinds that is added later must be added above as well.
TEST(ConfigTest, EveryDurationAndNumberHasARange) {
  int durations = 0;
  int numbers = 0;
  const auto count = [&](const google::protobuf::Descriptor* message,
                         const auto& self) -> void {
    for (int i = 0; i < message->field_count(); ++i) {
      const google::protobuf::FieldDescriptor* field = message->field(i);
      if (field->type() == google::protobuf::FieldDescriptor::TYPE_INT32 ||
          field->type() == google::protobuf::FieldDescriptor::TYPE_INT64) {
        ++numbers;
      } else if (field->message_type() != nullptr) {
        if (field->message_type()->name() == "Duration") {
          ++durations;
        } else {
          self(field->message_type(), self);
        }
      }
    }
  };
  count(config::v1::Config::descriptor(), count);
  // `inbound_refer` is in two places.
  EXPECT_EQ(durations, 36 + 2 * 3);
  EXPECT_EQ(numbers, 13 + 2);
}

TEST(ConfigTest, SomeRangesFollowT1) {
  const auto with_t2 = [](milliseconds t2) {
    return absl::StrCat("sip {\n t1 { seconds: 2 }\n t2 ", Duration(t2), "}");
  };
  EXPECT_EQ(Complaint(with_t2(seconds(2))), "");
  EXPECT_THAT(Complaint(with_t2(milliseconds(1999))),
              StartsWith("cfg:3: sip.t2: must be from 2000 ms"));

  const std::string t1 = Set("sip.t1", Duration(seconds(2))) + "\n";
  EXPECT_EQ(Complaint(t1 + Set("transfers.tail", Duration(seconds(128)))), "");
  EXPECT_THAT(
      Complaint(t1 + Set("transfers.tail", Duration(milliseconds(127'999)))),
      StartsWith("cfg:2: transfers.tail: must be from 128000 ms"));
}

// ---- Text ---------------------------------------------------------------

struct TextField {
  std::string path;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

void PrintTo(const TextField& field, std::ostream* os) { *os << field.path; }

class TextFieldTest : public ::testing::TestWithParam<TextField> {};

TEST_P(TextFieldTest, IsChecked) {
  const TextField& field = GetParam();
  for (const std::string& value : field.good) {
    EXPECT_EQ(Complaint(Set(field.path, Quoted(value))), "") << value;
  }
  for (const std::string& value : field.bad) {
    EXPECT_THAT(Complaint(Set(field.path, Quoted(value))),
                StartsWith(absl::StrCat("cfg:1: ", field.path, ": ")))
        << value;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Config, TextFieldTest,
    ::testing::Values(
        TextField{"node",
                  {"", "a", "Node1", "0123456789abcdef"},
                  {"0123456789abcdefg", "n-1", "n 1", "n\\n", "n\\303\\244"}},
        TextField{"grpc.listen",
                  {"127.0.0.1:0", "localhost:50051", "[::1]:50051",
                   "unix:/run/callcontrol.sock"},
                  {"50051", "127.0.0.1", "127.0.0.1:", ":50051", "::1:50051",
                   "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 1",
                   "127.0.0.1:+1", "local host:1"}},
        TextField{"sip.listen",
                  {"127.0.0.1:0", "127.0.0.1:65535", "[::1]:5060"},
                  {"localhost:5060", "127.0.0.1", "127.0.0.1:65536",
                   "unix:/run/sip.sock", "[::1]", "::1:5060", "127.1:5060"}},
        TextField{
            "sip.public_address",
            {"", "203.0.113.1", "203.0.113.1:5060", "sip.example.com",
             "sip.example.com:5060", "[2001:db8::1]", "[2001:db8::1]:5060"},
            {"2001:db8::1", "sip.example.com:x", "a b", "a\\r\\nX-Evil",
             "sip:a@example.com", "example.com;transport=tcp", "<a>"}},
        TextField{"sip.user_agent",
                  {"", "Acme PBX/1.0", std::string(256, 'a')},
                  {"two\\nlines", "a\\r\\nX-Evil: 1", "\\377",
                   std::string(257, 'a')}},
        TextField{
            "transfers.refer_domain",
            {"", "pbx.example", "pbx.example:5060", std::string(253, 'a')},
            {"a@pbx.example", "pbx.example;user=phone", "a b", "<a>", "a?b",
             "a,b", std::string(254, 'a')}},
        TextField{"transfers.international_prefix",
                  {"", "00", "011", "12345678"},
                  {"+", "0-0", "123456789"}},
        TextField{"transfers.default_country_code",
                  {"", "1", "49", "380"},
                  {"+1", "0x1", "1234"}},
        TextField{"dns.nameservers",
                  {"127.0.0.1:53", "[2001:db8::1]:5353"},
                  {"", "127.0.0.1", "ns.example:53", "2001:db8::1:53"}},
        TextField{"hooks.base_url",
                  {"", "https://app.example/hooks/", "http://127.0.0.1:8080",
                   "http://me:pw@localhost/"},
                  {"app.example", "/hooks", "ftp://app.example/", "http://"}},
        TextField{"hooks.allowed_hosts",
                  {"app.example", "*.app.example", "192.0.2.1"},
                  {"", "https://app.example", "*", "app.*"}},
        TextField{"hooks.allowed_networks",
                  {"10.0.0.0/8", "::1", "127.0.0.1/32", "0.0.0.0/0"},
                  {"", "10.0.0.1/8", "app.example", "10.0.0.0/33"}},
        TextField{"log.level",
                  {"", "debug", "info", "warn", "error"},
                  {"INFO", "warning", "trace"}},
        TextField{"log.format", {"", "text", "json"}, {"JSON", "xml"}}),
    [](const auto& field) {
      std::string name = field.param.path;
      for (char& c : name) {
        if (c == '.') c = '_';
      }
      return name;
    });

TEST(ConfigTest, EveryNameServerIsChecked) {
  EXPECT_THAT(Complaint("dns { nameservers: \"127.0.0.1:53\"\n"
                        "nameservers: \"ns.example:53\" }"),
              HasSubstr("dns.nameservers: must be ADDRESS:PORT"));
}

// ---- Who may reach the server -------------------------------------------

TEST(ConfigTest, ListeningBeyondThisMachineMustBeAskedFor) {
  for (const char* address : {"0.0.0.0:50051", "[::]:50051", "192.0.2.1:1"}) {
    const std::string grpc = Set("grpc.listen", Quoted(address));
    EXPECT_THAT(Complaint(grpc), AllOf(StartsWith("cfg:1: grpc.listen: "),
                                       HasSubstr("insecure: true")))
        << address;
    EXPECT_EQ(Complaint(grpc + " insecure: true"), "") << address;

    const std::string sip = Set("sip.listen", Quoted(address));
    EXPECT_THAT(Complaint(sip), AllOf(StartsWith("cfg:1: sip.listen: "),
                                      HasSubstr("insecure: true")))
        << address;
    EXPECT_EQ(Complaint(sip + " insecure: true"), "") << address;
  }
}

TEST(IsLocalOnlyTest, IsLoopbackOrASocketFile) {
  for (const char* listen : {"127.0.0.1:0", "127.1.2.3:50051", "[::1]:50051",
                             "localhost:50051", "unix:/run/callcontrol.sock"}) {
    EXPECT_TRUE(IsLocalOnly(listen)) << listen;
  }
  for (const char* listen :
       {"0.0.0.0:50051", "[::]:50051", "192.0.2.1:50051", "example.com:50051",
        "127.example.com:50051", "127.0.0.1.example.com:50051",
        "localhost.example.com:50051", "[2001:db8::1]:50051", "127.0.0.1",
        ""}) {
    EXPECT_FALSE(IsLocalOnly(listen)) << listen;
  }
}

TEST(ReadHostPortTest, TakesHostAndPortApart) {
  EXPECT_EQ(ReadHostPort("192.0.2.1:5060")->host, "192.0.2.1");
  EXPECT_EQ(ReadHostPort("192.0.2.1:5060")->port, 5060);
  EXPECT_EQ(ReadHostPort("sip.example.com:0")->port, 0);
  EXPECT_EQ(ReadHostPort("sip.example.com:65535")->port, 65535);
  EXPECT_EQ(ReadHostPort("[2001:db8::1]:5060")->host, "[2001:db8::1]");
}

TEST(ReadHostPortTest, RefusesWhatIsNeither) {
  for (const char* text :
       {"", ":", "host", "host:", ":5060", "host:x", "host:5060x", "host:-1",
        "host:+1", "host: 1", "host:65536", "host:99999999999", "::1:5060",
        "[::1]", "[::1]5060", "[host]:5060", "a b:5060", "a@b:5060",
        "a\r\nb:5060"}) {
    EXPECT_FALSE(ReadHostPort(text).ok()) << text;
  }
  EXPECT_EQ(ReadHostPort("host").status().message(),
            "\"host\" is not HOST:PORT");
}

// ---- Routes -------------------------------------------------------------

TEST(ConfigTest, ARouteIsCheckedFieldByField) {
  const auto complaint = [](const std::string& fields) {
    return Complaint(absl::StrCat("routes {", fields, "}"));
  };
  EXPECT_EQ(complaint("name: 'a-1_B' source_networks: '10.0.0.0/8' "
                      "request_uri: '*@a' to: '+1*@b' "
                      "tags { name: 'k' value: 'v' } app {}"),
            "");
  EXPECT_EQ(complaint("answer {}"), "");
  EXPECT_EQ(complaint("reject { status: 699 reason: 'No' }"), "");
  EXPECT_THAT(complaint("name: 'x'"), HasSubstr("routes: must say answer {}"));
  EXPECT_THAT(complaint("name: 'a b' app {}"), HasSubstr("routes.name: "));
  EXPECT_THAT(complaint("source_networks: '10.0.0.1/8' app {}"),
              HasSubstr("routes.source_networks: "));
  EXPECT_THAT(complaint("request_uri: 'a b' app {}"),
              HasSubstr("routes.request_uri: "));
  EXPECT_THAT(complaint("to: '' app {}"), HasSubstr("routes.to: "));
  EXPECT_THAT(complaint("tags { name: '' value: 'v' } app {}"),
              HasSubstr("routes.tags: "));
  EXPECT_THAT(complaint("reject { status: 200 }"),
              HasSubstr("routes.reject.status: "));
  EXPECT_THAT(complaint("reject { reason: 'a\\nb' }"),
              HasSubstr("routes.reject.reason: "));
}

TEST(ConfigTest, ABridgeIsCheckedFieldByField) {
  const auto complaint = [](const std::string& fields) {
    return Complaint(
        absl::StrCat("trunks { name: 'out' address: 'a.example' }"
                     "trunks { name: 'in' source_networks: '10.0.0.1' }"
                     "routes { bridge {",
                     fields, "} }"));
  };
  EXPECT_EQ(complaint("trunk: 'out' to: '1000' ring_limit { seconds: 9 } "
                      "pass_headers: 'X-*' pass_headers: 'User-to-User'"),
            "");
  EXPECT_EQ(complaint("to: 'sip:ivr@media.example'"), "");
  EXPECT_THAT(complaint(""), HasSubstr("routes.bridge.trunk: is required"));
  for (const char* trunk : {"trunk: 'in'", "trunk: 'none'"}) {
    EXPECT_THAT(complaint(trunk), HasSubstr("routes.bridge.trunk: must be"));
  }
  for (const char* to : {"to: '1000'", "trunk: 'out' to: 'sip:a b@c'"}) {
    EXPECT_THAT(complaint(to), HasSubstr("routes.bridge.to: "));
  }
  for (const auto& [millis, good] : {std::pair{1'000, true},
                                     {600'000, true},
                                     {999, false},
                                     {600'001, false}}) {
    const std::string limit = complaint(absl::StrCat(
        "trunk: 'out' ring_limit ", Duration(milliseconds(millis))));
    EXPECT_EQ(limit.empty(), good) << limit;
  }
  for (const char* name : {"Via", "Contact", "A b", "*"}) {
    EXPECT_THAT(
        complaint(absl::StrCat("trunk: 'out' pass_headers: '", name, "'")),
        HasSubstr("routes.bridge.pass_headers: "))
        << name;
  }
}

TEST(RoutesOfTest, ABridgeHasItsTerms) {
  const std::vector<sip::CallRoute> routes = RoutesOf(Good(R"pb(
    trunks { name: "out" address: "192.0.2.1" }
    routes {
      bridge {
        trunk: "out"
        to: "1000"
        ring_limit { seconds: 7 }
        pass_headers: "X-*"
        keep_when_transferred: true
      }
    }
  )pb"));
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].treatment.kind, sip::CallTreatment::Kind::kBridge);
  EXPECT_EQ(routes[0].treatment.bridge,
            (sip::BridgeTerms{.trunk = "out",
                              .to = "1000",
                              .ring_limit = std::chrono::seconds(7),
                              .pass_headers = {"X-*"},
                              .keep_when_transferred = true}));
}

TEST(RoutesOfTest, AreThoseOfTheConfigurationInOrder) {
  const std::vector<sip::CallRoute> routes = RoutesOf(Good(R"pb(
    routes {
      source_networks: "10.0.0.0/8"
      request_uri: "a@*"
      to: "b@*"
      tags { name: "k" value: "v" }
      app {
        limit { seconds: 5 }
        unanswered_status: 408
      }
    }
    routes { reject {} }
    routes { answer { answer_after { seconds: 2 } } }
    routes { app {} }
    routes { answer {} }
  )pb"));
  using Kind = sip::CallTreatment::Kind;
  ASSERT_EQ(routes.size(), 5U);
  EXPECT_TRUE(routes[0].sources.at(0).Contains(*ReadIpAddress("10.1.1.1")));
  EXPECT_THAT(routes[0].request_uris, ::testing::ElementsAre("a@*"));
  EXPECT_THAT(routes[0].tos, ::testing::ElementsAre("b@*"));
  EXPECT_EQ(routes[0].treatment, (sip::CallTreatment{.kind = Kind::kApp,
                                                     .app_limit = seconds(5),
                                                     .status = 408,
                                                     .tags = {{"k", "v"}}}));
  EXPECT_EQ(routes[1].treatment,
            (sip::CallTreatment{.kind = Kind::kReject, .status = 603}));
  EXPECT_EQ(routes[2].treatment,
            (sip::CallTreatment{.answer_after = seconds(2)}));
  EXPECT_EQ(routes[3].treatment,
            (sip::CallTreatment{.kind = Kind::kApp, .app_limit = minutes(1)}));
  EXPECT_EQ(routes[4].treatment, sip::CallTreatment());
}

// ---- REFERs of far ends -------------------------------------------------

TEST(ConfigTest, InboundReferIsCheckedFieldByField) {
  for (const std::string place : {"calls", "trunks { name: 'a' } trunks"}) {
    const std::string name = place == "calls" ? "" : "name: 'b' ";
    const std::string field = name.empty() ? "calls" : "trunks";
    const auto complaint = [&](const std::string& fields) {
      return Complaint(absl::StrCat("trunks { name: 'out' address: 'h' } ",
                                    place, " { ", name, "inbound_refer { ",
                                    fields, " } }"));
    };
    const auto about = [&](const std::string& member) {
      return HasSubstr(absl::StrCat(field, ".inbound_refer.", member, ": "));
    };
    EXPECT_EQ(complaint("mode: INBOUND_REFER_MODE_EXECUTE targets: '*' "
                        "trunk: 'out' accept_status: 200"),
              "");
    EXPECT_EQ(complaint("mode: INBOUND_REFER_MODE_DELEGATE"), "");
    EXPECT_THAT(complaint("mode: INBOUND_REFER_MODE_EXECUTE"),
                about("targets"));
    EXPECT_THAT(complaint("targets: 'a b'"), about("targets"));
    EXPECT_THAT(complaint("trunk: 'none'"), about("trunk"));
    EXPECT_THAT(complaint("accept_status: 201"), about("accept_status"));
  }
}

TEST(ReferralPolicyOfTest, ATrunksIsInPlaceOfAllOfThatOfCalls) {
  const config::v1::Config config = Good(R"pb(
    calls {
      inbound_refer {
        mode: INBOUND_REFER_MODE_DECLINE
        ring_limit { seconds: 9 }
      }
    }
    trunks { name: "a" }
    trunks {
      name: "b"
      address: "h"
      inbound_refer {
        mode: INBOUND_REFER_MODE_EXECUTE
        targets: "1*@*"
        trunk: "b"
        bye_wait { seconds: 1 }
        accept_status: 202
      }
    }
  )pb");
  EXPECT_EQ(ReferralPolicyOf(config::v1::Config()), sip::ReferralPolicy());
  const sip::ReferralPolicy general = ReferralPolicyOf(config);
  EXPECT_EQ(general, (sip::ReferralPolicy{.mode = sip::ReferralMode::kDecline,
                                          .ring_limit = seconds(9)}));
  const auto trunks = TrunksOf(config);
  ASSERT_TRUE(trunks.ok());
  EXPECT_EQ((*trunks)[0]->referrals, general);
  EXPECT_EQ((*trunks)[1]->referrals,
            (sip::ReferralPolicy{.mode = sip::ReferralMode::kExecute,
                                 .targets = {"1*@*"},
                                 .trunk = "b",
                                 .bye_wait = seconds(1),
                                 .accept_status = 202}));
}

// ---- Trunks -------------------------------------------------------------

// What is wrong with a registration of a trunk.
std::string RegistrationComplaint(const std::string& fields,
                                  const std::string& trunk = "address: 'h'") {
  return Complaint(absl::StrCat("trunks { name: 'a' ", trunk,
                                " registration { ", fields, " } }"));
}

TEST(ConfigTest, ARegistrationIsCheckedFieldByField) {
  EXPECT_EQ(RegistrationComplaint("aor: 'sip:bob@h' registrar: 'r:5070' "
                                  "contact_user: 'line-1'"),
            "");
  EXPECT_EQ(RegistrationComplaint("aor: 'bob@h'"), "");
  EXPECT_EQ(RegistrationComplaint("aor: 'bob@h' registrar: 'r'", ""), "");
  for (const char* aor : {"", "bob", "sip:h", "tel:+1", "sip:bob:pw@h",
                          "sip:bob@h?X=1", "sips:bob@h"}) {
    EXPECT_THAT(RegistrationComplaint(absl::StrCat("aor: '", aor, "'")),
                HasSubstr("trunks.registration.aor: "))
        << aor;
  }
  for (const char* user : {"a b", "a@b", "a:b", "a>b", "a;b?"}) {
    EXPECT_THAT(RegistrationComplaint(
                    absl::StrCat("aor: 'bob@h' contact_user: '", user, "'")),
                HasSubstr("trunks.registration.contact_user: "))
        << user;
  }
  EXPECT_THAT(RegistrationComplaint("aor: 'bob@h'", ""),
              HasSubstr("trunks.registration.registrar: is required"));
  EXPECT_THAT(RegistrationComplaint("aor: 'bob@h' registrar: 'sip:r'"),
              HasSubstr("trunks.registration.registrar: "));
  for (const char* other :
       {"aor: 'b@h'", "aor: 'sip:b@h'", "aor: 'b@h' contact_user: 'b'"}) {
    EXPECT_THAT(
        Complaint(absl::StrCat(
            "trunks { name: 'a' address: 'h' registration { aor: 'b@h' } }"
            "trunks { name: 'b' address: 'h' registration { ",
            other, " } }")),
        HasSubstr("trunks.registration: must differ"))
        << other;
  }
}

TEST(ConfigTest, ARegistrationHasItsRanges) {
  const auto with = [](const char* field, std::int64_t millis) {
    return RegistrationComplaint(absl::StrCat("aor: 'bob@h' ", field, " ",
                                              Duration(milliseconds(millis))));
  };
  for (const auto& [field, least, most] :
       {std::tuple{"expires", 1'000, 86'400'000},
        std::tuple{"first_retry", 10, 3'600'000},
        std::tuple{"longest_retry", 30'000, 86'400'000}}) {
    EXPECT_EQ(with(field, least), "");
    EXPECT_EQ(with(field, most), "");
    for (const int beyond : {least - 1, most + 1}) {
      EXPECT_THAT(with(field, beyond),
                  HasSubstr(absl::StrCat("trunks.registration.", field,
                                         ": must be from ", least)));
    }
  }
}

TEST(ConfigTest, ARegistrationHasItsDefaults) {
  const auto terms_of = [](const std::string& trunk) {
    const auto trunks =
        TrunksOf(Good(absl::StrCat("trunks { name: 'a' ", trunk, " }")));
    return (*trunks)[0]->registration;
  };
  EXPECT_EQ(terms_of("address: 'h:5070'"), std::nullopt);
  EXPECT_EQ(terms_of("address: 'h:5070' registration { aor: 'bob@far' }"),
            (sip::RegistrationTerms{.aor = "sip:bob@far",
                                    .registrar = "sip:h:5070",
                                    .contact_user = "bob"}));
  EXPECT_EQ(
      terms_of("address: 'h' registration { aor: 'bob@far' registrar: 'far' "
               "contact_user: 'x' expires { seconds: 60 } "
               "first_retry { seconds: 3600 } }"),
      (sip::RegistrationTerms{.aor = "sip:bob@far",
                              .registrar = "sip:far",
                              .contact_user = "x",
                              .expires = seconds(60),
                              .first_retry = hours(1),
                              .longest_retry = hours(1)}));
}

TEST(ConfigTest, ATrunkIsTrustedWhereTheFileSaysSo) {
  const auto trunks =
      TrunksOf(Good("trunks { name: 'a' trusted: true } trunks { name: 'b' }"));
  EXPECT_TRUE((*trunks)[0]->trusted);
  EXPECT_FALSE((*trunks)[1]->trusted);
}

TEST(ConfigTest, ATrunkIsCheckedFieldByField) {
  const auto complaint = [](const std::string& fields) {
    return Complaint(absl::StrCat("trunks {", fields, "}"));
  };
  EXPECT_EQ(
      complaint("name: 'a-1_B' address: 'sip.example' "
                "transport: SIP_TRANSPORT_TCP source_networks: '10.0.0.0/8' "
                "username: 'u' password { text: 'p' } realm: 'r' "
                "refer_domain: 'h:5070' default_country_code: '1' "
                "international_prefix: '011' tel_to_sip: false"),
      "");
  EXPECT_EQ(complaint("name: 'a' address: '[2001:db8::1]:5080'"), "");
  EXPECT_THAT(complaint("address: 'a'"), HasSubstr("trunks.name: "));
  EXPECT_THAT(complaint("name: 'a b'"), HasSubstr("trunks.name: "));
  EXPECT_THAT(complaint("name: 'a' address: 'a b'"),
              HasSubstr("trunks.address: "));
  EXPECT_THAT(complaint("name: 'a' source_networks: 'sip.example'"),
              HasSubstr("trunks.source_networks: "));
  EXPECT_THAT(complaint("name: 'a' username: 'u'"),
              HasSubstr("trunks.password: "));
  EXPECT_THAT(complaint("name: 'a' password { text: 'p' }"),
              HasSubstr("trunks.password: "));
  EXPECT_THAT(complaint("name: 'a' username: 'u\\n' password { text: 'p' }"),
              HasSubstr("trunks.username: "));
  EXPECT_THAT(complaint("name: 'a' realm: 'r\\n'"),
              HasSubstr("trunks.realm: "));
  EXPECT_THAT(complaint("name: 'a' refer_domain: 'a@b'"),
              HasSubstr("trunks.refer_domain: "));
  EXPECT_THAT(complaint("name: 'a' default_country_code: '+1'"),
              HasSubstr("trunks.default_country_code: "));
  EXPECT_THAT(complaint("name: 'a' international_prefix: 'x'"),
              HasSubstr("trunks.international_prefix: "));
  EXPECT_EQ(complaint("name: 'a' session_interval {}"), "") << "none";
  EXPECT_THAT(complaint("name: 'a' session_interval { seconds: 89 }"),
              HasSubstr("trunks.session_interval: must be from 90000 ms"));
  EXPECT_THAT(Complaint("trunks { name: 'a' } trunks { name: 'a' }"),
              HasSubstr("trunks.name: must be unique"));
  EXPECT_THAT(Complaint("routes { trunks: 'b' answer {} }"),
              HasSubstr("routes.trunks: must be names of trunks"));
  EXPECT_EQ(Complaint("routes { trunks: 'b' answer {} } trunks { name: 'b' }"),
            "");
}

TEST(TrunksOfTest, WhatATrunkLeavesOutIsEverybodys) {
  const auto trunks = TrunksOf(Good(R"pb(
    transfers {
      refer_domain: "h.example"
      default_country_code: "49"
      tel_to_sip: true
    }
    calls { session_interval { seconds: 600 } }
    trunks {
      name: "a"
      address: "192.0.2.1:5080"
      transport: SIP_TRANSPORT_TCP
      username: "u"
      password { text: "p" }
      realm: "r"
    }
    trunks {
      name: "b"
      address: "sip.example"
      refer_domain: "b.example"
      default_country_code: "1"
      international_prefix: "011"
      tel_to_sip: false
      session_interval {}
    }
    trunks { name: "c" source_networks: "10.0.0.0/8" }
  )pb"));
  ASSERT_TRUE(trunks.ok()) << trunks.status();
  ASSERT_EQ(trunks->size(), 3U);
  const sip::Trunk& a = *(*trunks)[0];
  EXPECT_EQ(a.uri, "sip:192.0.2.1:5080;transport=tcp");
  EXPECT_EQ(a.sources, (std::vector<IpNetwork>{*ReadIpNetwork("192.0.2.1")}));
  EXPECT_EQ(a.credentials->password, "p");
  EXPECT_EQ(a.credentials->realm, "r");
  EXPECT_EQ(a.session_timer.interval, seconds(600));
  EXPECT_EQ(a.session_timer.least, seconds(90));
  EXPECT_EQ(a.targets, (sip::TargetPolicy{.host = "h.example",
                                          .tel_to_sip = true,
                                          .default_country_code = "49"}));
  const sip::Trunk& b = *(*trunks)[1];
  EXPECT_EQ(b.uri, "sip:sip.example");
  EXPECT_TRUE(b.sources.empty()) << "a name tells no source";
  EXPECT_EQ(b.credentials, std::nullopt);
  EXPECT_EQ(b.session_timer.interval, seconds(0));
  EXPECT_EQ(b.targets, (sip::TargetPolicy{.host = "b.example",
                                          .default_country_code = "1",
                                          .international_prefix = "011"}));
  const sip::Trunk& c = *(*trunks)[2];
  EXPECT_EQ(c.uri, "");
  EXPECT_TRUE(c.sources.at(0).Contains(*ReadIpAddress("10.1.1.1")));
}

TEST(TrunksOfTest, APasswordMayBeInAFile) {
  const auto trunks = TrunksOf(Good(R"pb(
    trunks {
      name: "a"
      username: "u"
      password { file: "/nonexistent/password" }
    }
  )pb"));
  EXPECT_EQ(trunks.status().message(),
            "trunks.password: cannot read /nonexistent/password, or it is "
            "empty or above 4 KiB");
}

// ---- Webhooks -----------------------------------------------------------

TEST(ConfigTest, ATokenMustHaveSomebodyWhoGetsIt) {
  const std::string token = "bearer_token { text: 't' }";
  EXPECT_THAT(Complaint(absl::StrCat("hooks { ", token, " }")),
              StartsWith("cfg:1: hooks.bearer_token: needs base_url"));
  EXPECT_EQ(
      Complaint(absl::StrCat("hooks { base_url: 'http://a/' ", token, "}")),
      "");
  EXPECT_EQ(Complaint(absl::StrCat("hooks { bearer_hosts: 'a' ", token, " }")),
            "");
}

TEST(ConfigTest, AtMostTwoKeysSign) {
  const std::string key = "signing_keys { text: '0123456789abcdef' }\n";
  EXPECT_EQ(Complaint(absl::StrCat("hooks {", key, key, "}")), "");
  EXPECT_THAT(Complaint(absl::StrCat("hooks {", key, key, key, "}")),
              HasSubstr("hooks.signing_keys: must be at most two"));
}

TEST(HookOptionsTest, HaveDefaults) {
  const auto options = HookOptionsOf({}, "/state", "agent/1");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->store_path, "/state/hooks.sqlite3");
  EXPECT_EQ(options->client.user_agent, "agent/1");
  EXPECT_EQ(options->client.attempt_limit, seconds(10));
  EXPECT_EQ(options->limits.max_attempts, 20);
  EXPECT_EQ(options->limits.max_age, hours(6));
  EXPECT_EQ(options->limits.longest_retry, minutes(10));
  EXPECT_THAT(options->signing_keys, ::testing::IsEmpty());
  EXPECT_EQ(HookOptionsOf({}, "", "agent/1")->store_path, "");
}

TEST(HookOptionsTest, AreTheConfiguredOnes) {
  const auto options =
      HookOptionsOf(Good(R"pb(hooks {
                                base_url: "https://App.example/x"
                                bearer_token { text: "token" }
                                max_attempts: 3
                                max_bytes: 70000
                                max_per_host: 4
                                first_retry { seconds: 1000 }
                                connect_limit { seconds: 2 }
                              })pb")
                        .hooks(),
                    "/s", "a");
  ASSERT_TRUE(options.ok());
  EXPECT_THAT(options->bearer_hosts, ::testing::ElementsAre("app.example"));
  EXPECT_EQ(options->bearer_token, "token");
  EXPECT_EQ(options->limits.max_attempts, 3);
  EXPECT_EQ(options->limits.max_bytes, 70'000U);
  EXPECT_EQ(options->limits.max_per_host, 4U);
  EXPECT_EQ(options->limits.longest_retry, seconds(1000));
  EXPECT_EQ(options->client.connect_limit, seconds(2));
}

TEST(HookOptionsTest, SecretsAreNeverRepeated) {
  for (const char* hooks :
       {"signing_keys { text: 'secret' }", "signing_keys { file: '/no/key' }",
        "base_url: 'http://a/' bearer_token { text: 'secret\\r\\n' }",
        "base_url: 'http://a/' bearer_token {}"}) {
    const auto options = HookOptionsOf(
        Good(absl::StrCat("hooks { ", hooks, " }")).hooks(), "", "");
    EXPECT_TRUE(absl::IsInvalidArgument(options.status())) << hooks;
    EXPECT_THAT(
        std::string(options.status().message()),
        AllOf(StartsWith("hooks."), ::testing::Not(HasSubstr("secret"))));
  }
}

// ---- Defaults -----------------------------------------------------------

TEST(ConfigTest, HasDefaults) {
  const config::v1::Config config;
  EXPECT_EQ(GrpcListen(config), "127.0.0.1:50051");
  EXPECT_EQ(SipListen(config), "127.0.0.1:5060");
  EXPECT_EQ(T1(config), milliseconds(500));
  EXPECT_EQ(T2(config), seconds(4));
}

TEST(ConfigTest, T2IsEightTimesASmallT1) {
  EXPECT_EQ(T2(Good(Set("sip.t1", Duration(milliseconds(10))))),
            milliseconds(80));
  EXPECT_EQ(T2(Good(Set("sip.t1", Duration(seconds(1))))), seconds(4));
  EXPECT_EQ(T2(Good(Set("sip.t2", Duration(seconds(5))))), seconds(5));
}

TEST(ConfigTest, TransferLimitsHaveDefaults) {
  const sip::TransferPolicy policy = TransferPolicyOf(config::v1::Config());
  EXPECT_EQ(policy.hold_limit, seconds(10));
  EXPECT_FALSE(policy.refer_unheld);
  EXPECT_EQ(policy.ready_limit, seconds(5));
  EXPECT_EQ(policy.refer_response, seconds(32));
  EXPECT_EQ(policy.first_notify, seconds(32));
  EXPECT_EQ(policy.final_status, seconds(360));
  EXPECT_EQ(policy.subscription_grace, seconds(2));
  EXPECT_EQ(policy.unconfirmed_wait, seconds(32));
  EXPECT_EQ(policy.bye_grace, milliseconds(500));
  EXPECT_EQ(policy.lost_grace, seconds(2));
  EXPECT_EQ(policy.bye_answer_wait, seconds(4));
  EXPECT_EQ(policy.tail, seconds(32));
}

TEST(ConfigTest, TransferLimitsFollowT1) {
  const sip::TransferPolicy policy =
      TransferPolicyOf(Good(Set("sip.t1", Duration(milliseconds(10)))));
  EXPECT_EQ(policy.refer_response, milliseconds(640));
  EXPECT_EQ(policy.first_notify, milliseconds(640));
  EXPECT_EQ(policy.tail, milliseconds(640));
}

TEST(ConfigTest, TransferLimitsAreTheConfiguredOnes) {
  const sip::TransferPolicy policy = TransferPolicyOf(Good(R"pb(
    transfers {
      hold_limit { seconds: 3 }
      refer_unheld: true
      ready_limit {}
      refer_response_limit { seconds: 1 }
      first_notify_limit { seconds: 2 }
      final_status_limit { seconds: 3 }
      subscription_grace { seconds: 4 }
      unconfirmed_wait { seconds: 5 }
      bye_grace { seconds: 1 nanos: 500000000 }
      lost_grace { seconds: 6 }
      bye_answer_wait { seconds: 7 }
      tail { seconds: 33 }
    }
  )pb"));
  EXPECT_EQ(policy.hold_limit, seconds(3));
  EXPECT_TRUE(policy.refer_unheld);
  EXPECT_EQ(policy.ready_limit, seconds(0)) << "set, and 0";
  EXPECT_EQ(policy.refer_response, seconds(1));
  EXPECT_EQ(policy.first_notify, seconds(2));
  EXPECT_EQ(policy.final_status, seconds(3));
  EXPECT_EQ(policy.subscription_grace, seconds(4));
  EXPECT_EQ(policy.unconfirmed_wait, seconds(5));
  EXPECT_EQ(policy.bye_grace, milliseconds(1500));
  EXPECT_EQ(policy.lost_grace, seconds(6));
  EXPECT_EQ(policy.bye_answer_wait, seconds(7));
  EXPECT_EQ(policy.tail, seconds(33));
}

TEST(MillisecondsOrTest, IsTheDurationWhereOneIsSet) {
  google::protobuf::Duration duration;
  EXPECT_EQ(MillisecondsOr(false, duration, hours(1)), hours(1));
  EXPECT_EQ(MillisecondsOr(true, duration, hours(1)), milliseconds(0));
  duration.set_seconds(60);
  duration.set_nanos(1'500'000);
  EXPECT_EQ(MillisecondsOr(true, duration, hours(1)),
            minutes(1) + milliseconds(1));
}

// ---- Files --------------------------------------------------------------

class ConfigFileTest : public ::testing::Test {
 protected:
  ~ConfigFileTest() override { std::remove(path_.c_str()); }

  void Write(const std::string& text) {
    std::FILE* file = std::fopen(path_.c_str(), "w");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    EXPECT_EQ(std::fclose(file), 0);
  }

  // Tests run side by side, so the name is this process's own.
  const std::string path_ =
      absl::StrCat(::testing::TempDir(), "callcontrol_config_test_", getpid());
};

TEST_F(ConfigFileTest, IsReadAndNamedInComplaints) {
  Write("node: \"n1\"\n");
  EXPECT_EQ(ReadConfigFile(path_)->node(), "n1");
  Write("\nlog { level: \"loud\" }\n");
  EXPECT_EQ(ReadConfigFile(path_).status().message(),
            path_ + ":2: log.level: must be debug, info, warn or error");
}

TEST_F(ConfigFileTest, ThatIsMissingIsNotFound) {
  const absl::Status status = ReadConfigFile(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "cannot read " + path_ + ": No such file or directory");
}

TEST_F(ConfigFileTest, ThatIsAFolderCannotBeRead) {
  EXPECT_THAT(std::string(ReadConfigFile("/").status().message()),
              StartsWith("cannot read /: "));
}

TEST_F(ConfigFileTest, LargerThanAMebibyteIsNone) {
  Write(std::string(1024 * 1024, '\n'));
  EXPECT_TRUE(ReadConfigFile(path_).ok());
  Write(std::string(1024 * 1024 + 1, '\n'));
  EXPECT_THAT(std::string(ReadConfigFile(path_).status().message()),
              HasSubstr("larger than 1 MiB"));
}

}  // namespace
}  // namespace callcontrol::server
