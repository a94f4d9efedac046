// SPDX-License-Identifier: Apache-2.0
//
// From the client's request to the REFER on the wire, and the requests that
// never get there.
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/server_test.h"

namespace callcontrol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class TransferRequestTest : public ServerTest<TransferRequestTest> {
 protected:
  static v1::ReferRequest Request(const AnsweredCall& call) {
    v1::ReferRequest request;
    request.set_call_id(call.id);
    request.set_refer_to("sip:carol@target.example");
    return request;
  }
};

// protocol.md, appendix B; the host is that of the remote target.
TEST_F(TransferRequestTest, ReferToIsWrittenAsOneNameAddr) {
  Shows({"18", "21", "22"});
  const std::vector<std::pair<std::string, std::string>> kCases = {
      {"+15083084809", "<sip:+15083084809@127.0.0.1;user=phone>"},
      {"+1 (508) 308-4809", "<sip:+15083084809@127.0.0.1;user=phone>"},
      {"1000", "<sip:1000@127.0.0.1>"},
      {"alice", "<sip:alice@127.0.0.1>"},
      {"alice@b.example", "<sip:alice@b.example>"},
      {"sip:alice@b.example;transport=tcp",
       "<sip:alice@b.example;transport=tcp>"},
      {"<sip:alice@b.example;transport=tcp>",
       "<sip:alice@b.example;transport=tcp>"},
      {"tel:+15083084809", "<tel:+15083084809>"},
      {"sip:[2001:db8::1]:5070", "<sip:[2001:db8::1]:5070>"}};
  AnsweredCall call(server());
  for (const auto& [input, wire] : kCases) {
    EXPECT_THAT(call.DeclinedRefer(input).Lines("Refer-To"), ElementsAre(wire))
        << input;
  }
}

TEST_F(TransferRequestTest, HeadersOfTheClientAreOnTheWire) {
  Shows({"23", "25", "26"});
  AnsweredCall call(server());
  SipMessage refer =
      call.DeclinedRefer("sip:t@target.example", [](v1::ReferRequest& request) {
        (*request.mutable_headers())["X-Reason"] = "vip caller";
        for (const char* value : {"one", "two"}) {
          v1::SipHeader* header = request.add_more_headers();
          header->set_name("X-Step");
          header->set_value(value);
        }
        request.set_referred_by("1001");
        (*request.mutable_target_headers())["X-Ctx"] = "a&b=c%";
      });
  EXPECT_THAT(refer.Lines("X-Reason"), ElementsAre("vip caller"));
  EXPECT_THAT(refer.Lines("X-Step"), ElementsAre("one", "two"));
  EXPECT_THAT(refer.Lines("Referred-By"), ElementsAre("<sip:1001@127.0.0.1>"));
  EXPECT_THAT(refer.Lines("Refer-To"),
              ElementsAre("<sip:t@target.example?X-Ctx=a%26b%3Dc%25>"));
}

TEST_F(TransferRequestTest, ACallIsFoundByItsSipCallId) {
  AnsweredCall call(server());
  v1::ReferRequest request;
  request.set_sip_call_id(call.peer.dialog().call_id);
  request.set_refer_to("sip:carol@target.example");
  TransferStream stream = call.client.Refer(request);
  call.peer.Answer(call.peer.Expect("REFER"), 603);
  EXPECT_EQ(stream.RestUntilResult().back().call_id(), call.id);
}

TEST_F(TransferRequestTest, APlanIsToldAndNothingIsSent) {
  AnsweredCall call(server());
  TransferStream stream =
      call.Refer("+15083084809", [](v1::ReferRequest& request) {
        request.set_validate_only(true);
        (*request.mutable_headers())["X-Reason"] = "vip";
      });
  v1::ReferEvent event = stream.Next();
  ASSERT_THAT(event, Planned());
  EXPECT_EQ(event.planned().refer_to(),
            "<sip:+15083084809@127.0.0.1;user=phone>");
  EXPECT_EQ(event.planned().referred_by(), "<sip:caller@peer.example>");
  EXPECT_EQ(event.planned().cseq(), 0);
  ASSERT_EQ(event.planned().headers_size(), 1);
  EXPECT_EQ(event.planned().headers(0).name(), "X-Reason");
  EXPECT_FALSE(stream.TryNext());
  EXPECT_TRUE(stream.Finish().ok());
  call.peer.ExpectNothing(100ms);
  // And the call is free.
  call.DeclinedRefer("sip:carol@target.example");
}

