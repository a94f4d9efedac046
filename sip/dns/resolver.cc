// SPDX-License-Identifier: Apache-2.0
#include "sip/dns/resolver.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sip/dns/dns_error.h"

namespace callcontrol::sip {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxOutstanding = 1000;
// A lookup that has met its deadline leaves its questions in c-ares, which
// cannot take one back. Bounds those (about 1 KiB each), too.
constexpr std::size_t kMaxOpenQuestions = 4000;
// Keeps `now + deadline` from overflowing.
constexpr milliseconds kMaxDeadline = std::chrono::hours(24);
// How long the thread sleeps with nothing to do.
constexpr milliseconds kIdle = std::chrono::hours(1);

absl::Status Busy(std::string_view host) {
  return DnsError(absl::StatusCode::kResourceExhausted, "DNS_BUSY",
                  absl::StrCat("too many names are being resolved to begin "
                               "with \"",
                               std::string(host), "\""));
}

absl::Status Cancelled(std::string_view host) {
  return DnsError(absl::StatusCode::kCancelled, "DNS_CANCELLED",
                  absl::StrCat("the resolver stopped before \"",
                               std::string(host), "\" was resolved"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Create(
    ResolverOptions options) {
  absl::StatusOr<std::unique_ptr<DnsChannel>> channel =
      DnsChannel::Create(options);
  if (!channel.ok()) return channel.status();
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    return DnsError(absl::StatusCode::kUnavailable, "DNS_UNAVAILABLE",
                    "no file descriptor is left for the resolver");
  }
  return std::unique_ptr<Resolver>(
      new Resolver(std::move(options), *std::move(channel), wake_fd));
}

Resolver::Resolver(ResolverOptions options, std::unique_ptr<DnsChannel> channel,
                   int wake_fd)
    : options_(std::move(options)),
      wake_fd_(wake_fd),
      cache_(options_.cache_entries, options_.max_ttl),
      random_(std::random_device()()),
      random_below_([this](std::uint32_t bound) {
        return std::uniform_int_distribution<std::uint32_t>(0,
                                                            bound - 1)(random_);
      }),
      channel_(std::move(channel)),
      thread_([this] { Run(); }) {}

Resolver::~Resolver() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_fd_, 1);
  thread_.join();
  channel_.reset();
  close(wake_fd_);
}

void Resolver::Resolve(SipTarget target, milliseconds deadline, Callback done) {
  const TimePoint due =
      steady_clock::now() + std::clamp(deadline, milliseconds(0), kMaxDeadline);
  bool ring;
  {
    MutexLock lock(mutex_);
    const bool counted = outstanding_ < kMaxOutstanding;
    if (counted) ++outstanding_;
    ring = jobs_.empty();
    jobs_.push_back({std::move(target), due, std::move(done), counted});
  }
  // The bell is already rung where jobs were waiting.
  if (ring) eventfd_write(wake_fd_, 1);
}

void Resolver::Run() {
  while (true) {
    auto [jobs, stopping] = TakeJobs();
    if (stopping) return CancelAll(std::move(jobs));
    for (Job& job : jobs) Begin(std::move(job));
    ExpireDue();
    channel_->Turn(wake_fd_, UntilNextDeadline());
  }
}

std::pair<std::deque<Resolver::Job>, bool> Resolver::TakeJobs() {
  // Before the queue: a job queued in between rings again.
  eventfd_t rung;
  eventfd_read(wake_fd_, &rung);
  std::deque<Job> jobs;
  MutexLock lock(mutex_);
  jobs.swap(jobs_);
  return {std::move(jobs), stopping_};
}

void Resolver::Begin(Job job) {
  if (job.target.host.ends_with('.')) job.target.host.pop_back();
  if (!job.counted) {
    absl::Status busy = Busy(job.target.host);
    return Answer(std::move(job), std::move(busy));
  }
  if (std::optional<SipAddress> numeric = NumericAddress(job.target)) {
    return Answer(std::move(job), std::vector{*std::move(numeric)});
  }
  if (!IsDnsName(job.target.host)) {
    absl::Status bad = DnsError(
        absl::StatusCode::kInvalidArgument, "DNS_BAD_NAME",
        absl::StrCat("\"", absl::CHexEscape(job.target.host.substr(0, 253)),
                     "\" is neither a host name nor an address"));
    return Answer(std::move(job), std::move(bad));
  }
  if (const Route* known = cache_.Find(job.target, steady_clock::now())) {
    std::vector<SipAddress> addresses = AddressesOf(*known, random_below_);
    return Answer(std::move(job), std::move(addresses));
  }
  Ask(std::move(job));
}

void Resolver::Ask(Job job) {
  if (channel_->open_questions() >= kMaxOpenQuestions) {
    absl::Status busy = Busy(job.target.host);
    return Answer(std::move(job), std::move(busy));
  }
  const std::uint64_t id = next_id_++;
  deadlines_.emplace(job.deadline, id);
  const auto route = std::make_shared<RouteLookup>(
      job.target, options_, *channel_, [this, id](absl::StatusOr<Route> found) {
        OnRoute(id, std::move(found));
      });
  lookups_.emplace(id, Lookup{std::move(job), route});
  route->Start();
}

void Resolver::OnRoute(std::uint64_t id, absl::StatusOr<Route> route) {
  const auto found = lookups_.find(id);
  Job job = std::move(found->second.job);
  lookups_.erase(found);
  deadlines_.erase({job.deadline, id});
  if (!route.ok()) {
    // Moved all the way: ThreadSanitizer cannot see the reference count of a
    // Status that two threads share (Debian's absl is not built for it).
    return Answer(std::move(job), std::move(route).status());
  }
  cache_.Insert(job.target, *route, steady_clock::now());
  Answer(std::move(job), AddressesOf(*route, random_below_));
}

void Resolver::ExpireDue() {
  const TimePoint now = steady_clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    // A copy: OnRoute() erases the map's.
    const auto route = lookups_.at(deadlines_.begin()->second).route;
    route->Expire();
  }
}

void Resolver::CancelAll(std::deque<Job> jobs) {
  while (!lookups_.empty()) {
    const auto& [id, lookup] = *lookups_.begin();
    const auto route = lookup.route;
    route->Finish(Cancelled(lookup.job.target.host));
  }
  // Again after the callbacks, which may have called Resolve().
  for (; !jobs.empty(); jobs = TakeJobs().first) {
    for (Job& job : jobs) {
      absl::Status cancelled = Cancelled(job.target.host);
      Answer(std::move(job), std::move(cancelled));
    }
  }
}

void Resolver::Answer(Job job, absl::StatusOr<std::vector<SipAddress>> result) {
  if (job.counted) {
    MutexLock lock(mutex_);
    --outstanding_;
  }
  std::move(job.done)(std::move(result));
}

milliseconds Resolver::UntilNextDeadline() const {
  if (deadlines_.empty()) return kIdle;
  const auto left = deadlines_.begin()->first - steady_clock::now();
  // Rounded up, not to wake before it.
  return std::clamp(std::chrono::ceil<milliseconds>(left), milliseconds(0),
                    kIdle);
}

}  // namespace callcontrol::sip
