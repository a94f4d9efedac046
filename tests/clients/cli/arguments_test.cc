// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/arguments.h"

#include <string>
#include <utility>
#include <vector>

#include "callcontrol/v1/transfer.pb.h"
#include "clients/cli/help.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace callcontrol::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr std::string_view kDefaultServer = "127.0.0.1:50051";

Arguments Parse(const std::vector<std::string>& args) {
  absl::StatusOr<Arguments> result = ParseArguments(args, kDefaultServer);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : Arguments();
}

std::string Complaint(const std::vector<std::string>& args) {
  const absl::StatusOr<Arguments> result = ParseArguments(args, kDefaultServer);
  EXPECT_FALSE(result.ok()) << "was accepted";
  std::string message(result.status().message());
  EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line";
  return message;
}

TEST(ArgumentsTest, ReferTakesACallAndATarget) {
  const Arguments arguments = Parse({"refer", "c-a1-xyz", "+15083084809"});
  EXPECT_EQ(arguments.command, Command::kRefer);
  EXPECT_EQ(arguments.call, "c-a1-xyz");
  EXPECT_EQ(arguments.target, "+15083084809");
  EXPECT_EQ(arguments.server, kDefaultServer);
  EXPECT_FALSE(arguments.timeout.has_value());
}

TEST(ArgumentsTest, FlagsTakeTheirValueByEqualsOrAsTheNextWord) {
  EXPECT_EQ(Parse({"calls", "--server=host:1"}).server, "host:1");
  EXPECT_EQ(Parse({"calls", "--server", "unix:/tmp/s"}).server, "unix:/tmp/s");
  EXPECT_EQ(Parse({"--server", "host:1", "calls"}).server, "host:1");
  EXPECT_EQ(Parse({"calls", "--timeout=1.5s"}).timeout,
            absl::Milliseconds(1500));
}

TEST(ArgumentsTest, DashAndUnderscoreAreTheSameInAFlag) {
  EXPECT_TRUE(Parse({"refer", "c", "t", "--validate-only"}).validate_only);
  EXPECT_TRUE(Parse({"refer", "c", "t", "--validate_only"}).validate_only);
  EXPECT_FALSE(
      Parse({"refer", "c", "t", "--validate_only=false"}).validate_only);
}

TEST(ArgumentsTest, HeadersRepeatAndKeepTheirOrder) {
  const Arguments arguments =
      Parse({"refer", "c", "t", "--header", "X-A: 1", "--header=X-A:2:3",
             "--target_header", "Subject:  hello "});
  EXPECT_THAT(arguments.headers,
              ElementsAre(Pair("X-A", "1"), Pair("X-A", "2:3")));
  EXPECT_THAT(arguments.target_headers, ElementsAre(Pair("Subject", "hello")));
}

TEST(ArgumentsTest, LimitsAreDurations) {
  const Arguments arguments =
      Parse({"refer", "c", "t", "--refer_limit=8s", "--notify_limit=500ms",
             "--final_limit=2m", "--reattach=0s"});
  EXPECT_EQ(arguments.refer_limit, absl::Seconds(8));
  EXPECT_EQ(arguments.notify_limit, absl::Milliseconds(500));
  EXPECT_EQ(arguments.final_limit, absl::Minutes(2));
  EXPECT_EQ(arguments.reattach, absl::ZeroDuration());
}

TEST(ArgumentsTest, WhatFollowsTwoDashesIsNoFlag) {
  EXPECT_EQ(Parse({"refer", "c", "--", "--json"}).target, "--json");
}

TEST(ArgumentsTest, HelpNeedsNothingElse) {
  EXPECT_TRUE(Parse({"--help"}).help);
  EXPECT_TRUE(Parse({"-h"}).help);
  EXPECT_EQ(Parse({"help", "refer"}).command, Command::kRefer);
  EXPECT_EQ(Parse({"refer", "--help"}).command, Command::kRefer);
}

