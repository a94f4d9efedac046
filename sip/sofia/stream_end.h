// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SIP_SOFIA_STREAM_END_H_
#define CALLCONTROL_SIP_SOFIA_STREAM_END_H_

#include <poll.h>

#include <cstddef>
#include <string_view>

namespace callcontrol::sip {

// Whether what is to be sent begins a response.
inline bool IsResponse(const void* bytes, std::size_t size) {
  return std::string_view(static_cast<const char*>(bytes), size)
      .starts_with("SIP/2.0 ");
}

// Whether the other side of a connection sends nothing more, though Sofia may
// not have read that yet. A request that is written then is lost without a
// word: whoever has closed answers by a reset at best. A response is another
// matter: a client may have closed its half only.
//
// Threads: thread-safe. Does not wait.
inline bool HasEnded(int socket) {
  pollfd state{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return poll(&state, 1, 0) == 1 && (state.revents & POLLRDHUP) != 0;
}

}  // namespace callcontrol::sip

#endif  // CALLCONTROL_SIP_SOFIA_STREAM_END_H_
