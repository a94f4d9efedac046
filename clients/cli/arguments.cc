// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/arguments.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "callcontrol/v1/transfer.pb.h"
#include "clients/cli/text.h"

namespace callcontrol::cli {
namespace {

// One command: its name, of one word or two, and the words that follow it.
struct CommandSpec {
  Command command;
  std::string_view name;
  // How many words it needs and how many it takes.
  std::size_t needed;
  std::vector<std::string_view> words;
};

const std::vector<CommandSpec>& Commands() {
  static const auto* const kCommands = new std::vector<CommandSpec>{
      {Command::kCalls, "calls", 0, {}},
      {Command::kWatch, "watch", 0, {"CALL"}},
      {Command::kRefer, "refer", 2, {"CALL", "TARGET"}},
      {Command::kRefer, "transfer", 2, {"CALL", "TARGET"}},
      {Command::kCall, "call", 1, {"TARGET"}},
      {Command::kAnswer, "answer", 1, {"CALL"}},
      {Command::kReject, "reject", 1, {"CALL", "STATUS"}},
      {Command::kHold, "hold", 1, {"CALL"}},
      {Command::kResume, "resume", 1, {"CALL"}},
      {Command::kHangUp, "hangup", 1, {"CALL"}},
      {Command::kAccept, "accept", 1, {"REFER", "TARGET"}},
      {Command::kDecline, "decline", 1, {"REFER", "STATUS"}},
      {Command::kTransfers, "transfers", 0, {}},
      {Command::kShow, "show", 1, {"TRANSFER"}},
      {Command::kCancel, "cancel", 1, {"TRANSFER"}},
      {Command::kHooks, "hooks", 0, {}},
      {Command::kHooksRetry, "hooks retry", 1, {"DELIVERY"}},
      {Command::kHooksListen, "hooks listen", 1, {"PORT"}},
  };
  return *kCommands;
}

const CommandSpec* FindCommand(std::string_view name) {
  for (const CommandSpec& spec : Commands()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

template <class... Parts>
absl::Status Usage(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

std::string Quoted(std::string_view text) {
  return "\"" + Printable(text) + "\"";
}

absl::StatusOr<absl::Duration> ParseLimit(std::string_view text) {
  absl::Duration value;
  if (!absl::ParseDuration({text.data(), text.size()}, &value) ||
      value < absl::ZeroDuration() || value == absl::InfiniteDuration()) {
    return Usage(Quoted(text), " is not a duration such as 90s, 1.5s or 2m");
  }
  return value;
}

absl::Status SetLimit(std::string_view text,
                      std::optional<absl::Duration>& limit) {
  absl::StatusOr<absl::Duration> value = ParseLimit(text);
  if (!value.ok()) return value.status();
  if (*value == absl::ZeroDuration()) return Usage("must be more than 0s");
  limit = *value;
  return absl::OkStatus();
}

absl::Status SetBool(std::string_view text, bool& flag) {
  if (text != "true" && text != "false") {
    return Usage(Quoted(text), " is neither true nor false");
  }
  flag = text == "true";
  return absl::OkStatus();
}

absl::Status AddHeader(
    std::string_view text,
    std::vector<std::pair<std::string, std::string>>& headers) {
  const std::size_t colon = text.find(':');
  const auto trimmed = [](std::string_view part) {
    return std::string(absl::StripAsciiWhitespace({part.data(), part.size()}));
  };
  std::string name = trimmed(text.substr(0, colon));
  if (colon == std::string_view::npos || name.empty()) {
    return Usage(Quoted(text), " is not of the form 'Name: value'");
  }
  headers.emplace_back(std::move(name), trimmed(text.substr(colon + 1)));
  return absl::OkStatus();
}

absl::Status AddTargetHeader(std::string_view text, Arguments& to) {
  if (absl::Status added = AddHeader(text, to.target_headers); !added.ok()) {
    return added;
  }
  const std::string& name = to.target_headers.back().first;
  const auto same = [&name](const auto& header) {
    return header.first == name;
  };
  if (std::count_if(to.target_headers.begin(), to.target_headers.end(), same) >
      1) {
    return Usage(Quoted(name), " is given twice");
  }
  return absl::OkStatus();
}

absl::Status SetText(std::string_view text, std::string& member) {
  if (text.empty()) return Usage("must not be empty");
  member = text;
  return absl::OkStatus();
}

absl::Status AddIdentity(std::string_view text, Arguments& to) {
  return SetText(text, to.asserted_identity.emplace_back());
}

absl::Status SetPrivacy(std::string_view text, Arguments& to) {
  to.privacy.clear();
  const std::vector<std::string> names =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ',');
  for (const std::string& name : names) {
    v1::Privacy value = v1::PRIVACY_UNSPECIFIED;
    const std::string token =
        absl::StrCat("PRIVACY_", absl::AsciiStrToUpper(name));
    if (!v1::Privacy_Parse(token, &value) || value == v1::PRIVACY_UNSPECIFIED) {
      return Usage(Quoted(name),
                   " is none of id, header, session, user, critical and none");
    }
    to.privacy.push_back(value);
  }
  return absl::OkStatus();
}

// One flag. `command` is kNone for a flag of every command.
struct FlagSpec {
  std::string_view name;
  Command command;
  bool is_switch;
  absl::Status (*set)(std::string_view value, Arguments& to);
};

using Sv = std::string_view;
using Args = Arguments;

constexpr std::array<FlagSpec, 28> kFlags = {{
    {"help", Command::kNone, true,
     [](Sv v, Args& to) { return SetBool(v, to.help); }},
    {"server", Command::kNone, false,
     [](Sv v, Args& to) { return SetText(v, to.server); }},
    {"timeout", Command::kNone, false,
     [](Sv v, Args& to) { return SetLimit(v, to.timeout); }},
    {"json", Command::kNone, true,
     [](Sv v, Args& to) { return SetBool(v, to.json); }},
    {"all", Command::kCalls, true,
     [](Sv v, Args& to) { return SetBool(v, to.all); }},
    {"filter", Command::kTransfers, false,
     [](Sv v, Args& to) { return SetText(v, to.filter); }},
    {"filter", Command::kHooks, false,
     [](Sv v, Args& to) { return SetText(v, to.filter); }},
    {"reason", Command::kReject, false,
     [](Sv v, Args& to) { return SetText(v, to.reason); }},
    {"ascii", Command::kShow, true,
     [](Sv v, Args& to) { return SetBool(v, to.ascii); }},
    {"referred_by", Command::kRefer, false,
     [](Sv v, Args& to) { return SetText(v, to.referred_by); }},
    {"asserted_identity", Command::kRefer, false, AddIdentity},
    {"asserted_identity", Command::kCall, false, AddIdentity},
    {"privacy", Command::kRefer, false, SetPrivacy},
    {"privacy", Command::kCall, false, SetPrivacy},
    {"trunk", Command::kCall, false,
     [](Sv v, Args& to) { return SetText(v, to.trunk); }},
    {"header", Command::kRefer, false,
     [](Sv v, Args& to) { return AddHeader(v, to.headers); }},
    {"target_header", Command::kRefer, false, AddTargetHeader},
    {"validate_only", Command::kRefer, true,
     [](Sv v, Args& to) { return SetBool(v, to.validate_only); }},
    {"strict", Command::kRefer, true,
     [](Sv v, Args& to) { return SetBool(v, to.strict); }},
    {"from", Command::kCall, false,
     [](Sv v, Args& to) { return SetText(v, to.from); }},
    {"ring_limit", Command::kCall, false,
     [](Sv v, Args& to) { return SetLimit(v, to.ring_limit); }},
    {"attended", Command::kRefer, true,
     [](Sv v, Args& to) { return SetBool(v, to.attended); }},
    {"hold_first", Command::kRefer, true,
     [](Sv v, Args& to) { return SetBool(v, to.hold_first); }},
    {"refer_limit", Command::kRefer, false,
     [](Sv v, Args& to) { return SetLimit(v, to.refer_limit); }},
    {"notify_limit", Command::kRefer, false,
     [](Sv v, Args& to) { return SetLimit(v, to.notify_limit); }},
    {"final_limit", Command::kRefer, false,
     [](Sv v, Args& to) { return SetLimit(v, to.final_limit); }},
    {"reattach", Command::kRefer, false,
     [](Sv v, Args& to) {
       absl::StatusOr<absl::Duration> value = ParseLimit(v);
       if (value.ok()) to.reattach = *value;
       return value.status();
     }},
    {"h", Command::kNone, true,
     [](Sv v, Args& to) { return SetBool(v, to.help); }},
}};

// Reads a command line word by word.
//
// Ownership: borrows `args`. Threads: thread-compatible. Errors: the first one
// ends the reading.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& args) : args_(args) {}

  absl::StatusOr<Arguments> Parse() {
    while (next_ < args_.size()) {
      const std::string& arg = args_[next_++];
      absl::Status read;
      if (!only_words_ && arg == "--") {
        only_words_ = true;
      } else if (!only_words_ && arg.size() > 1 && arg[0] == '-') {
        read = ReadFlag(arg);
      } else {
        read = ReadWord(arg);
      }
      if (!read.ok()) return read;
    }
    if (absl::Status done = Finish(); !done.ok()) return done;
    return std::move(result_);
  }

 private:
  // "--name=value", "--name value" or, for a switch, "--name". "-" and "_" are
  // the same inside a name.
  absl::Status ReadFlag(std::string_view arg) {
    std::string_view name = arg.substr(arg.rfind("--", 0) == 0 ? 2 : 1);
    const std::size_t equals = name.find('=');
    std::string known(name.substr(0, equals));
    std::replace(known.begin(), known.end(), '-', '_');
    const FlagSpec* const spec = FindFlag(known);
    if (spec == nullptr) {
      return Usage("unknown flag ", Quoted(arg.substr(0, arg.find('='))),
                   "; see callctl ", HelpWord(), "--help");
    }
    if (spec->command != Command::kNone && spec->command != result_.command) {
      return Usage("--", known, " is a flag of callctl ",
                   std::string(CommandName(spec->command)),
                   command_ == nullptr ? " and comes after it" : "");
    }
    std::string value = "true";
    if (equals != std::string_view::npos) {
      value = name.substr(equals + 1);
    } else if (!spec->is_switch) {
      if (next_ == args_.size()) return Usage("--", known, " needs a value");
      value = args_[next_++];
    }
    const absl::Status set = spec->set(value, result_);
    return set.ok() ? set : Usage("--", known, ": ", set.message());
  }

  // The flag of that name, of this command where it has it.
  const FlagSpec* FindFlag(std::string_view name) const {
    const FlagSpec* found = nullptr;
    for (const FlagSpec& flag : kFlags) {
      if (flag.name != name) continue;
      if (flag.command == result_.command) return &flag;
      if (found == nullptr) found = &flag;
    }
    return found;
  }

  absl::Status ReadWord(const std::string& word) {
    if (command_ == nullptr && word == "help" && !result_.help) {
      result_.help = true;
      return absl::OkStatus();
    }
    if (command_ == nullptr) {
      command_ = FindCommand(word);
      if (command_ == nullptr) {
        return Usage(
            "unknown command ", Quoted(word),
            "; there are calls, watch, refer, call, answer, reject, "
            "hold, resume, hangup, accept, decline, transfers, show and "
            "hooks");
      }
      result_.command = command_->command;
      return absl::OkStatus();
    }
    const CommandSpec* const longer =
        words_.empty()
            ? FindCommand(absl::StrCat(std::string(command_->name), " ", word))
            : nullptr;
    if (longer != nullptr) {
      command_ = longer;
      result_.command = longer->command;
      return absl::OkStatus();
    }
    if (words_.size() == command_->words.size()) {
      return Usage("too many words after callctl ", std::string(command_->name),
                   ": ", Quoted(word));
    }
    words_.push_back(word);
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (result_.help) return absl::OkStatus();
    if (command_ == nullptr) return Usage("no command; see callctl --help");
    if (words_.size() < command_->needed) {
      return Usage("callctl ", std::string(command_->name), " needs ",
                   std::string(command_->words[words_.size()]),
                   "; see callctl ", HelpWord(), "--help");
    }
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].empty()) {
        return Usage(std::string(command_->words[i]), " must not be empty");
      }
      const std::string_view name = command_->words[i];
      if (name == "PORT") {
        return ReadNumber(words_[i], "PORT", 0, 65'535, result_.port);
      }
      if (name == "STATUS") {
        return ReadNumber(words_[i], "STATUS", 300, 699, result_.status);
      }
      (name == "TARGET"     ? result_.target
       : name == "TRANSFER" ? result_.transfer
       : name == "DELIVERY" ? result_.delivery
       : name == "REFER"    ? result_.refer
                            : result_.call) = words_[i];
    }
    if (result_.attended && !IsCallId(result_.target)) {
      return Usage(
          "with --attended TARGET is the id of the call to the target "
          "(c-<node>-...), and not ",
          Quoted(result_.target));
    }
    return absl::OkStatus();
  }

