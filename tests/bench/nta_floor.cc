// SPDX-License-Identifier: Apache-2.0
//
// The floor: the smallest transferor that Sofia's nta allows, on the server's
// own loop. It answers each call, sends a REFER once the ACK is there, answers
// the NOTIFYs, and hangs up after the final one. There is no state machine, no
// check, no gRPC and no log; what the server costs above this is ours.
//
//   nta_floor PORTS_FILE WARM_UP_SECONDS
//
// Writes "sip=PORT" to PORTS_FILE once it serves UDP on 127.0.0.1. SIGTERM ends
// it; it then writes one JSON object to stdout.
#include <signal.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <string>
#include <string_view>

#include "sip/sofia/sip_loop.h"
#include "tests/bench/latency.h"

namespace callcontrol::bench {
struct Floor;
struct FloorCall;
}  // namespace callcontrol::bench

#define SU_ROOT_MAGIC_T ::callcontrol::sip::SipLoop
#define NTA_LEG_MAGIC_T ::callcontrol::bench::FloorCall
#define NTA_INCOMING_MAGIC_T ::callcontrol::bench::FloorCall
#define NTA_OUTGOING_MAGIC_T ::callcontrol::bench::FloorCall

#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

namespace callcontrol::bench {

// What all calls share. SIP thread only, but for its making and its end.
struct Floor {
  explicit Floor(std::chrono::seconds warm_up) : latencies(warm_up) {}

