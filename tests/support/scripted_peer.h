// SPDX-License-Identifier: Apache-2.0
#ifndef CALLCONTROL_TESTS_SUPPORT_SCRIPTED_PEER_H_
#define CALLCONTROL_TESTS_SUPPORT_SCRIPTED_PEER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tests/support/peer_transport.h"
#include "tests/support/sip_message.h"
#include "tests/support/traffic_log.h"

namespace callcontrol::testing {

enum class Transport { kUdp, kTcp, kTls };

struct PeerOptions {
  // A loopback address; another one than the server's is a foreign source.
  std::string address = "127.0.0.1";
  Transport transport = Transport::kUdp;
  // Of TLS.
  PeerTls tls = {};
  // Whether OPTIONS that come while something else is awaited are answered 200
  // and counted, as any phone would.
  bool answer_options = true;
};

struct InviteOptions {
  std::string from = "sip:caller@peer.example";
  std::string to = "sip:service@callcontrol.example";
  // Empty: an INVITE without a body (delayed offer).
  std::string sdp = "";
  // The value of Contact. Empty: <sip:caller@ADDRESS:PORT>.
  std::string contact = "";
  std::string allow =
      "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, UPDATE";
  // After the usual ones.
  SipHeaders headers = {};
};

// What makes a NOTIFY differ from a good one.
struct NotifyOptions {
  // The value of Event. Unset: "refer;id=CSEQ" with the newest REFER's CSeq.
  // Empty: no Event.
  std::optional<std::string> event = std::nullopt;
  // Empty: no Content-Type.
  std::string content_type = "message/sipfrag;version=2.0";
  // Unset: the next of the dialog.
  std::optional<int64_t> cseq = std::nullopt;
  // Empty: those of the dialog.
  std::string from_tag = "";
  std::string to_tag = "";
  std::string call_id = "";
  std::string branch = "";
  std::string contact = "";
  SipHeaders headers = {};
};

// The INVITE dialog as the peer sees it (RFC 3261, 12).
struct PeerDialog {
  std::string call_id;
  // The values of From and To of the peer's own requests, tags included.
  std::string local;
  std::string remote;
  std::string remote_target;
  std::string contact;
  int64_t cseq = 0;
  int64_t invite_cseq = 0;
};

// A far end that a test plays line by line: a caller and, after REFER, the
// transferee. Everything runs in the test's thread: a function that waits
// reads the socket itself, until what it waits for has come.
//
//   ScriptedPeer peer(server.sip_port());
//   peer.Invite();                              //  INVITE, 200, ACK
//   SipMessage refer = peer.Expect("REFER");    //  <--- REFER
//   peer.Answer(refer, 202);                    //  ---> 202
//   peer.Notify("SIP/2.0 200 OK", "terminated;reason=noresource");
//   peer.Answer(peer.Expect("BYE"), 200);
//
// Order: the next request must be the one expected, and so must the next answer
// to a request; between the two kinds SIP promises no order and neither does
// this class. Retransmissions are counted and answered as before. A request
// that was never asked for fails the test when the peer goes.
//
// Threads: one thread.
// Errors: what did not come, and what came instead, ends the test by an
// exception that gtest reports. All traffic is printed when a test fails.
class ScriptedPeer {
 public:
  static constexpr std::chrono::milliseconds kPatience{5000};

  explicit ScriptedPeer(uint16_t server_port, PeerOptions options = {});
  ~ScriptedPeer();
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  // --- Call flows -----------------------------------------------------------

  // INVITE, 2xx, ACK. Returns the 2xx.
  SipMessage Invite(const InviteOptions& options = {});
  // Only the INVITE; returns it.
  SipMessage StartInvite(const InviteOptions& options = {});
  // Takes the dialog from a 2xx to the INVITE, and acknowledges it.
  void Ack(const SipMessage& ok, std::string_view sdp = "");
  // Each sends its request and returns the final answer.
  SipMessage ReInvite(std::string_view sdp);
  SipMessage Update(std::string_view sdp = "");
  SipMessage Bye(const SipHeaders& headers = {});
  SipMessage Options();
  SipMessage Cancel(const SipMessage& invite);
  // The PRACK for a reliable provisional answer (RFC 3262); takes the early
  // dialog from that.
  SipMessage Prack(const SipMessage& progress, std::string_view sdp = "");
  SipMessage NewPrack(const SipMessage& progress, std::string_view sdp = "");
  SipMessage Notify(std::string_view status_line, std::string_view state,
                    const NotifyOptions& options = {});

  // Answers an INVITE of the server 200 and takes the dialog from it: the peer
  // is the one that is called. Waits for the ACK.
  void AcceptCall(const SipMessage& invite, std::string_view sdp);
  // Begins an early dialog from an INVITE of the server, which is returned with
  // this To tag: its answers all have it.
  SipMessage BeginCalled(const SipMessage& invite, std::string_view tag);
  // A reliable provisional answer to that.
  void AnswerReliably(const SipMessage& called, int status, int64_t rseq,
                      std::string_view sdp = "",
                      const SipHeaders& headers = {});