TEST_F(TransferRequestTest,
       ASecondTransferOfACallIsRefusedWithTheIdOfTheFirst) {
  Shows({"17"});
  AnsweredCall call(server());
  TransferStream first = call.Refer();
  SipMessage refer = call.peer.Expect("REFER");
  std::string transfer_id = first.Next().transfer_id();

  grpc::Status status = call.client.ReferRefused(Request(call));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  google::rpc::ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.domain(), "callcontrol.v1");
  EXPECT_EQ(info.reason(), "TRANSFER_IN_PROGRESS");
  ASSERT_TRUE(info.metadata().contains("transfer_id"));
  EXPECT_EQ(info.metadata().at("transfer_id"), transfer_id);
  call.peer.ExpectNothing(50ms);
  call.peer.Answer(refer, 603);
  first.RestUntilResult();
}

TEST_F(TransferRequestTest, AnUnknownCallIsNotFound) {
  ReferClient client(server().grpc_port());
  v1::ReferRequest request;
  request.set_refer_to("sip:carol@target.example");
  request.set_call_id("c-test-none");
  grpc::Status status = client.ReferRefused(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "CALL_NOT_FOUND");
  request.set_sip_call_id("none@peer.example");
  status = client.ReferRefused(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "CALL_NOT_FOUND");
}

// reliability.md, row 25.
TEST_F(TransferRequestTest, AnEndedCallIsNotFound) {
  AnsweredCall call(server());
  EventStream<v1::CallEvent> calls = call.Watch();
  EXPECT_THAT(call.peer.Bye(), Answered(200));
  call.AwaitEnded(calls);
  grpc::Status status = call.client.ReferRefused(Request(call));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "CALL_NOT_FOUND");
}

TEST_F(TransferRequestTest, ACallThatIsEndingCannotBeTransferred) {
  AnsweredCall call(server());
  call.client.HangUp(call.id);
  SipMessage bye = call.peer.Expect("BYE");
  grpc::Status status = call.client.ReferRefused(Request(call));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "CALL_NOT_READY");
  call.peer.Answer(bye, 200);
}

struct BadRequestCase {
  std::string field;
  std::function<void(v1::ReferRequest&)> spoil;
};

std::function<void(v1::ReferRequest&)> ReferTo(std::string value) {
  return [value](v1::ReferRequest& request) { request.set_refer_to(value); };
}

std::function<void(v1::ReferRequest&)> WithHeader(std::string name,
                                                  std::string value) {
  return [=](v1::ReferRequest& request) {
    (*request.mutable_headers())[name] = value;
  };
}

