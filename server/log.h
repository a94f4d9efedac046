// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_LOG_H_
#define CALLCONTROL_SERVER_LOG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The log: one event a line on standard error, with named fields, as
// `time level event key=value …` or as JSON. Never credentials, never URIs with
// a user in them above debug.
//
// Threads: Log() from any thread after InitLog(); it never blocks: a thread of
// the library writes, and drops the oldest lines when standard error does not
// keep up.
namespace callcontrol::server {

enum class LogFormat { kText, kJson };
enum class Severity { kDebug, kInfo, kWarning, kError };

using LogFields = std::vector<std::pair<std::string_view, std::string>>;

// Once, before other threads log.
void InitLog(LogFormat format, Severity least);

// Writes what is still queued. Log() is silent afterwards.
void StopLog();

void Log(Severity severity, std::string_view event, const LogFields& fields);

// The text of a line after time and level. Pure.
std::string TextLine(std::string_view event, const LogFields& fields);

// The members of a JSON object after time and level. Pure.
std::string JsonMembers(std::string_view event, const LogFields& fields);

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_LOG_H_
