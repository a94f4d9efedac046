// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_CALLBACK_THREAD_H_
#define CALLCONTROL_SERVER_CALLBACK_THREAD_H_

#include <chrono>

#include "absl/status/status.h"

namespace callcontrol::server {

// The one thread that gRPC's callbacks and its reading of sockets run on.
// Debian's gRPC starts as many as it likes, at least two, which hand each event
// to one another: more than half of what a transfer cost (docs/adr/0021). The
// .cc file defines, in front of the library's own, the two functions that make
// them.
//
// Ownership: the thread lives while a gRPC server or a channel with callbacks
// does. Threads: reactions come one at a time, on this thread; one that blocks
// blocks them all. Errors: ends the process where no thread can be made.
// Time: none; without work the thread sleeps.

// Whether the functions stand in front of the library's. UNIMPLEMENTED: a
// gRPC that is built another way, whose callbacks run on threads of its own.
absl::Status CheckCallbackThread();

// How long the thread has been at work without a pause; 0 where there is none.
// From any thread.
std::chrono::nanoseconds CallbackThreadBusy();

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_CALLBACK_THREAD_H_