TEST(ArgumentsTest, EveryCommandHasAHelpThatNamesItAndShowsAnExample) {
  for (const Command command :
       {Command::kCalls, Command::kWatch, Command::kRefer, Command::kCall,
        Command::kAnswer, Command::kReject, Command::kHold, Command::kResume,
        Command::kHangUp, Command::kTransfers, Command::kShow, Command::kCancel,
        Command::kHooks, Command::kHooksRetry, Command::kHooksListen}) {
    const std::string name(CommandName(command));
    EXPECT_THAT(HelpText(command), HasSubstr("Example"));
    EXPECT_THAT(HelpText(command), HasSubstr("\n  callctl " + name));
    EXPECT_THAT(HelpText(Command::kNone), HasSubstr("\n  " + name));
  }
}

TEST(ArgumentsTest, NoHelpIsWiderThanATerminal) {
  for (const Command command :
       {Command::kNone, Command::kCalls, Command::kWatch, Command::kRefer,
        Command::kCall, Command::kAnswer, Command::kReject, Command::kHold,
        Command::kResume, Command::kHangUp, Command::kTransfers, Command::kShow,
        Command::kCancel, Command::kHooks, Command::kHooksRetry,
        Command::kHooksListen}) {
    std::size_t column = 0;
    for (const char c : HelpText(command)) {
      column = c == '\n' ? 0 : column + 1;
      EXPECT_LE(column, 80U) << CommandName(command);
    }
  }
}

TEST(ArgumentsTest, HooksHasCommandsOfItsOwn) {
  EXPECT_EQ(Parse({"hooks", "--filter=x"}).command, Command::kHooks);
  EXPECT_EQ(Parse({"hooks", "--filter=x"}).filter, "x");
  const Arguments retry = Parse({"hooks", "retry", "h-1"});
  EXPECT_EQ(retry.command, Command::kHooksRetry);
  EXPECT_EQ(retry.delivery, "h-1");
  const Arguments listen = Parse({"hooks", "listen", "8080"});
  EXPECT_EQ(listen.command, Command::kHooksListen);
  EXPECT_EQ(listen.port, 8080);
  EXPECT_THAT(Complaint({"hooks", "retry"}), HasSubstr("needs DELIVERY"));
  EXPECT_THAT(Complaint({"hooks", "frob"}), HasSubstr("too many words"));
  EXPECT_THAT(Complaint({"hooks", "retry", "--filter=x"}),
              HasSubstr("is a flag of"));
  for (const char* port : {"x", "65536", "80 80"}) {
    EXPECT_THAT(Complaint({"hooks", "listen", port}), HasSubstr("PORT"));
  }
}

TEST(ArgumentsTest, RejectTakesAStatusAndAReason) {
  EXPECT_EQ(Parse({"reject", "c-1-a"}).status, 603);
  const Arguments busy = Parse({"reject", "c-1-a", "486", "--reason=Lunch"});
  EXPECT_EQ(busy.command, Command::kReject);
  EXPECT_EQ(busy.call, "c-1-a");
  EXPECT_EQ(busy.status, 486);
  EXPECT_EQ(busy.reason, "Lunch");
  for (const char* status : {"200", "700", "busy"}) {
    EXPECT_THAT(Complaint({"reject", "c-1-a", status}),
                HasSubstr("STATUS must be from 300 to 699"));
  }
  EXPECT_EQ(Parse({"answer", "c-1-a"}).command, Command::kAnswer);
  EXPECT_TRUE(Parse({"refer", "c-1-a", "1000", "--hold-first"}).hold_first);
}

TEST(ArgumentsTest, ACallTakesATarget) {
  const Arguments call =
      Parse({"call", "sip:bob@b.example", "--from=alice", "--ring-limit=20s"});
  EXPECT_EQ(call.command, Command::kCall);
  EXPECT_EQ(call.target, "sip:bob@b.example");
  EXPECT_EQ(call.from, "alice");
  EXPECT_EQ(call.ring_limit, absl::Seconds(20));
}

