// SPDX-License-Identifier: Apache-2.0
#include "sip/sofia/sofia_engine.h"

#include <utility>

#include "sip/sofia/sofia_engine_impl.h"

namespace callcontrol::sip {

absl::StatusOr<std::unique_ptr<SofiaEngine>> SofiaEngine::Start(
    EngineOptions options, EngineObserver& observer) {
  auto impl = std::make_unique<Impl>(std::move(options), observer);
  if (absl::Status status = impl->Start(); !status.ok()) return status;
  return std::unique_ptr<SofiaEngine>(new SofiaEngine(std::move(impl)));
}

SofiaEngine::SofiaEngine(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)), sip_port_(impl_->port()) {}

SofiaEngine::~SofiaEngine() = default;

void SofiaEngine::Refer(TransferRequest request, ReferDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->Refer(request, std::move(done));
  });
}

void SofiaEngine::Cancel(std::string call_id, std::string transfer_id,
                         CancelDone done) {
  impl_->loop().Post([impl = impl_.get(), call_id = std::move(call_id),
                      transfer_id = std::move(transfer_id),
                      done = std::move(done)]() mutable {
    impl->Cancel(call_id, transfer_id, std::move(done));
  });
}

void SofiaEngine::Place(PlaceRequest request, PlaceDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->Place(request, std::move(done));
  });
}

void SofiaEngine::Progress(ProgressRequest request, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->WithCall(request.call_id, std::move(done),
                   [&](SofiaCall& call) { return call.Progress(request); });
  });
}

void SofiaEngine::Answer(std::string call_id, std::string sdp, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), call_id = std::move(call_id),
                      sdp = std::move(sdp), done = std::move(done)]() mutable {
    impl->WithCall(call_id, std::move(done), [&](SofiaCall& call) {
      return call.AnswerBy(std::move(sdp));
    });
  });
}

void SofiaEngine::Reject(RejectRequest request, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->WithCall(request.call_id, std::move(done),
                   [&](SofiaCall& call) { return call.Reject(request); });
  });
}

void SofiaEngine::Update(UpdateRequest request, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), request = std::move(request),
                      done = std::move(done)]() mutable {
    impl->Update(request, std::move(done));
  });
}

void SofiaEngine::DecideRefer(ReferDecision decision, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), decision = std::move(decision),
                      done = std::move(done)]() mutable {
    std::move(done)(impl->Decide(decision));
  });
}

void SofiaEngine::HangUp(std::string call_id, CallDone done) {
  impl_->loop().Post([impl = impl_.get(), call_id = std::move(call_id),
                      done = std::move(done)]() mutable {
    impl->WithCall(call_id, std::move(done), [](SofiaCall& call) {
      call.HangUp("hung up by a client");
      return absl::OkStatus();
    });
  });
}

void SofiaEngine::SetRouting(std::vector<CallRoute> routes, Trunks trunks,
                             Done done) {
  impl_->loop().Post([impl = impl_.get(), routes = std::move(routes),
                      trunks = std::move(trunks),
                      done = std::move(done)]() mutable {
    impl->SetRouting(std::move(routes), std::move(trunks));
    std::move(done)();
  });
}

std::uint16_t SofiaEngine::sip_tls_port() const { return impl_->tls_port(); }

void SofiaEngine::ReloadTls(
    absl::AnyInvocable<void(absl::Status result) &&> done) {
  impl_->loop().Post([impl = impl_.get(), done = std::move(done)]() mutable {
    std::move(done)(impl->ReloadTls());
  });
}

void SofiaEngine::Drain(Done done) {
  impl_->RefuseNewWork();
  impl_->loop().Post([impl = impl_.get(), done = std::move(done)]() mutable {
    impl->Drain(std::move(done));
  });
}

void SofiaEngine::Stop(Done done) {
  impl_->RefuseNewWork();
  impl_->loop().Post([impl = impl_.get(), done = std::move(done)]() mutable {
    impl->Stop(std::move(done));
  });
}

std::chrono::nanoseconds SofiaEngine::lag() const {
  return impl_->loop().lag();
}

}  // namespace callcontrol::sip