  nta_agent_t* agent = nullptr;
  nta_leg_t* stray_leg = nullptr;
  su_home_t home[1] = {SU_HOME_INIT(home)};
  sip_contact_t* contact = nullptr;
  std::string port;
  std::uint64_t calls = 0;
  std::uint64_t refused = 0;
  std::uint64_t transferred = 0;
  Latencies latencies;
};

// One call, from its INVITE to the answer to our BYE. The leg that takes
// requests outside calls has one too, with nothing but the floor in it.
struct FloorCall {
  Floor* floor = nullptr;
  nta_leg_t* leg = nullptr;
  nta_outgoing_t* refer = nullptr;
  nta_outgoing_t* bye = nullptr;
};

namespace {

constexpr unsigned kSocketBuffer = 4 * 1024 * 1024;
constexpr unsigned kUdpMtu = 65'535;
constexpr char kSdp[] =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 41000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

int OnByeAnswer(FloorCall* call, nta_outgoing_t* bye, const sip_t* answer) {
  if (answer->sip_status->st_status < 200) return 0;
  if (answer->sip_status->st_status < 300) ++call->floor->transferred;
  nta_outgoing_destroy(bye);
  if (call->refer != nullptr) nta_outgoing_destroy(call->refer);
  nta_leg_destroy(call->leg);
  delete call;
  return 0;
}

int OnReferAnswer(FloorCall* call, nta_outgoing_t* refer, const sip_t* answer) {
  if (answer->sip_status->st_status < 200) return 0;
  if (answer->sip_status->st_status >= 300) ++call->floor->refused;
  nta_outgoing_destroy(refer);
  call->refer = nullptr;
  return 0;
}

int OnAck(FloorCall* call, nta_incoming_t* invite, const sip_t* ack) {
  nta_incoming_destroy(invite);
  const bool came =
      ack != nullptr && ack->sip_request->rq_method == sip_method_ack;
  if (!came) return 0;
  call->refer = nta_outgoing_tcreate(
      call->leg, OnReferAnswer, call, nullptr, SIP_METHOD_REFER, nullptr,
      SIPTAG_CONTACT(call->floor->contact),
      SIPTAG_REFER_TO_STR("<sip:target@127.0.0.1:5099>"),
      SIPTAG_REFERRED_BY_STR("<sip:agent@127.0.0.1>"), TAG_END());
  return 0;
}

int OnNotify(FloorCall* call, nta_incoming_t* notify, const sip_t* message) {
  const auto arrived = std::chrono::system_clock::now();
  constexpr std::string_view kVersion = "SIP/2.0 ";
  std::string_view body;
  if (message->sip_payload != nullptr) {
    body = {message->sip_payload->pl_data, message->sip_payload->pl_len};
  }
  const bool final =
      body.starts_with(kVersion) && body.substr(kVersion.size(), 1) >= "2";
  if (!final) return 200;
  if (const auto sent = SentTime(body.substr(0, body.find('\r')))) {
    call->floor->latencies.Add(*sent, arrived);
  }
  nta_incoming_treply(notify, SIP_200_OK, SIPTAG_CONTACT(call->floor->contact),
                      TAG_END());
  nta_incoming_destroy(notify);
  if (call->bye == nullptr) {
    call->bye = nta_outgoing_tcreate(call->leg, OnByeAnswer, call, nullptr,
                                     SIP_METHOD_BYE, nullptr, TAG_END());
  }
  return 0;
}

int OnRequestOfCall(FloorCall* call, nta_leg_t* /*leg*/,
                    nta_incoming_t* request, const sip_t* message) {
  switch (message->sip_request->rq_method) {
    case sip_method_notify:
      return OnNotify(call, request, message);
    case sip_method_ack:
      return 0;
    default:
      return 501;
  }
}

int OnStrayRequest(FloorCall* stray, nta_leg_t* /*leg*/, nta_incoming_t* invite,
                   const sip_t* message) {
  const sip_method_t method = message->sip_request->rq_method;
  if (method != sip_method_invite) return method == sip_method_ack ? 0 : 481;
  Floor* floor = stray->floor;
  ++floor->calls;
  auto* call = new FloorCall{.floor = floor};
  call->leg = nta_leg_tcreate(
      floor->agent, OnRequestOfCall, call, SIPTAG_CALL_ID(message->sip_call_id),
      SIPTAG_FROM(message->sip_to), SIPTAG_TO(message->sip_from), TAG_END());
  nta_leg_tag(call->leg, nullptr);
  nta_leg_server_route(call->leg, message->sip_record_route,
                       message->sip_contact);
  nta_incoming_tag(invite, nta_leg_get_tag(call->leg));
  nta_incoming_bind(invite, OnAck, call);
  nta_incoming_treply(invite, SIP_200_OK, SIPTAG_CONTACT(floor->contact),
                      SIPTAG_CONTENT_TYPE_STR("application/sdp"),
                      SIPTAG_PAYLOAD_STR(kSdp), TAG_END());
  return 0;
}

// Opens the socket; false where that fails. SIP thread only.
bool Serve(sip::SipLoop& loop, Floor& floor, FloorCall& stray) {
  su_log_set_level(nullptr, 0);
  floor.agent = nta_agent_create(
      loop.root(), URL_STRING_MAKE("sip:127.0.0.1:*;transport=udp"), nullptr,
      nullptr, NTATAG_UA(1), NTATAG_UDP_MTU(kUdpMtu),
      TPTAG_UDP_RMEM(kSocketBuffer), TPTAG_UDP_WMEM(kSocketBuffer),
      NTATAG_USE_NAPTR(0), NTATAG_USE_SRV(0), TAG_END());
  if (floor.agent == nullptr) return false;
  const tport_t* transport = tport_primaries(nta_agent_tports(floor.agent));
  floor.port = tport_name(transport)->tpn_port;
  const std::string contact =
      "<sip:127.0.0.1:" + floor.port + ";transport=udp>";
  floor.contact = sip_contact_make(floor.home, contact.c_str());
  stray.floor = &floor;
  floor.stray_leg = nta_leg_tcreate(floor.agent, OnStrayRequest, &stray,
                                    NTATAG_NO_DIALOG(1), TAG_END());
  return floor.stray_leg != nullptr;
}

// Whole or not there at all, for whoever waits for it.
void WritePortsFile(const std::filesystem::path& path,
                    const std::string& port) {
  const std::filesystem::path unfinished = path.string() + ".new";
  std::ofstream(unfinished) << "sip=" << port << "\n";
  std::filesystem::rename(unfinished, path);
}

// Runs `work` on the SIP thread and waits for it.
template <typename Work>
void RunOn(sip::SipLoop& loop, Work work) {
  std::promise<void> done;
  loop.Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

int Run(const std::filesystem::path& ports_file, std::chrono::seconds warm_up) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Floor floor(warm_up);
  FloorCall stray;
  sip::SipLoop loop;
  bool serves = false;
  RunOn(loop, [&] { serves = Serve(loop, floor, stray); });
  if (!serves) {
    std::cerr << "nta_floor: cannot listen on 127.0.0.1 for SIP\n";
    return 1;
  }
  WritePortsFile(ports_file, floor.port);
  int signal = 0;
  sigwait(&stop, &signal);
  RunOn(loop, [&] {
    std::cout << "{\"calls\":" << floor.calls
              << ",\"refused\":" << floor.refused
              << ",\"transferred\":" << floor.transferred << ","
              << floor.latencies.Json() << "}" << std::endl;
  });
  // Calls may be open, and Sofia takes long to let thousands of transactions
  // go: leave that to the kernel.
  std::_Exit(0);
}

}  // namespace
}  // namespace callcontrol::bench

int main(int argc, char** argv) {
  int warm_up = -1;
  if (argc == 3) {
    const std::string_view word = argv[2];
    std::from_chars(word.data(), word.data() + word.size(), warm_up);
  }
  if (warm_up < 0) {
    std::cerr << "usage: nta_floor PORTS_FILE WARM_UP_SECONDS\n";
    return 2;
  }
  return callcontrol::bench::Run(argv[1], std::chrono::seconds(warm_up));
}