TEST(ArgumentsTest, IdentityAndPrivacyAreOfCallsAndTransfers) {
  for (const char* const command : {"call", "refer"}) {
    std::vector<std::string> words = {command, "c-1-a"};
    if (words[0] == "refer") words.emplace_back("1000");
    words.insert(words.end(),
                 {"--asserted-identity=sip:a@b", "--asserted-identity=tel:+1",
                  "--privacy=ID,critical"});
    const Arguments arguments = Parse(words);
    EXPECT_THAT(arguments.asserted_identity, ElementsAre("sip:a@b", "tel:+1"));
    EXPECT_THAT(arguments.privacy,
                ElementsAre(v1::PRIVACY_ID, v1::PRIVACY_CRITICAL));
  }
  EXPECT_EQ(Parse({"call", "1000", "--trunk=out"}).trunk, "out");
  for (const char* const bad : {"", "id,", "secret", "unspecified"}) {
    EXPECT_THAT(Complaint({"call", "1000", std::string("--privacy=") + bad}),
                HasSubstr("is none of id, header"));
  }
}

TEST(ArgumentsTest, AnAttendedTransferTakesTwoCalls) {
  const Arguments attended =
      Parse({"transfer", "--attended", "c-1-a", "c-1-b"});
  EXPECT_EQ(attended.command, Command::kRefer);
  EXPECT_TRUE(attended.attended);
  EXPECT_EQ(attended.call, "c-1-a");
  EXPECT_EQ(attended.target, "c-1-b");
  EXPECT_THAT(Complaint({"transfer", "c-1-a", "1000", "--attended"}),
              HasSubstr("the id of the call to the target"));
}

TEST(ArgumentsTest, WrongUsageIsToldInOneLine) {
  EXPECT_THAT(Complaint({}), HasSubstr("no command"));
  EXPECT_THAT(Complaint({"xfer"}), HasSubstr("unknown command \"xfer\""));
  EXPECT_THAT(Complaint({"calls", "--al"}), HasSubstr("unknown flag \"--al\""));
  EXPECT_THAT(Complaint({"calls", "--filter=x"}),
              HasSubstr("--filter is a flag of callctl transfers"));
  EXPECT_THAT(Complaint({"--all", "calls"}), HasSubstr("comes after it"));
  EXPECT_THAT(Complaint({"refer", "c-1-a"}), HasSubstr("needs TARGET"));
  EXPECT_THAT(Complaint({"show"}), HasSubstr("needs TRANSFER"));
  EXPECT_THAT(Complaint({"hangup", "a", "b"}), HasSubstr("too many words"));
  EXPECT_THAT(Complaint({"hangup", ""}), HasSubstr("must not be empty"));
  EXPECT_THAT(Complaint({"calls", "--server"}), HasSubstr("needs a value"));
  EXPECT_THAT(Complaint({"calls", "--timeout=90"}), HasSubstr("duration"));
  EXPECT_THAT(Complaint({"calls", "--timeout=-1s"}), HasSubstr("duration"));
  EXPECT_THAT(Complaint({"calls", "--timeout=inf"}), HasSubstr("duration"));
  EXPECT_THAT(Complaint({"calls", "--timeout=0s"}), HasSubstr("more than 0s"));
  EXPECT_THAT(Complaint({"calls", "--json=maybe"}), HasSubstr("neither"));
  EXPECT_THAT(Complaint({"refer", "c", "t", "--header=X"}),
              HasSubstr("'Name: value'"));
  EXPECT_THAT(Complaint({"refer", "c", "t", "--header=: x"}),
              HasSubstr("'Name: value'"));
  EXPECT_THAT(Complaint({"refer", "c", "t", "--target_header=A: 1",
                         "--target_header=A: 2"}),
              HasSubstr("given twice"));
}

TEST(ArgumentsTest, AComplaintNeverCarriesControlCharacters) {
  EXPECT_THAT(Complaint({"\x1b[2J"}), HasSubstr("\\x1b[2J"));
}

TEST(ArgumentsTest, OurCallIdsAreToldFromSipCallIds) {
  EXPECT_TRUE(IsCallId("c-a1-7f3k2m"));
  EXPECT_TRUE(IsCallId("c-node-7.eu-7f3k2m"));
  EXPECT_FALSE(IsCallId("c-7f3k2m"));
  EXPECT_FALSE(IsCallId("c--x"));
  EXPECT_FALSE(IsCallId("c-a1-"));
  EXPECT_FALSE(IsCallId("c-a1-x@host"));
  EXPECT_FALSE(IsCallId("3848276298220188511@atlanta.example.com"));
  EXPECT_FALSE(IsCallId(""));
}

}  // namespace
}  // namespace callcontrol::cli