  // --- Single messages ------------------------------------------------------

  // A request inside the dialog with the next CSeq; not sent.
  SipMessage NewRequest(std::string_view method);
  // A request outside any dialog, with a Call-ID of its own; not sent.
  SipMessage NewStrangerRequest(std::string_view method,
                                std::string_view uri = "");
  // `state` empty: no Subscription-State. `status_line` gets its CRLF; empty:
  // no body.
  SipMessage NewNotify(std::string_view status_line, std::string_view state,
                       const NotifyOptions& options = {});
  // Sends `request` and remembers that an answer is due. Returns it.
  const SipMessage& SendRequest(const SipMessage& request);
  // Sends bytes and expects nothing of them.
  void Send(std::string_view text, int channel = 0);
  // An answer to a request of the server. `reason` empty: the usual one. A
  // Contact is added to a 2xx where `headers` has none; `sdp` is its body.
  void Answer(const SipMessage& request, int status,
              std::string_view reason = "", const SipHeaders& headers = {},
              std::string_view sdp = "");

  // --- Waiting --------------------------------------------------------------

  // The next request; its method must be `method`.
  SipMessage Expect(std::string_view method,
                    std::chrono::milliseconds patience = kPatience);
  // The next final answer to `request`. One of 300 and more to an INVITE is
  // acknowledged.
  SipMessage AwaitAnswer(const SipMessage& request);
  // The next answer to `request`, provisional ones but 100 included.
  SipMessage AwaitAnyAnswer(const SipMessage& request);
  // Fails on anything new within `duration`.
  void ExpectNothing(std::chrono::milliseconds duration);
  // Whatever bytes come next, without any of this class's care.
  std::optional<std::string> Receive(std::chrono::milliseconds timeout);

  // --- What was seen --------------------------------------------------------

  const PeerDialog& dialog() const { return dialog_; }
  PeerDialog& dialog() { return dialog_; }
  uint16_t port() const { return transport_->port(); }
  // Closes its connections, whoever opened them; requests of the server may
  // come by a new one.
  void Disconnect() { transport_->Disconnect(); }
  // Of the connection that it opens, which it does for this.
  uint16_t own_port() { return transport_->own_port(); }
  const PeerTransport& transport() const { return *transport_; }
  // "<sip:caller@ADDRESS:PORT>", with ;transport=tcp or tls where it is that.
  std::string Contact(std::string_view user = "caller") const;
  // How often requests of `method` came again.
  int retransmissions(std::string_view method) const;
  // How often an answer to `method` came again.
  int repeated_answers(std::string_view method) const;
  int options_answered() const { return options_answered_; }
  // CSeq of the newest REFER.
  int64_t refer_cseq() const { return refer_cseq_; }
  // Requests that nobody asked for are no failure any more.
  void AllowUnread() { allow_unread_ = true; }

 private:
  // The next message that is not a repetition and not OPTIONS.
  std::optional<SipMessage> Next(TimePoint deadline);
  bool IsNewRequest(const SipMessage& request);
  bool IsNewAnswer(const SipMessage& answer);
  bool AnsweredOptions(const SipMessage& request);
  std::optional<SipMessage> TakeAnswer(const SipMessage& request);
  void FileAnswer(const SipMessage& answer);
  void AcknowledgeRejection(const SipMessage& invite, const SipMessage& answer);
  SipMessage Transact(const SipMessage& request);
  void AddVia(SipMessage& request);
  void ReportUnread();
  [[noreturn]] void Fail(std::string_view what);

  PeerOptions options_;
  std::unique_ptr<PeerTransport> transport_;
  TrafficLog log_;
  PeerDialog dialog_;
  // Of the newest 2xx; sent again for each retransmission of it.
  std::string ack_;

  // Came while something else was awaited.
  std::deque<SipMessage> requests_;
  std::deque<SipMessage> answers_;
  // Branches of requests whose answers may come.
  std::set<std::string> outstanding_;
  // Requests by branch and method, with the answer that was given.
  std::map<std::string, std::string> seen_requests_;
  std::set<std::string> seen_answers_;
  std::map<std::string, int, std::less<>> retransmissions_;
  std::map<std::string, int, std::less<>> repeated_answers_;
  int options_answered_ = 0;
  int64_t refer_cseq_ = 0;
  bool allow_unread_ = false;
};

// An SDP offer with one m-line per entry of `ports`; audio, then video.
std::string SdpOffer(std::initializer_list<int> ports = {40000},
                     int version = 1);

// The value of a Replaces that names the server's end of `dialog` (RFC 3891,
// 3). `more`: parameters to append, as ";early-only".
std::string ReplacesOf(const PeerDialog& dialog, std::string_view more = "");

}  // namespace callcontrol::testing

#endif  // CALLCONTROL_TESTS_SUPPORT_SCRIPTED_PEER_H_
