// SPDX-License-Identifier: Apache-2.0
#include "sip/transfer/transfer_types.h"

namespace callcontrol::sip {

std::string_view ToString(TransferOutcome outcome) {
  switch (outcome) {
    case TransferOutcome::kTransferred:
      return "TRANSFERRED";
    case TransferOutcome::kAcceptedUnconfirmed:
      return "ACCEPTED_UNCONFIRMED";
    case TransferOutcome::kAcceptedNoSubscription:
      return "ACCEPTED_NO_SUBSCRIPTION";
    case TransferOutcome::kAcceptedNoNotify:
      return "ACCEPTED_NO_NOTIFY";
    case TransferOutcome::kNoFinalStatus:
      return "NO_FINAL_STATUS";
    case TransferOutcome::kLegEndedUnconfirmed:
      return "LEG_ENDED_UNCONFIRMED";
    case TransferOutcome::kTargetFailed:
      return "TARGET_FAILED";
    case TransferOutcome::kReferDeclined:
      return "REFER_DECLINED";
    case TransferOutcome::kReferRejected:
      return "REFER_REJECTED";
    case TransferOutcome::kReferNotSupported:
      return "REFER_NOT_SUPPORTED";
    case TransferOutcome::kReferRedirected:
      return "REFER_REDIRECTED";
    case TransferOutcome::kReferAuthFailed:
      return "REFER_AUTH_FAILED";
    case TransferOutcome::kReferTimeout:
      return "REFER_TIMEOUT";
    case TransferOutcome::kTransportFailed:
      return "TRANSPORT_FAILED";
    case TransferOutcome::kSubscriptionRejectedByPeer:
      return "SUBSCRIPTION_REJECTED_BY_PEER";
    case TransferOutcome::kLegEndedBeforeRefer:
      return "LEG_ENDED_BEFORE_REFER";
    case TransferOutcome::kLegEndedDuringRefer:
      return "LEG_ENDED_DURING_REFER";
    case TransferOutcome::kLegLost:
      return "LEG_LOST";
    case TransferOutcome::kHoldFailed:
      return "HOLD_FAILED";
    case TransferOutcome::kLegNotReady:
      return "LEG_NOT_READY";
    case TransferOutcome::kLocalHangup:
      return "LOCAL_HANGUP";
    case TransferOutcome::kServerShutdown:
      return "SERVER_SHUTDOWN";
    case TransferOutcome::kInternalError:
      return "INTERNAL_ERROR";
    case TransferOutcome::kCancelled:
      return "CANCELLED";
  }
  return "?";
}

std::string_view ToString(TransferVerdict verdict) {
  switch (verdict) {
    case TransferVerdict::kSuccess:
      return "SUCCESS";
    case TransferVerdict::kFailure:
      return "FAILURE";
    case TransferVerdict::kUnknown:
      return "UNKNOWN";
  }
  return "?";
}

TransferVerdict VerdictOf(TransferOutcome outcome, ReferProgress progress) {
  switch (outcome) {
    case TransferOutcome::kTransferred:
      return TransferVerdict::kSuccess;
    case TransferOutcome::kAcceptedUnconfirmed:
    case TransferOutcome::kAcceptedNoSubscription:
    case TransferOutcome::kAcceptedNoNotify:
    case TransferOutcome::kNoFinalStatus:
    case TransferOutcome::kLegEndedUnconfirmed:
    case TransferOutcome::kSubscriptionRejectedByPeer:
      return TransferVerdict::kUnknown;
    case TransferOutcome::kLegLost:
      return progress == ReferProgress::kAccepted ? TransferVerdict::kUnknown
                                                  : TransferVerdict::kFailure;
    // This side stopped looking: a REFER that is out may be acted upon.
    case TransferOutcome::kLocalHangup:
    case TransferOutcome::kServerShutdown:
    case TransferOutcome::kInternalError:
    case TransferOutcome::kCancelled:
      return progress == ReferProgress::kNotSent ? TransferVerdict::kFailure
                                                 : TransferVerdict::kUnknown;
    case TransferOutcome::kTargetFailed:
    case TransferOutcome::kReferDeclined:
    case TransferOutcome::kReferRejected:
    case TransferOutcome::kReferNotSupported:
    case TransferOutcome::kReferRedirected:
    case TransferOutcome::kReferAuthFailed:
    case TransferOutcome::kReferTimeout:
    case TransferOutcome::kTransportFailed:
    case TransferOutcome::kLegEndedBeforeRefer:
    case TransferOutcome::kLegEndedDuringRefer:
    case TransferOutcome::kHoldFailed:
    case TransferOutcome::kLegNotReady:
      return TransferVerdict::kFailure;
  }
  return TransferVerdict::kUnknown;
}

}  // namespace callcontrol::sip
