// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_SERVER_STREAM_READER_H_
#define CALLCONTROL_SERVER_STREAM_READER_H_

namespace callcontrol::server {

// Somebody who reads a log that grows.
//
// Threads: OnGrew() comes from whichever thread wrote, with no lock held, and
// must return at once. It may come without anything new.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  virtual void OnGrew() = 0;
};

}  // namespace callcontrol::server

#endif  // CALLCONTROL_SERVER_STREAM_READER_H_