TEST_F(TransferRequestTest, AMalformedFieldIsNamedAndNothingIsSent) {
  Shows({"1", "19", "24", "29"});
  AnsweredCall call(server());
  const std::vector<BadRequestCase> kCases = {
      {"refer_to", ReferTo("")},
      {"refer_to", ReferTo("   ")},
      {"refer_to", ReferTo("http://example.com")},
      {"refer_to", ReferTo("<sip:a@b>, <sip:c@d>")},
      {"refer_to", ReferTo("sip:a@b\r\nX-Evil: 1")},
      {"refer_to", ReferTo("sip:@b")},
      {"refer_to", ReferTo("<<<>")},
      {"refer_to", ReferTo("sip:a@b?Route=%3Csip:evil%3E")},
      {"refer_to", ReferTo("sip:" + std::string(2100, 'a') + "@b")},
      {"headers", WithHeader("Via", "SIP/2.0/UDP x")},
      {"headers", WithHeader("cseq", "1 REFER")},
      {"headers", WithHeader("r", "<sip:evil@b>")},
      {"headers", WithHeader("Subject", "no")},
      {"headers", WithHeader("X A", "v")},
      {"headers", WithHeader("Via ", "v")},
      {"headers", WithHeader("X-A", "v\r\nX-Evil: 1")},
      {"headers", WithHeader("X-A", std::string(1025, 'v'))},
      {"target_headers",
       [](v1::ReferRequest& request) {
         (*request.mutable_target_headers())["Route"] = "<sip:evil>";
       }},
      {"referred_by", [](v1::ReferRequest& request) {
         request.set_referred_by("sip:a@b\r\nX-Evil: 1");
       }}};
  for (const BadRequestCase& bad : kCases) {
    v1::ReferRequest request = Request(call);
    bad.spoil(request);
    SCOPED_TRACE(request.ShortDebugString().substr(0, 200));
    grpc::Status status = call.client.ReferRefused(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_FALSE(ErrorInfoOf(status).reason().empty());
    google::rpc::BadRequest details = BadRequestOf(status);
    ASSERT_GE(details.field_violations_size(), 1);
    EXPECT_THAT(details.field_violations(0).field(), HasSubstr(bad.field));
  }
  call.peer.ExpectNothing(100ms);
  call.DeclinedRefer("sip:carol@target.example");
}

TEST_F(TransferRequestTest, ARequestWithoutAPartyIsMalformed) {
  ReferClient client(server().grpc_port());
  v1::ReferRequest request;
  request.set_refer_to("sip:carol@target.example");
  EXPECT_EQ(client.ReferRefused(request).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(TransferRequestTest, ARequestThatIsMadeTwiceIsCarriedOutOnce) {
  AnsweredCall call(server());
  v1::ReferRequest request = Request(call);
  request.set_request_id(Cat("once-", call.id));
  TransferStream first = call.client.Refer(request);
  TransferStream second = call.client.Refer(request);
  SipMessage refer = call.peer.Expect("REFER");
  call.peer.Answer(refer, 202);
  EXPECT_THAT(
      call.peer.Notify("SIP/2.0 486 Busy Here", "terminated;reason=noresource"),
      Answered(200));
  auto told = first.RestUntilResult();
  ExpectWellFormed(told);
  auto also = second.RestUntilResult();
  ASSERT_EQ(also.size(), told.size());
  EXPECT_EQ(also[0].transfer_id(), told[0].transfer_id());
  // After the end it is replayed, and nothing is sent again.
  auto replayed = call.client.Refer(request).RestUntilResult();
  ASSERT_EQ(replayed.size(), told.size());
  EXPECT_EQ(replayed.back().SerializeAsString(),
            told.back().SerializeAsString());
  EXPECT_EQ(call.client.GetTransfer(told[0].transfer_id()).request_id(),
            request.request_id());
  call.peer.ExpectNothing(50ms);

  request.set_refer_to("sip:dave@target.example");
  grpc::Status reused = call.client.ReferRefused(request);
  EXPECT_EQ(reused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ErrorInfoOf(reused).reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(ErrorInfoOf(reused).metadata().at("transfer_id"),
            told[0].transfer_id());
  call.peer.ExpectNothing(50ms);
}

TEST_F(TransferRequestTest, ARefusedRequestMayBeMadeAgainUnderItsId) {
  AnsweredCall call(server());
  v1::ReferRequest request = Request(call);
  request.set_request_id(Cat("again-", call.id));
  request.set_refer_to("http://target.example");
  EXPECT_EQ(call.client.ReferRefused(request).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.set_refer_to("sip:carol@target.example");
  TransferStream stream = call.client.Refer(request);
  call.peer.Answer(call.peer.Expect("REFER"), 603);
  EXPECT_THAT(stream.RestUntilResult().back(),
              Ended(v1::TRANSFER_OUTCOME_REFER_DECLINED));
}

}  // namespace
}  // namespace callcontrol::testing