  static absl::Status ReadNumber(const std::string& word, const char* name,
                                 int least, int most, int& number) {
    if (absl::SimpleAtoi(word, &number) && number >= least && number <= most) {
      return absl::OkStatus();
    }
    return Usage(name, " must be from ", least, " to ", most, ", and not ",
                 Quoted(word));
  }

  std::string HelpWord() const {
    return command_ == nullptr ? "" : std::string(command_->name) + " ";
  }

  const std::vector<std::string>& args_;
  std::size_t next_ = 0;
  bool only_words_ = false;
  const CommandSpec* command_ = nullptr;
  std::vector<std::string> words_;
  Arguments result_;
};

}  // namespace

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& args,
                                         std::string_view default_server) {
  absl::StatusOr<Arguments> result = Parser(args).Parse();
  if (result.ok() && result->server.empty()) result->server = default_server;
  return result;
}

bool IsCallId(std::string_view call) {
  if (call.substr(0, 2) != "c-") return false;
  const std::size_t dash = call.rfind('-');
  if (dash < 3 || dash + 1 == call.size()) return false;
  return std::all_of(call.begin(), call.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

std::string_view CommandName(Command command) {
  for (const CommandSpec& spec : Commands()) {
    if (spec.command == command) return spec.name;
  }
  return "";
}

}  // namespace callcontrol::cli
